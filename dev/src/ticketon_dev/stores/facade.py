"""All three stores at once: installed, started side by side, ended together."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from ticketon_dev.locations import locations
from ticketon_dev.progress import Progress
from ticketon_dev.stores.kafka import KafkaServer, ensure_kafka
from ticketon_dev.stores.postgres import PostgresServer, ensure_postgres
from ticketon_dev.stores.process import StoreServer
from ticketon_dev.stores.redis import RedisServer, ensure_redis


def data_folder() -> Path:
    """Where processes of the bare machine keep data; root's is not in its home: Postgres' user cannot enter it."""
    if os.geteuid() == 0:
        return Path("/var/lib/ticketon-dev")
    return locations(Path.cwd(), os.environ, Path.home()).state


def ensure_all(progress: Progress) -> None:
    """Put on the machine what the three need and is missing; SetupError with one line where that cannot be done."""
    ensure_redis(progress)
    ensure_postgres(progress)
    ensure_kafka(progress)


class Stores:
    """The three servers with their data under `folder`, one folder each, which stays when they end."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.redis = RedisServer(folder / "redis", durable=durable)
        self.postgres = PostgresServer(folder / "postgres", durable=durable)
        self.kafka = KafkaServer(folder / "kafka", durable=durable)

    @property
    def servers(self) -> tuple[StoreServer, ...]:
        return (self.kafka, self.postgres, self.redis)

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables by which the services find their stores."""
        return {
            "TICKETON_REDIS_URL": self.redis.url,
            "TICKETON_POSTGRES_URL": self.postgres.url,
            "TICKETON_KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
        }

    def start(self) -> None:
        """Start all, side by side; if one cannot start, the others are ended again."""
        with ThreadPoolExecutor(len(self.servers)) as together:
            starting = [together.submit(server.start) for server in self.servers]
        try:
            for started in starting:
                started.result()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all in good order, side by side."""
        with ThreadPoolExecutor(len(self.servers)) as together:
            ending = [together.submit(server.stop) for server in self.servers]
        for ended in ending:
            ended.result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
