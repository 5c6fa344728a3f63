"""Test cards: what the provider does with a payment method. Pure. An unknown token is a good card."""

from dataclasses import dataclass

SLOW_SECONDS = 3.0
#: Longer than anybody waits: the work is done, the answer comes when nobody listens any more.
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Card:
    """How calls on this card go. The first answer to an idempotency key may be spoilt; a repeated key is answered."""

    declined: str = ""  # the reason
    seconds_before: float = 0.0
    seconds_after: float = 0.0  # after the work, before the first answer
    reply_lost: bool = False
    error_first: bool = False  # 500 without doing the work
    capture_fails: bool = False
    action: bool = False  # the buyer has to confirm on the provider's page


GOOD = Card()
CARDS = {
    "tok_ok": GOOD,
    "tok_decline": Card(declined="insufficient_funds"),
    "tok_slow": Card(seconds_before=SLOW_SECONDS),
    "tok_timeout": Card(seconds_after=TIMEOUT_SECONDS),
    "tok_lost_reply": Card(reply_lost=True),
    "tok_capture_fails": Card(capture_fails=True),
    "tok_error": Card(error_first=True),
    "tok_action": Card(action=True),
}


def card(token: str) -> Card:
    """The card of a method's token."""
    return CARDS.get(token, GOOD)
