"""What a buyer does with their turn: take seats, pay for them, fetch the tickets. Talks through the door only."""

import asyncio
import uuid
from dataclasses import dataclass

from ticketon_dev.crowd.buyer import HANG_UP_SECONDS, Buyer, GoHomeError
from ticketon_dev.crowd.door import Answer, retry_after
from ticketon_dev.crowd.figures import Stage
from ticketon_dev.crowd.hall import HallZone, pick_seats
from ticketon_dev.crowd.plan import Choice
from ticketon_dev.crowd.records import Kind, Outcome

#: Times a buyer takes seats again after losing a hold, before they have had enough.
HOLDS_AT_MOST = 3
#: A map is out of date as soon as it is read at an on-sale; after so many clashes the house may pick.
CLASHES_AT_MOST = 6
SETTLED = frozenset({"paid", "declined", "expired", "voided", "refunded"})
POLL_SECONDS = 0.4
LONGEST_POLL_SECONDS = 3.0


@dataclass(frozen=True)
class Held:
    """Seats that wait to be paid."""

    hold: str
    payment_url: str
    payment_token: str


async def shop(buyer: Buyer) -> Outcome:
    """Take seats and pay them, again where a hold is lost on the way."""
    cards = list(buyer.does.cards)
    for _ in range(HOLDS_AT_MOST):
        held = await _take_seats(buyer)
        buyer.enter(Stage.HOLDING)
        if buyer.does.lets_hold_run_out:
            buyer.log(Kind.LET_GO, hold=held.hold)
            return Outcome.LET_HOLD_RUN_OUT
        await asyncio.sleep(buyer.does.thinks_seconds / 2)
        buyer.enter(Stage.PAYING)
        while cards:
            state = await _pay(buyer, held, cards[0])
            if state == "paid":
                buyer.crowd.figures.paid += 1
                return Outcome.BOUGHT
            if state == "lost":
                break  # the hold is gone, the card is still good: take other seats
            cards.pop(0)
        if not cards:
            await buyer.ask("give back", "DELETE", f"/v1/holds/{held.hold}")
            await buyer.leave()
            return Outcome.DECLINED
        buyer.enter(Stage.CHOOSING)
    return Outcome.HOLD_LOST


# --- seats


async def _take_seats(buyer: Buyer) -> Held:
    """Hold seats, however long it takes; raises GoHomeError when there are none, or the turn is over."""
    wanted = min(buyer.does.quantity, buyer.crowd.hall.max_per_buyer)
    asked_until = buyer.crowd.door.now() + buyer.crowd.plan.waits_for_returns_seconds
    while True:
        await asyncio.sleep(buyer.does.thinks_seconds / 2)
        free = await _free_places(buyer)
        for quantity in dict.fromkeys((wanted, 1)):  # one seat is better than none
            for zone in buyer.crowd.hall.preferences(buyer.does.taste):
                if free.get(zone.name, quantity) < quantity:
                    continue
                answer = await _try_zone(buyer, zone, quantity)
                if answer is not None and answer.ok:
                    return _held(buyer, answer)
                if answer is not None:
                    await _check_turn(buyer, answer)
        if not buyer.does.persistent or buyer.crowd.door.now() > asked_until or await buyer.is_sold_out():
            await buyer.leave()
            raise GoHomeError(Outcome.SOLD_OUT)
        await asyncio.sleep(buyer.draw.uniform(*buyer.crowd.plan.returns_pause_seconds))


async def _free_places(buyer: Buyer) -> dict[str, int]:
    """Look at the page's count of free places by zone, which may be a little old; empty where it does not say."""
    answer = await buyer.ask("seats left", "GET", "/v1/seats")
    return {zone["zone"]: int(zone["free"]) for zone in answer.body.get("zones", ())}


async def _try_zone(buyer: Buyer, zone: HallZone, quantity: int) -> Answer | None:
    """Return the last answer of the holds route, or None where the map shows too few free seats."""
    if buyer.does.choice is Choice.NAMED and zone.named_seats:
        for _ in range(CLASHES_AT_MOST):
            plan = await buyer.ask("seats", "GET", f"/v1/seats?zone={zone.name}")
            seats = pick_seats(plan.body.get("seats", ()), quantity, buyer.draw)
            if not seats:
                return None
            answer = await buyer.ask("hold", "POST", "/v1/holds", body={"seats": seats})
            if answer.problem != "seats-taken":
                return answer
            buyer.refused("hold", answer)
    return await buyer.ask("hold", "POST", "/v1/holds", body={"zone": zone.name, "quantity": quantity})


