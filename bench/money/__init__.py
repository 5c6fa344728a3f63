"""How fast seats are held and paid: every figure beside a reference that runs on the same machine in the same minute.

- ``world``: the stores, an event with its hall, and the servers under measurement, as processes of their own
- ``load``: HTTP requests out of one loop, as fast as they are answered or at a rate
- ``provider``: a payment provider that costs next to nothing, with a latency
- ``buying``: buyers with passes, holds and requests to pay, ready to be sent
- ``holds``, ``commits``, ``payments``, ``replay``: the scenarios; ``report``: what they found, as a table
"""
