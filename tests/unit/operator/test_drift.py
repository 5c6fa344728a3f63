"""Drift is where an object does not hold what was applied; what others add is none."""

from typing import Any

import pytest

from ticketon_operator.drift import differences


@pytest.mark.parametrize(
    ("desired", "observed", "where"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"a": {"b": 1}}, {"a": {}}, ["a.b"]),
        ({"a": {"b": 1}}, {}, ["a"]),
        ({"a": {}}, {}, []),
        ({"a": {}}, {"a": None}, []),
        ({"spec": {"containers": [{"name": "x", "image": "1"}]}}, {"spec": {"containers": []}}, ["spec.containers[x]"]),
        (
            {"containers": [{"name": "x", "image": "1"}]},
            {"containers": [{"name": "sidecar"}, {"name": "x", "image": "1", "tty": False}]},
            [],
        ),
        (
            {"containers": [{"name": "x", "image": "1"}]},
            {"containers": [{"name": "x", "image": "2"}]},
            ["containers[x].image"],
        ),
        ({"drop": ["ALL"]}, {"drop": ["ALL"]}, []),
        ({"drop": ["ALL"]}, {"drop": []}, ["drop"]),
        ({"drop": ["ALL"]}, {}, ["drop"]),
        ({"policyTypes": ["Ingress"]}, {"policyTypes": ["Egress"]}, ["policyTypes[0]"]),
        ({"cpu": "0.5"}, {"cpu": "500m"}, []),
        ({"cpu": "1"}, {"cpu": 1}, []),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}, []),
        ({"memory": "1Gi"}, {"memory": "1G"}, ["memory"]),
        ({"paused": False}, {"paused": True}, ["paused"]),
    ],
)
def test_differences_are_named_by_their_path(desired: Any, observed: Any, where: list[str]) -> None:
    assert list(differences(desired, observed)) == where
