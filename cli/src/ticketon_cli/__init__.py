"""The ``ticketon`` command, for people on call.

- ``__main__``: the commands and their options
- ``dead_letters``: what may be done with the dead-letter topic (pure where it decides, ``kafka`` where it acts)
- ``tickets``: checking them without a network
- ``kafka``: the only importer of aiokafka

What only needs Postgres is the ledger's own (``ticketon_ledger.commands``), so that it also runs in a payment server's
pod.
"""