async def _check_turn(buyer: Buyer, refusal: Answer) -> None:
    """Return where other seats may be had; raise GoHomeError where no question will help."""
    buyer.refused("hold", refusal)
    if refusal.problem in {"sold-out", "seats-taken"}:
        return
    if refusal.problem == "buyer-limit":  # a reply was lost and our own hold stands in the way until it ends
        await asyncio.sleep(buyer.draw.uniform(*buyer.crowd.plan.returns_pause_seconds))
        return
    if refusal.status in {401, 403, 410}:  # the session is over
        raise GoHomeError(Outcome.SOLD_OUT if buyer.does.persistent else Outcome.TURN_PASSED)
    raise GoHomeError(Outcome.TURNED_AWAY)


def _held(buyer: Buyer, answer: Answer) -> Held:
    held = Held(answer.body["hold_id"], answer.body["payment_url"], answer.body["payment_token"])
    buyer.log(Kind.HELD, answer, hold=held.hold, seats=tuple(answer.body["seats"]), amount=int(answer.body["amount"]))
    return held


# --- money


async def _pay(buyer: Buyer, held: Held, card: str) -> str:
    """Pay with one card and follow the payment to its end.

    Returns its state: `paid`, another final state where another card may do, or `lost` where the hold is gone.
    """
    door = buyer.crowd.door
    key = str(uuid.UUID(int=buyer.draw.getrandbits(128), version=4))
    accepted = await door.ask(
        "pay",
        "POST",
        held.payment_url,
        token=lambda: held.payment_token,
        body={"hold_id": held.hold, "method": {"type": "card", "token": card}},
        headers={"Idempotency-Key": key},  # the same for every repetition: the reply may be what was lost
        hang_up_seconds=HANG_UP_SECONDS if buyer.does.hangs_up else None,
    )
    payment = accepted.body.get("payment_id")
    if not payment:  # 409 already-paying names the payment; anything else has none to follow
        buyer.refused("pay", accepted)
        if accepted.status in {409, 410}:
            return "lost"
        raise GoHomeError(Outcome.TURNED_AWAY)
    state = str(accepted.body.get("state", "accepted"))
    buyer.log(Kind.PAYMENT, accepted, payment=payment, hold=held.hold, state=state)
    return await _follow(buyer, held, payment, state)


async def _follow(buyer: Buyer, held: Held, payment: str, state: str) -> str:
    door, pause = buyer.crowd.door, POLL_SECONDS
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_POLL_SECONDS)
        answer = await door.ask("payment", "GET", f"{held.payment_url}/{payment}", token=lambda: held.payment_token)
        if not answer.ok:
            buyer.refused("payment", answer)
            raise GoHomeError(Outcome.UNSETTLED)
        now_is = str(answer.body.get("state"))
        pause = max(pause, retry_after(answer.headers.get("Retry-After")) or 0.0)
        if now_is != state:
            state = now_is
            buyer.log(Kind.PAYMENT, answer, payment=payment, hold=held.hold, state=state)
        if state == "paid":
            await _fetch_tickets(buyer, payment, answer)
        if state in SETTLED:
            return state


async def _fetch_tickets(buyer: Buyer, payment: str, paid: Answer) -> None:
    """Look at the order and at every ticket, at the event's own address, as the buyer's page does."""
    order = paid.body.get("order_id")
    shown = await buyer.ask("order", "GET", f"/v1/orders/{order}")
    if not shown.ok:
        buyer.refused("order", shown)
        return
    for ticket in paid.body.get("tickets", ()):
        answer = await buyer.ask("ticket", "GET", f"/v1/tickets/{ticket['id']}")
        if not answer.ok:
            buyer.refused("ticket", answer)
            continue
        buyer.log(Kind.TICKET, answer, ticket=ticket["id"], seats=(ticket["seat"],), order=str(order), payment=payment)
        buyer.crowd.figures.tickets += 1
