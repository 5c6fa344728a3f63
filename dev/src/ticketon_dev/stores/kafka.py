"""A real Kafka broker: one process that is broker and controller at once (KRaft), on loopback."""

import shutil
import socket
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from ticketon_dev.progress import Progress
from ticketon_dev.stores.kafka_distribution import NODE_ID, KafkaDistribution, alone, distribution, ensure_distribution
from ticketon_dev.stores.process import StoreError, StoreServer, free_port

METADATA_REQUEST = 3  # api key, with version 4 of the protocol
METADATA_VERSION = 4
ANSWER_WITHIN_SECONDS = 2.0

# One broker for a few topics on a machine that also runs everything else.
SETTINGS = {
    "num.network.threads": 2,
    "num.io.threads": 2,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 1,
    "num.partitions": 1,
    "auto.create.topics.enable": "false",  # as in a cluster that is looked after: a wrong name must not make a topic
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 2,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 1,
    "group.initial.rebalance.delay.ms": 0,
    "log.retention.hours": 24,
    "log.segment.bytes": 64 * 1024 * 1024,
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
    "log.index.size.max.bytes": 1024 * 1024,
    # After a kill, the controller refuses the broker for as long as it believes the killed one to be alive.
    "broker.session.timeout.ms": 2_000,
    "broker.heartbeat.interval.ms": 500,
}


def ensure_kafka(progress: Progress) -> KafkaDistribution:
    """Put Kafka into the cache if it is missing; SetupError with one line where that cannot be done.

    A broker is run once to write the archive of its classes (JEP 350): it halves every later start. The archive is tied
    to the jars' paths and times, so it is made where they stay.
    """
    kafka = ensure_distribution(progress)
    with alone(kafka.folder / "lock"):
        if not kafka.archive.exists():
            with progress.step("Kafka: an archive of its classes"), tempfile.TemporaryDirectory() as folder:
                trained = KafkaServer(Path(folder), write_archive=True)
                trained.start()
                trained.stop()
    return kafka


class KafkaServer(StoreServer):
    """Kafka; clients want `bootstrap_servers`. Durable or not, it never waits for the disk: that is Kafka's way."""

    name: ClassVar[str] = "kafka"

    def __init__(
        self, folder: Path, *, port: int | None = None, durable: bool = True, write_archive: bool = False
    ) -> None:
        super().__init__(folder, port=port, durable=durable)
        self._controller_port = free_port()
        self._kafka = distribution()
        self._write_archive = write_archive

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` of the broker."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The bootstrap servers."""
        return self.bootstrap_servers

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def prepare(self) -> None:
        """Copy the formatted log folder at the first start, and write the configuration."""
        if not self._kafka.complete.exists():
            raise StoreError("Kafka is missing: run `python -m ticketon_dev.stores --ensure`")
        logs = self.folder / "log"
        if not (logs / "meta.properties").exists():
            shutil.rmtree(logs, ignore_errors=True)
            shutil.copytree(self._kafka.formatted, logs)
        addresses = {
            "process.roles": "broker,controller",
            "node.id": NODE_ID,
            "controller.quorum.voters": f"{NODE_ID}@127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"LOCAL://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"LOCAL://127.0.0.1:{self.port}",
            "listener.security.protocol.map": "LOCAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "LOCAL",
            "log.dirs": logs,
        }
        lines = (f"{key}={value}\n" for key, value in {**addresses, **SETTINGS}.items())
        self._properties.write_text("".join(lines))

    def command(self) -> Sequence[str]:
        """Give the broker's command line."""
        return self._kafka.java("kafka.Kafka", self._properties, write_archive=self._write_archive)

    def answers(self) -> bool:
        """Whether the broker names itself in its metadata: from then on it takes requests for topics."""
        client = b"\x00\x05ready"
        no_topics = struct.pack(">i?", 0, False)
        request = struct.pack(">hhi", METADATA_REQUEST, METADATA_VERSION, 1) + client + no_topics
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_WITHIN_SECONDS) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = connection.recv(1024)
        # length, correlation id, throttle time, then the number of brokers known
        return len(answer) >= 16 and struct.unpack(">i", answer[12:16])[0] >= 1
