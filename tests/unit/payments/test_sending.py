"""What becomes of a message that Kafka has not taken in time."""

import asyncio
import gc
from typing import Any

import pytest
from aiokafka.errors import NodeNotReadyError
from support.eventually import eventually_async

from ticketon_contract.connections import Kafka
from ticketon_payments import kafka
from ticketon_payments.kafka import Bus, KafkaUnavailable


class SilentProducer:
    """A client whose broker is away: it takes messages, and says nothing of them."""

    taken: list[asyncio.Future[Any]]

    def __init__(self, **_: object) -> None:
        SilentProducer.taken = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def send(self, topic: str, **_: object) -> asyncio.Future[Any]:
        del topic
        self.taken.append(asyncio.get_running_loop().create_future())
        return self.taken[-1]


async def test_a_send_that_fails_after_it_was_given_up_is_no_error_that_nobody_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka, "AIOKafkaProducer", SilentProducer)
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    async with Bus(Kafka(bootstrap_servers="127.0.0.1:1")) as bus:

        async def connected() -> bool:
            return bus.ok

        assert await eventually_async(connected, within_seconds=5)
        with pytest.raises(KafkaUnavailable):
            await bus.send("payments", key=b"hold", value=b"command", within_seconds=0.01)
        SilentProducer.taken.pop().set_exception(NodeNotReadyError("no connection to node 0"))
        await asyncio.sleep(0)  # callbacks of a future run in the loop's next turn
        gc.collect()
    assert complaints == []
