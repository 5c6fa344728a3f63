"""What the parts of Ticket-on agree on, and nothing else.

The operator, both services, the ledger and the tools import this package; it imports none of them and no client
of an outside system. If two processes must agree on a name, a format or a key, it is defined here once:

- ``config``: the event's configuration, as the operator writes it and the services read it
- ``names``: names of Kubernetes objects, Kafka topics, Redis keys and files
- ``keys``, ``tokens``: derived keys, and the signed tokens that buyers carry
- ``messages``: what travels through Kafka
- ``summary``: the small figures that services publish and the operator reads
- ``problems``: the catalogue of RFC 9457 problem types
- ``connections``: where the stores are, from the environment
"""
