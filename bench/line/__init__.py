"""What waiting costs, each figure beside a reference: `make bench-line` (``docs/line-benchmarks.md`` is its page).

- ``door``: an event whose line is open, and one queue server of it on one core; ``scale``: how much is measured
- ``wrk``: the generator; ``scripts``: what it sends, and nginx's join; ``loaded``: a server's answers and CPU
- ``joins`` (with ``nginx`` and ``script``), ``polls`` (with ``floor``), ``memory``, ``admission``, ``peers``
- ``holding``, ``crowd``: visitors that one server holds
- ``sharding``: one event's line over several Redis, in virtual time (pure)
- ``report``, ``plots``: the page; ``__main__``: all of it, in turn
"""
