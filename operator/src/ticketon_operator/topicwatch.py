"""Looks after the topics of events in the background: brokers that do not answer hold up no reconcile."""

import asyncio
import logging
import time
from collections.abc import Callable

from ticketon_contract.names import EventRef
from ticketon_operator import topics
from ticketon_operator.api import TopicProvisioner
from ticketon_operator.conditions import TOPICS_READY
from ticketon_operator.errors import KafkaUnavailableError, TopicsError
from ticketon_operator.facts import Outcome
from ticketon_operator.recorder import Recorder
from ticketon_operator.stores import Stores
from ticketon_operator.tracked import Tracked

CHECK_SECONDS = 60.0
RETRY_SECONDS = 5.0
#: Over all events: a cluster of brokers that comes back is not met by everybody at once.
CONCURRENT = 4

log = logging.getLogger(__name__)


def wanted_topics(ref: EventRef, partitions: int) -> dict[str, int]:
    """Topic -> partitions."""
    return {ref.payments_topic: partitions, ref.dead_letter_topic: 1, ref.orders_topic: 1}


class TopicWatch:
    def __init__(self, recorder: Recorder, requeue: Callable[[EventRef], None]) -> None:
        self._recorder = recorder
        self._requeue = requeue
        self._slots = asyncio.Semaphore(CONCURRENT)

    def look(self, tracked: Tracked, stores: Stores) -> None:
        """Start a look in the background where one is due: something else is wanted, or time has passed."""
        spec = tracked.event.spec
        question = (spec.payments.partitions, spec.kafka, stores.kafka)
        state = tracked.topics
        if state.task is not None and not state.task.done():
            return
        age = time.monotonic() - state.looked_at
        if question == state.asked_for and age < (CHECK_SECONDS if state.outcome.done else RETRY_SECONDS):
            return
        if question != state.asked_for:
            state.outcome = self._remembered(tracked)
        state.asked_for = question
        state.task = asyncio.create_task(self._look(tracked, stores), name=f"topics {tracked.ref}")

    async def _look(self, tracked: Tracked, stores: Stores) -> None:
        spec, state = tracked.event.spec, tracked.topics
        wanted = wanted_topics(tracked.ref, spec.payments.partitions)
        before = state.outcome
        try:
            async with self._slots:
                changes = await topics.ensure(
                    stores.kafka,
                    wanted,
                    replication_factor=spec.kafka.replication_factor,
                    create=spec.kafka.provisioner is TopicProvisioner.OPERATOR,
                )
            message = f"the topic {tracked.ref.payments_topic} has its {spec.payments.partitions} partitions"
            state.outcome = Outcome(True, "TopicsReady", message)
            if changes.created:
                await self._recorder.normal(tracked.event, "TopicsCreated", ", ".join(changes.created))
            if changes.grown:
                await self._recorder.normal(tracked.event, "TopicsGrown", ", ".join(changes.grown))
        except KafkaUnavailableError as error:
            # An outage does not undo what was in place; PaymentsReady tells of it.
            if not before.done:
                message = f"{error}: see kafka-bootstrap-servers of the connections Secret. It is tried again"
                state.outcome = Outcome(False, "KafkaUnavailable", message)
        except TopicsError as error:
            state.outcome = Outcome(False, "TopicsRefused", str(error))
        except Exception:
            log.exception("looking at topics failed unexpectedly", extra={"event": str(tracked.ref)})
        finally:
            state.looked_at = time.monotonic()
        if state.outcome != before:
            self._requeue(tracked.ref)

    @staticmethod
    def _remembered(tracked: Tracked) -> Outcome:
        """What the status says of this generation, from before this process acted."""
        condition = tracked.event.status.condition(TOPICS_READY)
        current = condition is not None and condition.observed_generation == tracked.event.metadata.generation
        if condition is not None and current and condition.status == "True":
            return Outcome(True, condition.reason, condition.message)
        return Outcome(False, "TopicsPending", "the topics have not been looked at yet")
