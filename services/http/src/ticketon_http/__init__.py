"""What both HTTP servers of Ticket-on share; it knows neither the line nor payments.

- ``settings``: where a server finds its files and ports (pure)
- ``live``: the event's configuration and keys in force, replaced while the server runs
- ``guard``: the outermost ASGI layer: sizes, paths, drain, nothing but problem documents on failure
- ``protocol``: uvicorn's HTTP/1.1 protocol with a bound on the head of a request
- ``express``: beside it, answers without ASGI in between, for what an application offers
- ``problems``: RFC 9457 answers, and their handlers for FastAPI
- ``origins``: the Origin check of the route's own pages, and CORS for the payment address
- ``health``, ``metrics``: /livez, /readyz and /metrics on a port that is never routed to buyers
- ``logs``: one JSON object a line, without secrets
- ``runner``: starts uvicorn on both ports and drains on SIGTERM; the only importer of uvicorn beside these two

It may import ``ticketon_contract`` and no other part.
"""
