"""When a standby may act."""

import asyncio
import time
from typing import Any, cast

import pytest
from support.fake_cluster import FakeCluster

from ticketon_operator import kinds
from ticketon_operator.cluster import Cluster
from ticketon_operator.errors import ClusterUnavailableError
from ticketon_operator.lease import (
    DURATION_SECONDS,
    RENEW_DEADLINE_SECONDS,
    RENEW_SECONDS,
    Lease,
    LeaseLostError,
    look,
    takeable,
)


def lease(version: int, holder: str = "other") -> dict[str, Any]:
    return {
        "metadata": {"resourceVersion": str(version)},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 10},
    }


def test_a_lease_that_is_renewed_is_never_taken() -> None:
    seen = None
    for second in range(0, 100, 2):
        renewed = lease(second)
        seen = look(seen, renewed, float(second))
        assert not takeable(renewed, seen, second + 1.9)


def test_a_lease_is_taken_when_it_has_stood_still_for_its_duration() -> None:
    dead = lease(7)
    seen = look(None, dead, 100.0)
    assert not takeable(dead, look(seen, dead, 109.9), 109.9)
    assert takeable(dead, look(seen, dead, 110.0), 110.0)


def test_a_lease_that_was_given_back_is_taken_at_once() -> None:
    free = lease(7, holder="")
    assert takeable(free, look(None, free, 0.0), 0.0)


def test_the_holder_stops_before_a_standby_may_begin() -> None:
    assert RENEW_SECONDS * 2 < RENEW_DEADLINE_SECONDS < DURATION_SECONDS


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same proportions in hundredths of seconds."""
    for name, seconds in (("RETRY_SECONDS", 0.01), ("RENEW_SECONDS", 0.02), ("RENEW_DEADLINE_SECONDS", 0.2)):
        monkeypatch.setattr(f"ticketon_operator.lease.{name}", seconds)


def replica(cluster: FakeCluster, identity: str) -> Lease:
    return Lease(cast("Cluster", cluster), namespace="ticketon", name="ticketon-operator", identity=identity)


def holder(cluster: FakeCluster) -> str:
    return str(cluster.the(kinds.LEASE, "ticketon-operator", "ticketon")["spec"]["holderIdentity"])


@pytest.mark.usefixtures("quick")
async def test_one_of_two_replicas_acts_and_the_other_follows_when_it_gives_the_lease_back() -> None:
    cluster = FakeCluster()
    first, second = replica(cluster, "first"), replica(cluster, "second")
    await first.acquire()
    holding = asyncio.create_task(first.hold())
    standing_by = asyncio.create_task(second.acquire())
    done, _ = await asyncio.wait({standing_by}, timeout=0.2)
    assert not done
    assert holder(cluster) == "first"
    holding.cancel()
    await first.release()
    await asyncio.wait_for(standing_by, 2)
    assert holder(cluster) == "second"


@pytest.mark.usefixtures("quick")
async def test_the_lease_of_a_dead_leader_is_taken_after_its_duration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ticketon_operator.lease.DURATION_SECONDS", 1)
    cluster = FakeCluster()
    await replica(cluster, "dead").acquire()
    started = time.monotonic()
    await asyncio.wait_for(replica(cluster, "second").acquire(), 5)
    assert time.monotonic() - started >= 1
    assert holder(cluster) == "second"


@pytest.mark.usefixtures("quick")
async def test_a_leader_whose_lease_was_taken_stops() -> None:
    cluster = FakeCluster()
    first = replica(cluster, "first")
    await first.acquire()
    current = cluster.the(kinds.LEASE, "ticketon-operator", "ticketon")
    cluster.put(kinds.LEASE, {**current, "spec": {**current["spec"], "holderIdentity": "second"}})
    with pytest.raises(LeaseLostError, match="somebody else"):
        await asyncio.wait_for(first.hold(), 2)
    assert holder(cluster) == "second"


@pytest.mark.usefixtures("quick")
async def test_a_leader_that_cannot_renew_stops_before_the_lease_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster()
    first = replica(cluster, "first")
    await first.acquire()

    async def away(_: dict[str, Any]) -> dict[str, Any]:
        raise ClusterUnavailableError("no answer")

    monkeypatch.setattr(cluster, "replace", away)
    with pytest.raises(LeaseLostError, match="not renewed"):
        await asyncio.wait_for(first.hold(), 2)


async def test_a_leader_whose_renewal_hangs_stops_at_the_deadline_and_not_a_pause_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ticketon_operator.lease.RENEW_DEADLINE_SECONDS", 0.2)
    cluster = FakeCluster()
    first = replica(cluster, "first")
    await first.acquire()

    asked = asyncio.Event()

    async def hangs(_: dict[str, Any]) -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(cluster, "replace", hangs)
    monkeypatch.setattr("ticketon_operator.lease.RENEW_SECONDS", 0.05)
    holding = asyncio.create_task(first.hold())
    await asyncio.wait({asyncio.create_task(asked.wait()), holding}, return_when=asyncio.FIRST_COMPLETED)
    # A pause after this renewal would not end.
    monkeypatch.setattr("ticketon_operator.lease.RENEW_SECONDS", 3600.0)
    with pytest.raises(LeaseLostError, match="not renewed"):
        await asyncio.wait_for(holding, 10)
