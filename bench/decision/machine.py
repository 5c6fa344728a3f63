"""What a run was measured on: processors, memory, and the versions of everything that took part."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path

import psutil

from bench.decision import nginx
from ticketon_dev.stores.kafka_distribution import HEAP, KAFKA_VERSION

_PACKAGES = ("aiokafka", "aiohttp", "asyncpg", "fastapi", "uvicorn", "uvloop")


def about(*, command: str, seeds: Sequence[int], postgres: str) -> dict[str, str]:
    """Label -> what it was, for the head of the page."""
    return {
        "command": command,
        "seeds": ", ".join(map(str, seeds)),
        "date": datetime.now(UTC).date().isoformat(),
        "processors": f"{os.cpu_count()} x {_processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())}, "
        f"Linux {platform.release().partition('-')[0]}",
        "Python": platform.python_version(),
        "nginx": nginx.version(),
        "Kafka": f"{KAFKA_VERSION}, one broker, {' '.join(HEAP)}",
        "Postgres": postgres,
        "Redis": _told("redis-server", "--version").partition(" sha=")[0].rpartition("v=")[2],
        "libraries": ", ".join(f"{name} {package_version(name)}" for name in _PACKAGES),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _told(*argv: str) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
