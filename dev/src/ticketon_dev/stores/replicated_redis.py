"""A Redis with a second one beside it, behind one address: what a failover is, and what it may lose.

Redis replicates asynchronously. What is written between ``cut`` and ``fail_over`` is acknowledged, and lost.
"""

import itertools
import shutil
import time
from pathlib import Path

import redis

from ticketon_dev.stores.process import POLL_SECONDS, StoreError, free_port
from ticketon_dev.stores.redis import RedisServer

SYNCED_WITHIN_SECONDS = 60.0
COMMAND_SECONDS = 30.0
#: Where no primary is: a replica that follows it keeps what it has, and learns nothing more.
_NOWHERE = ("127.0.0.1", 1)


class ReplicatedRedis(RedisServer):
    """As a ``RedisServer`` it is whatever answers at the address. All methods block."""

    def __init__(self, folder: Path, *, port: int | None = None, durable: bool = True) -> None:
        super().__init__(folder / "0", port=port, durable=durable)
        self._home = folder
        self._numbers = itertools.count(1)
        self._other: RedisServer | None = None

    def follow(self) -> None:
        """Start a replica; return when it has what is here, and gets what comes."""
        if self._other is not None:
            self._other.remove()
        self._other = other = RedisServer(self._home / str(next(self._numbers)), durable=self.durable)
        other.start()
        with _client(self.port) as client:
            client.config_set("repl-diskless-sync-delay", 0)
        with _client(other.port) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", self.port)
            deadline = time.monotonic() + SYNCED_WITHIN_SECONDS
            while client.info("replication").get("master_link_status") != "up":
                if time.monotonic() > deadline:
                    raise StoreError(f"the replica has not caught up in {SYNCED_WITHIN_SECONDS:.0f} s: see {other.log}")
                time.sleep(POLL_SECONDS)

    def cut(self) -> None:
        """Part the replica from the primary, which does not mind: it goes on alone."""
        with _client(self._beside.port) as client:
            client.execute_command("REPLICAOF", *_NOWHERE)

    def part(self) -> None:
        """Have a replica that has everything, and learns nothing more."""
        self.follow()
        self.cut()

    def fail_over(self) -> None:
        """SIGKILL the primary; its replica, with what it has, is a primary and answers at the address."""
        self.kill()
        self.switch()

    def switch(self, *, clients_stay: bool = False) -> None:
        """Let the address lead to the other one, as a primary. This one goes on if it runs, and loses its clients."""
        other, spare = self._beside, free_port()
        if self.running:
            with _client(self.port) as client:
                client.config_set("port", spare)
                if not clients_stay:
                    client.client_kill_filter(_type="normal", skipme=True)
        with _client(other.port) as client:
            client.execute_command("REPLICAOF", "NO", "ONE")
            client.config_set("port", self.port)
        self.folder, other.folder = other.folder, self.folder
        self.process, other.process = other.process, self.process
        other.port = spare

    def stop(self) -> None:
        """End both."""
        if self._other is not None:
            self._other.stop()
        super().stop()

    def remove(self) -> None:
        """Kill both, and delete all folders."""
        if self._other is not None:
            self._other.remove()
        super().remove()
        shutil.rmtree(self._home, ignore_errors=True)

    @property
    def _beside(self) -> RedisServer:
        if self._other is None:
            raise StoreError("there is no other Redis: follow() first")
        return self._other


def _client(port: int) -> redis.Redis:
    return redis.Redis(port=port, socket_timeout=COMMAND_SECONDS)
