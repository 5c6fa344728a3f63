"""The status as a function of what is known."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.ticket_events import OPENS_AT, ticket_event

from ticketon_contract.summary import LineSummary, PaymentsSummary
from ticketon_operator import conditions
from ticketon_operator.api import TicketEvent
from ticketon_operator.api_status import Phase, TicketEventStatus
from ticketon_operator.facts import Facts, Ledger, LedgerResult, Outcome, Workload
from ticketon_operator.forecast import Forecast
from ticketon_operator.scaling import Decision, Reason
from ticketon_operator.status import phase_of, status_of, worth_writing

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
LINE = LineSummary(
    at=0,
    issued=700,
    serving=200,
    waiting=480,
    active=90,
    joins_per_second=4.0,
    admitted_per_minute=598.7,
    capacity=10,
    sold=4,
    paying=1,
    held=2,
    free=3,
)


def server(ordinal: int, **changes: Any) -> PaymentsSummary:
    figures = {
        "at": 0,
        "ordinal": ordinal,
        "payments_per_second": 1.25,
        "in_flight": 3,
        "unknown": 1,
        "latency_p50_seconds": 0.1,
        "latency_p99_seconds": 0.4,
        "failed_share": 0.0,
        "owned_partitions": [ordinal, ordinal + 2],
        "kafka_ok": True,
        "postgres_ok": True,
    }
    return PaymentsSummary.model_validate({**figures, **changes})


ALL_WELL = Facts(
    applied=Outcome(True, "Applied", ""),
    queue=Workload(replicas=3, available=3, updated=3, current=True),
    payments=Workload(replicas=2, available=2, updated=2, current=True),
    ledger=Ledger(LedgerResult.APPLIED),
    topics=Outcome(True, "TopicsReady", ""),
    route=Outcome(True, "RouteAccepted", ""),
    redis_error=None,
    line=LINE,
    payment_servers=(server(0), server(1)),
    scaling=Decision(3, Reason.STEADY, "3 servers carry the line"),
)


def told(kind: str, event: TicketEvent | None = None, **changes: Any) -> tuple[str, str, str]:
    """(status, reason, message) of a condition when all is well but ``changes``."""
    status = status_of(event or ticket_event(), dataclasses.replace(ALL_WELL, **changes), NOW)
    condition = status.condition(kind)
    assert condition is not None
    return condition.status, condition.reason, condition.message


def test_a_sale_that_is_in_place_is_ready_for_its_generation() -> None:
    status = status_of(ticket_event(), ALL_WELL, NOW)
    assert {condition.type: condition.status for condition in status.conditions} == {
        "Ready": "True",
        "LineReady": "True",
        "PaymentsReady": "True",
        "InventoryApplied": "True",
        "TopicsReady": "True",
        "Scaling": "True",
        "PaymentForecastExceeded": "False",
        "InvariantsHold": "Unknown",
    }
    assert status.observed_generation == 3
    assert {condition.observed_generation for condition in status.conditions} == {3}


def test_the_figures_of_kubectl_get_come_from_the_summaries() -> None:
    status = status_of(ticket_event(), ALL_WELL, NOW)
    assert status.line is not None
    assert (status.line.waiting, status.line.active, status.line.admitted_per_minute) == (480, 90, 599)
    assert status.seats is not None
    assert status.seats.progress == "4/10"
    assert status.payments is not None
    assert (status.payments.per_second, status.payments.in_flight, status.payments.unknown) == ("2.5", 3, 1)
    assert status.url == "https://tickets.example.com/"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"applied": Outcome(False, "NameTaken", "rename it")}, "NameTaken"),
        ({"ledger": Ledger(LedgerResult.PENDING)}, "LedgerJobRunning"),
        ({"ledger": Ledger(LedgerResult.FAILED, "Postgres is away")}, "LedgerJobFailed"),
        ({"ledger": Ledger(LedgerResult.REFUSED, "zone R is sold")}, "Refused"),
        ({"topics": Outcome(False, "KafkaUnavailable", "")}, "KafkaUnavailable"),
        ({"queue": None}, "QueueServersStarting"),
        ({"queue": Workload(3, 1, 3, current=True)}, "QueueServersStarting"),
        ({"queue": Workload(3, 3, 1, current=True)}, "QueueServersStarting"),
        ({"queue": Workload(3, 3, 3, current=False)}, "QueueServersStarting"),
        ({"payments": Workload(2, 1, 2, current=True)}, "PaymentServersStarting"),
        ({"route": Outcome(False, "RouteRefused", "")}, "RouteRefused"),
        ({"closing": "payments in flight settle"}, "Closing"),
    ],
)
def test_what_is_not_in_place_keeps_ready_false_and_is_named(changes: dict[str, Any], reason: str) -> None:
    status, why, _ = told(conditions.READY, **changes)
    assert (status, why) == ("False", reason)


@pytest.mark.parametrize(
    "changes",
    [
        {"redis_error": "no connection", "line": None, "payment_servers": ()},
        {"payment_servers": (server(0, postgres_ok=False), server(1))},
        {"payment_servers": (server(0, kafka_ok=False), server(1))},
        {"line": None},
        {"scaling": Decision(None, Reason.FOREIGN, "keda")},
        {"forecast": Forecast(exceeded=True)},
        {"queue": Workload(5, 2, 5, current=True)},
        {"line": LINE.model_copy(update={"sold": 10, "free": 0})},
    ],
)
def test_outages_scaling_and_the_sale_itself_never_change_ready(changes: dict[str, Any]) -> None:
    assert told(conditions.READY, **changes)[0] == "True"


@pytest.mark.parametrize(
    ("changes", "reason", "message"),
    [
        ({"redis_error": "no answer in time"}, "RedisUnavailable", "everybody keeps their place"),
        ({"queue": Workload(2, 0, 2, current=True)}, "NoQueueServers", "see the pods"),
        ({"line": None}, "FiguresStale", "see the queue servers' logs"),
    ],
)
def test_the_line_says_what_it_lacks(changes: dict[str, Any], reason: str, message: str) -> None:
    status, why, text = told(conditions.LINE_READY, **changes)
    assert (status, why) == ("False", reason)
    assert message in text


@pytest.mark.parametrize(
    ("changes", "status", "reason", "message"),
    [
        ({"payments": Workload(2, 1, 2, current=True)}, "False", "PaymentServersUnavailable", "fewer than 2"),
        ({"redis_error": "no connection"}, "Unknown", "FiguresUnavailable", "Redis"),
        ({"payment_servers": ()}, "False", "FiguresStale", "see their logs"),
        (
            {"payment_servers": (server(0), server(1, postgres_ok=False))},
            "False",
            "PostgresUnavailable",
            "postgres-url",
        ),
        ({"payment_servers": (server(0, kafka_ok=False), server(1))}, "False", "KafkaUnavailable", "settled later"),
        ({"payment_servers": (server(0),)}, "False", "PartitionsUnowned", "partition 1, 3 of the payments topic"),
    ],
)
def test_payments_say_what_they_lack(changes: dict[str, Any], status: str, reason: str, message: str) -> None:
    told_status, why, text = told(conditions.PAYMENTS_READY, **changes)
    assert (told_status, why) == (status, reason)
    assert message in text


def test_a_refused_inventory_is_told_with_the_ledgers_reason() -> None:
    status, reason, message = told(
        conditions.INVENTORY_APPLIED, ledger=Ledger(LedgerResult.REFUSED, "zone R: 12 seats are sold")
    )
    assert (status, reason) == ("False", "Refused")
    assert "the last good zones and prices stay in force" in message
    assert "zone R: 12 seats are sold" in message


def test_a_foreign_autoscaler_turns_scaling_off() -> None:
    assert told(conditions.SCALING, scaling=Decision(None, Reason.FOREIGN, "keda scales these"))[:2] == (
        "False",
        "ForeignAutoscaler",
    )


def test_the_last_scaling_stays_readable_while_nothing_happens() -> None:
    scaled = dataclasses.replace(ALL_WELL, scaling=Decision(4, Reason.SCALED_UP, "scaled 2 -> 4: 800 waiting"))
    after = ticket_event().model_copy(update={"status": status_of(ticket_event(), scaled, NOW)})
    assert told(conditions.SCALING, after)[1:] == ("ScaledUp", "scaled 2 -> 4: 800 waiting")


def test_payments_above_the_forecast_name_the_next_step() -> None:
    status, _, message = told(conditions.FORECAST_EXCEEDED, forecast=Forecast(exceeded=True, rate=80.0))
    assert status == "True"
    assert "next step: raise payments.servers" in message


def test_a_condition_that_stays_keeps_its_time_and_one_that_turns_takes_a_new_one() -> None:
    before = ticket_event().model_copy(update={"status": status_of(ticket_event(), ALL_WELL, NOW)})
    later = NOW + timedelta(minutes=5)
    status = status_of(before, dataclasses.replace(ALL_WELL, line=None), later)
    ready, line = status.condition(conditions.READY), status.condition(conditions.LINE_READY)
    assert ready is not None
    assert ready.last_transition_time == NOW
    assert line is not None
    assert line.last_transition_time == later


@pytest.mark.parametrize(
    ("spec", "metadata", "line", "phase"),
    [
        ({"opensAt": "2026-03-21T11:00:00Z"}, {}, None, Phase.SCHEDULED),
        (
            {
                "opensAt": "2026-03-21T11:00:00Z",
                "presale": {"opensAt": "2026-03-20T11:00:00Z", "closesAt": "2026-03-21T11:00:00Z"},
            },
            {},
            None,
            Phase.ON_SALE,
        ),
        (
            {"opensAt": "2026-03-21T11:00:00Z", "preQueue": {"opensAt": "2026-03-20T11:30:00Z"}},
            {},
            None,
            Phase.PRE_QUEUE,
        ),
        ({}, {}, LINE, Phase.ON_SALE),
        ({"paused": True}, {}, LINE, Phase.PAUSED),
        ({"paused": True}, {}, LINE.model_copy(update={"sold": 10}), Phase.SOLD_OUT),
        ({"closesAt": "2026-03-20T11:59:00Z"}, {}, LINE, Phase.CLOSED),
        ({}, {"deletionTimestamp": "2026-03-20T11:59:00Z"}, LINE, Phase.CLOSED),
    ],
)
def test_the_phase_follows_from_the_clock_and_the_seats(
    spec: dict[str, Any], metadata: dict[str, Any], line: LineSummary | None, phase: Phase
) -> None:
    assert phase_of(ticket_event(metadata=metadata, **spec), line, NOW) is phase


def test_a_sold_out_hall_stays_sold_out_while_figures_are_away() -> None:
    event = ticket_event(status={"observedGeneration": 3, "phase": "SoldOut"})
    assert phase_of(event, None, OPENS_AT + timedelta(hours=1)) is Phase.SOLD_OUT


def test_a_cancelled_event_is_closed_also_while_figures_are_away() -> None:
    assert phase_of(ticket_event(), LINE.model_copy(update={"cancelled": 1}), OPENS_AT) is Phase.CLOSED
    event = ticket_event(status={"observedGeneration": 3, "phase": "Closed"})
    assert phase_of(event, None, OPENS_AT) is Phase.CLOSED
    assert phase_of(event, LINE, OPENS_AT) is Phase.ON_SALE


def test_figures_stay_as_last_known_while_they_are_away() -> None:
    event = ticket_event()
    known = event.model_copy(update={"status": status_of(event, ALL_WELL, NOW)})
    status = status_of(known, dataclasses.replace(ALL_WELL, line=None, payment_servers=()), NOW)
    assert status.seats == known.status.seats
    assert status.payments == known.status.payments


def test_seats_that_were_not_counted_yet_replace_no_known_ones() -> None:
    event = ticket_event()
    known = event.model_copy(update={"status": status_of(event, ALL_WELL, NOW)})
    uncounted = LINE.model_copy(update={"capacity": 0, "sold": 0, "waiting": 7})
    status = status_of(known, dataclasses.replace(ALL_WELL, line=uncounted), NOW)
    assert status.seats == known.status.seats
    assert status.line is not None
    assert status.line.waiting == 7


def test_nothing_is_written_where_nothing_changed() -> None:
    status = status_of(ticket_event(), ALL_WELL, NOW)
    read_back = TicketEventStatus.model_validate_json(status.model_dump_json(by_alias=True, exclude_none=True))
    assert not worth_writing(read_back, status, seconds_since_write=1000)


def test_figures_alone_are_written_every_few_seconds_and_a_condition_at_once() -> None:
    before = status_of(ticket_event(), ALL_WELL, NOW)
    more = dataclasses.replace(ALL_WELL, line=LINE.model_copy(update={"waiting": 481}))
    figures = status_of(ticket_event(), more, NOW)
    assert not worth_writing(before, figures, seconds_since_write=2.9)
    assert worth_writing(before, figures, seconds_since_write=3.0)
    turned = status_of(ticket_event(), dataclasses.replace(ALL_WELL, redis_error="no connection"), NOW)
    assert worth_writing(before, turned, seconds_since_write=0.0)


def test_scaling_does_not_take_back_ready_and_a_new_generation_does() -> None:
    scaled = dataclasses.replace(ALL_WELL, queue=Workload(3, 3, 3, current=False))
    event = ticket_event()
    assert told(conditions.READY, event, queue=scaled.queue)[:2] == ("False", "QueueServersStarting")
    in_place = event.model_copy(update={"status": status_of(event, ALL_WELL, NOW)})
    assert told(conditions.READY, in_place, queue=scaled.queue)[0] == "True"
    metadata = in_place.metadata.model_copy(update={"generation": in_place.metadata.generation + 1})
    changed = in_place.model_copy(update={"metadata": metadata})
    assert told(conditions.READY, changed, queue=scaled.queue)[0] == "False"


def test_the_draw_is_told_in_the_status_and_its_count_alone_is_no_news() -> None:
    assert status_of(ticket_event(), ALL_WELL, NOW).draw is None
    line = LINE.model_copy(
        update={"draw_state": "open", "draw_commitment": "5f0c", "draw_at": "2026-03-20T13:00:00Z", "draw_arrivals": 7}
    )
    status = status_of(ticket_event(), dataclasses.replace(ALL_WELL, line=line), NOW)
    assert status.draw is not None
    assert (status.draw.state, status.draw.commitment, status.draw.arrivals) == ("Open", "5f0c", 7)
    more = line.model_copy(update={"draw_arrivals": 8})
    later = status_of(ticket_event(), dataclasses.replace(ALL_WELL, line=more), NOW)
    assert not worth_writing(status, later, seconds_since_write=1)
    drawn = line.model_copy(update={"draw_state": "drawn", "draw_root": "9b1d"})
    ended = status_of(ticket_event(), dataclasses.replace(ALL_WELL, line=drawn), NOW)
    assert worth_writing(status, ended, seconds_since_write=1)


def test_a_draw_that_is_later_than_opens_at_keeps_the_phase() -> None:
    event = ticket_event(preQueue={"opensAt": "2026-03-20T10:00:00Z", "order": "Random"})
    assert phase_of(event, LINE.model_copy(update={"draw_state": "open"}), NOW) == "PreQueue"
    assert phase_of(event, LINE.model_copy(update={"draw_state": "drawn"}), NOW) == "OnSale"
