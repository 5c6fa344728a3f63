"""The payment server: intake over HTTP, Kafka, and the one transaction that turns a hold into a paid order.

- ``saga``: the state machine (pure); ``pacing``: how long to wait, and what is late (pure); ``offsets``: which offset
  may be committed (pure)
- ``provider``: the payment provider; ``wire``: HTTP to it (the only importer of aiohttp); ``kafka``: commands, dead
  letters and told orders (the only importer of aiokafka); ``line_store``: what payment servers do in Redis (the only
  importer of redis)
- ``commands``: what intake sends through Kafka, gathered
- ``settler``: carries a payment through the state machine; ``consumer``, ``sweepers``: who calls it, and when
- ``intake``, ``intake_routes``: the HTTP API; ``figures``: metrics; ``server``: puts it together; ``__main__``: the
  process
"""
