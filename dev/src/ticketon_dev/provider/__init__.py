"""A payment provider to develop and test against: a real HTTP server with books of its own, which survive its restart.

It speaks both protocols (two-phase: authorize, capture, void; one-phase: charge, refund), honours idempotency keys, and
misbehaves on request: by card (``cards``), or for everybody (``faults``). Its books, not ours, say who was charged.

- ``cards``, ``faults``: how it answers (pure); ``books``: what it did (the only importer of sqlite3)
- ``application``: its HTTP API; ``__main__``: ``python -m ticketon_dev.provider``
"""
