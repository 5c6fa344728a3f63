"""A whole crowd against a small sale over real HTTP: what it buys, what it bears, and what the judge makes of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.model_sale import ModelSale

from ticketon_dev.crowd import (
    WELL_BEHAVED,
    CrowdPlan,
    Kind,
    Mix,
    NoAnswerError,
    Outcome,
    Rule,
    judge,
    parse_log,
    run_crowd,
)

PLACES = 30
QUICK = replace(WELL_BEHAVED, thinking_seconds=(0.0, 0.02), persistent=0.0, named_seats=0.4)


def plan_for(sale: ModelSale, **settings: object) -> CrowdPlan:
    plan = CrowdPlan(
        base_url=sale.url, buyers=40, arrival_seconds=0.2, deadline_seconds=20, absence_seconds=0.3, mix=QUICK
    )
    return replace(plan, **settings)  # type: ignore[arg-type]


async def test_a_crowd_larger_than_the_hall_buys_every_seat_once() -> None:
    async with ModelSale() as sale:
        result = await run_crowd(plan_for(sale))
    assert result.tickets == PLACES
    assert result.count(Outcome.BOUGHT) + result.count(Outcome.SOLD_OUT) == 40
    assert result.verdict().clean, result.verdict().violations


async def test_lost_replies_and_503_are_asked_again_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    log = tmp_path / "crowd.jsonl"
    async with ModelSale(stumble_every=7) as sale:
        result = await run_crowd(plan_for(sale, mix=replace(QUICK, hang_up=1.0), log_file=log))
    assert result.figures.faults.total() > 10
    assert len(sale.payments) == len({payment["hold_id"] for payment in sale.payments.values()})
    assert result.verdict().clean, result.verdict().violations
    with log.open() as lines:
        assert judge(parse_log(lines)).judged == result.verdict().judged


async def test_every_kind_of_behaviour_ends_as_it_should() -> None:
    mix = Mix(
        leave_line=0.2, never_come=0.2, let_hold_run_out=0.2, decline_and_give_up=0.2, decline_then_other_card=0.3,
        two_tabs=0.5, try_before_turn=1.0, persistent=0.0, thinking_seconds=(0.0, 0.02),
    )  # fmt: skip
    async with ModelSale(per_second=30) as sale:
        result = await run_crowd(plan_for(sale, mix=mix))
    for outcome in (Outcome.BOUGHT, Outcome.NO_SHOW, Outcome.LET_HOLD_RUN_OUT, Outcome.DECLINED):
        assert result.count(outcome) > 0, result.outcomes
    refused_early = [one for one in result.records if one.kind is Kind.REFUSED and one.route == "hold early"]
    assert refused_early
    assert {one.status for one in refused_early} == {403}
    assert result.verdict().clean, result.verdict().violations


@pytest.mark.parametrize(
    ("misdeed", "rule"),
    [
        ("same number", Rule.NUMBERS_UNIQUE),
        ("overtake", Rule.ORDER_KEPT),
        ("no door", Rule.ADMITTED_ONLY),
        ("oversell", Rule.SEATS_UNIQUE),
        ("keep tickets", Rule.PAID_HAS_TICKETS),
    ],
)
async def test_a_dishonest_sale_is_found_out(misdeed: str, rule: Rule) -> None:
    # An inversion must outlast what a cached counter excuses; the rest shows at any speed at which people wait.
    async with ModelSale(per_second=4 if misdeed == "overtake" else 60, misdeeds=frozenset({misdeed})) as sale:
        result = await run_crowd(plan_for(sale, mix=replace(QUICK, try_before_turn=1.0), deadline_seconds=20))
    assert result.verdict().of(rule), result.verdict().summary()


async def test_who_still_waits_at_the_deadline_goes_home_and_lost_nothing() -> None:
    async with ModelSale(per_second=1) as sale:
        result = await run_crowd(plan_for(sale, deadline_seconds=1.0))
    assert result.count(Outcome.STILL_WAITING) >= 38
    assert result.verdict().clean


async def test_a_sale_that_nobody_answers_for_is_said_to_be_silent() -> None:
    plan = CrowdPlan(base_url="http://sale.localhost:9", buyers=1, patience_seconds=0.3)
    with pytest.raises(NoAnswerError, match="no answer"):
        await run_crowd(plan)
