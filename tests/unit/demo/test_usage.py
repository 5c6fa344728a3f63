"""CPU and memory by part, from what a kubelet answers."""

from typing import Any

from ticketon_dev.demo.usage import Usage

MEBIBYTE = 1024 * 1024


def pod(name: str, cpu_seconds: float, mebibytes: int, namespace: str = "shows") -> dict[str, Any]:
    return {
        "podRef": {"namespace": namespace, "name": name, "uid": f"uid-{name}"},
        "cpu": {"usageCoreNanoSeconds": int(cpu_seconds * 1e9)},
        "memory": {"workingSetBytes": mebibytes * MEBIBYTE},
    }


def watched() -> Usage:
    return Usage(parts={"shows/gala-queue-": "queue servers", "data/redis-": "Redis"})


def test_only_what_was_used_while_watching_counts() -> None:
    usage = watched()
    usage.take({"pods": [pod("gala-queue-a", 100, 50)]})
    usage.take({"pods": [pod("gala-queue-a", 103, 70), pod("gala-queue-b", 2, 40)]})
    (part,) = usage.by_part()
    assert part.cpu_seconds == 5
    assert (part.pods, part.peak_mebibytes, part.largest_pod_mebibytes) == (2, 110, 70)


def test_the_last_word_of_a_pod_that_went_away_is_kept() -> None:
    usage = watched()
    usage.take({"pods": []})
    usage.take({"pods": [pod("gala-queue-a", 4, 50)]})
    usage.take({"pods": []})
    assert usage.by_part()[0].cpu_seconds == 4


def test_pods_of_no_part_are_not_counted() -> None:
    usage = watched()
    usage.take({"pods": [pod("other", 9, 9), pod("redis-0", 1, 10, namespace="data")]})
    assert [part.part for part in usage.by_part()] == ["Redis"]
