"""What the demo makes of the cluster's answers before it goes on."""

from typing import Any

import pytest

from ticketon_dev.demo.install import not_ready_because, values


def event(generation: int, observed: int, ready: str, message: str = "") -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready, "reason": "SomeReason", "message": message}
    status = {"observedGeneration": observed, "conditions": [condition]}
    return {"metadata": {"generation": generation}, "status": status}


@pytest.mark.parametrize(
    ("resource", "because"),
    [
        (event(2, 2, "True"), ""),
        (event(2, 1, "True"), "the operator has not seen it yet"),
        (event(1, 1, "False", "1 of 2 payment servers available"), "1 of 2 payment servers available"),
        (event(1, 1, "False", "the Job fails:\n  Traceback\n  ImportError"), "the Job fails: Traceback ImportError"),
        (event(1, 1, "False", "x" * 999), "x" * 240),
        (event(1, 1, "Unknown"), "SomeReason"),
        ({"metadata": {"generation": 1}, "status": {"observedGeneration": -1}}, "the operator has not seen it yet"),
        ({"metadata": {"generation": 1}, "status": {"observedGeneration": 1}}, "no conditions yet"),
    ],
)
def test_ready_counts_for_its_own_generation_only(resource: dict[str, Any], because: str) -> None:
    assert not_ready_because(resource) == because


def test_the_chart_is_given_the_images_of_this_tree() -> None:
    images = {"operator": "o:1", "queue-server": "q:1", "payment-server": "p:1", "dev": "d:1"}
    given = values(images)["image"]
    assert (given["operator"], given["queueServer"], given["paymentServer"]) == ("o:1", "q:1", "p:1")
