"""Redis, Postgres and Kafka as real processes on the bare machine: for integration tests and the inner loop.

    with Stores(folder) as stores:
        stores.redis.url, stores.postgres.url, stores.kafka.bootstrap_servers

Each server can be stopped, killed, paused, resumed and restarted on its port and data: see ``process.StoreServer``.
"""

from ticketon_dev.stores.facade import Stores, ensure_all
from ticketon_dev.stores.kafka import KafkaServer
from ticketon_dev.stores.postgres import PostgresServer
from ticketon_dev.stores.process import StoreError, StoreServer
from ticketon_dev.stores.redis import RedisServer

__all__ = ["KafkaServer", "PostgresServer", "RedisServer", "StoreError", "StoreServer", "Stores", "ensure_all"]
