"""`make demo`: a show goes on sale on a real cluster, before one's eyes, and is judged afterwards.

- ``event``, ``timeline``, ``metrics``, ``usage``, ``report``: pure
- ``install``: chart, simulator and TicketEvent, by Helm and kubectl; ``audit``, ``records``: orders, by tunnels
- ``cluster_api`` (aiohttp), ``tunnel`` (processes), ``table`` (rich), ``picture`` (matplotlib): one outside thing each
- ``watch``: a moment of the sale each second; ``show``: the order of all of it
"""
