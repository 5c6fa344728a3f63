"""Kafka's jars and a formatted log folder, made once per version and kept in the cache. Runs Maven and Java, no broker.

The jars come by Maven from a project file written here. The cache also has room for a class-data archive, which the
first broker writes when it ends (see ``kafka.ensure_kafka``).
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ticketon_dev.command import run
from ticketon_dev.errors import SetupError
from ticketon_dev.locations import locations
from ticketon_dev.progress import Progress
from ticketon_dev.stores.debian import ensure_package

KAFKA_VERSION = "4.1.1"
SCALA_VERSION = "2.13"
LOGGING_VERSION = "1.7.36"  # of slf4j, as this Kafka asks for
MINIMUM_JAVA = 17
CLUSTER_ID = "dGlja2V0b24tZGV2LTAwMQ"  # any 16 bytes in base64url: one broker is never joined by another
NODE_ID = 1
# A small machine runs everything at once: the serial collector starts fastest and leaves the cores to the others.
HEAP = ("-Xms64m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

PROJECT = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.ticketon</groupId>
  <artifactId>kafka-for-development</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_{SCALA_VERSION}</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{LOGGING_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""


@dataclass(frozen=True)
class KafkaDistribution:
    """What is in the cache for one version of Kafka."""

    folder: Path

    @property
    def jars(self) -> Path:
        return self.folder / "libs"

    @property
    def formatted(self) -> Path:
        """A log folder as `format` leaves it, to be copied to a broker's first start."""
        return self.folder / "formatted"

    @property
    def archive(self) -> Path:
        return self.folder / "classes.jsa"

    @property
    def complete(self) -> Path:
        """Present when the jars and the formatted folder are."""
        return self.folder / "complete"

    def java(self, main_class: str, *arguments: str | Path, write_archive: bool = False) -> list[str]:
        """Give the command line that runs a class of Kafka's; `write_archive` makes the archive as it ends."""
        if write_archive:
            archive = [f"-XX:ArchiveClassesAtExit={self.archive}"]
        else:
            archive = [f"-XX:SharedArchiveFile={self.archive}", "-Xshare:auto"] if self.archive.exists() else []
        logging = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
        # Named one by one, in order: an archive is refused for a class path with a wildcard.
        class_path = ":".join(str(jar) for jar in sorted(self.jars.glob("*.jar")))
        return ["java", *HEAP, *archive, *logging, "-cp", class_path, main_class, *map(str, arguments)]


def distribution() -> KafkaDistribution:
    """Where this version is, or will be, kept."""
    return KafkaDistribution(locations(Path.cwd(), os.environ, Path.home()).cache / f"kafka-{KAFKA_VERSION}")


def ensure_distribution(progress: Progress) -> KafkaDistribution:
    """Make what is missing; SetupError with one line where that cannot be done. Safe side by side."""
    kafka = distribution()
    ensure_package("default-jre-headless", present=_java_is_new_enough, progress=progress)
    if kafka.complete.exists():
        return kafka
    kafka.folder.mkdir(parents=True, exist_ok=True)
    with alone(kafka.folder / "lock"):
        if not kafka.complete.exists():
            _make(kafka, progress)
            kafka.complete.touch()
    return kafka


def _make(kafka: KafkaDistribution, progress: Progress) -> None:
    ensure_package("maven", present=lambda: shutil.which("mvn") is not None, progress=progress)
    for leftover in (kafka.jars, kafka.formatted):
        shutil.rmtree(leftover, ignore_errors=True)
    kafka.archive.unlink(missing_ok=True)
    project = kafka.folder / "pom.xml"
    project.write_text(PROJECT)
    with progress.step(f"Kafka {KAFKA_VERSION} (jars by Maven)"):
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={kafka.jars}", "-DincludeScope=runtime"]
        run(["mvn", "-q", "-B", "-f", project, *goal])
    with progress.step("Kafka: a formatted log folder"):
        _format(kafka)


def _format(kafka: KafkaDistribution) -> None:
    properties = kafka.folder / "format.properties"
    properties.write_text(
        "\n".join(
            (
                "process.roles=broker,controller",
                f"node.id={NODE_ID}",
                f"controller.quorum.voters={NODE_ID}@127.0.0.1:1",  # a broker has the true port in its own file
                "controller.listener.names=CONTROLLER",
                "listeners=CONTROLLER://127.0.0.1:1,LOCAL://127.0.0.1:2",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,LOCAL:PLAINTEXT",
                "inter.broker.listener.name=LOCAL",
                f"log.dirs={kafka.formatted}",
                "",
            )
        )
    )
    run(kafka.java("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", properties))


def _java_is_new_enough() -> bool:
    if shutil.which("java") is None:
        return False
    version = run(["java", "--version"])  # "openjdk 17.0.15 2025-04-15"
    number = version.split()[1].partition(".")[0]
    if number.isdigit() and int(number) >= MINIMUM_JAVA:
        return True
    raise SetupError(f"Kafka needs Java {MINIMUM_JAVA} or newer; `java` is {version.splitlines()[0]}")


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Wait for whoever makes the same thing: a second test run is not an error."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
