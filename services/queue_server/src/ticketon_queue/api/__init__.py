"""The queue server's HTTP API: requests in, calls to the line and the ledger, documents out.

Routes hold no rule of the line or of seats; those are in ``line``, ``admission`` and the ledger.
"""
