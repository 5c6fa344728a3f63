"""`make dev`: the services on the bare machine with real Redis, Postgres and Kafka, started anew as their code changes.

- ``sample``: the event that is on sale, and the addresses and keys of its servers (pure)
- ``programs``: what runs, in which order, and which folders of code it depends on (pure)
- ``supervisor``: starts, watches and ends those programs (the only importer of subprocesses here)
- ``loop``: the whole of it, from the stores to Ctrl-C
"""
