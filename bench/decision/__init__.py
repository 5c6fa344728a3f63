"""The decision behind Ticket-on in numbers: `make bench-decision` (``docs/decision.md`` is its page).

- ``addresses``, ``crowd``: who comes, from where, and when; ``placement``, ``placement_model``: nginx's hashes;
  ``figures``: what is measured; ``scale``: how long; ``report``: the page (all pure, from seeds)
- ``session_server``, ``nginx``, ``visitors``, ``option1``: payments spread by a real nginx
- ``market``, ``sale``, ``option2``: the same crowd through intake, Kafka and payment servers
- ``threshold``, ``usage``, ``throttle``: payments over the forecast; ``funnel``: whole sales with a crowd
- ``kafka``, ``disk``: what a broker, Postgres and the disk take
- ``plots``: the pictures; ``machine``: versions; ``__main__``: all of it, in turn
"""
