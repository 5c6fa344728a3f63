"""What every payment provider's adapter must keep, as checks for whoever writes one. See docs/provider-adapters.md.

An adapter is what ``provider.py`` describes: it does what is pending for a payment, gives refunds and finds them, and
turns every way of not being answered into NO_ANSWER. A sandbox is a provider to test it against that can be made to
misbehave, and whose own books say what became of the money. With pytest:

    @pytest.mark.parametrize("promise", conformance.promises(SANDBOX), ids=str)
    async def test_the_adapter_keeps(promise: conformance.Promise) -> None:
        await promise.check(SANDBOX)

A promise that is not kept raises BrokenPromiseError, which says what happened instead.

- ``trial``: payments of a test, and the sandbox
- ``asking``, ``settling``, ``refunding``: the promises
"""

from ticketon_payments.conformance import asking, refunding, settling
from ticketon_payments.conformance.trial import (
    Adapter,
    Booked,
    BrokenPromiseError,
    Case,
    Promise,
    Sandbox,
)

__all__ = ["Adapter", "Booked", "BrokenPromiseError", "Case", "Promise", "Sandbox", "promises"]


def promises(sandbox: Sandbox) -> list[Promise]:
    """What an adapter must keep under this sandbox' protocol, as far as its payment methods can show it."""
    return [
        promise
        for promise in (*asking.PROMISES, *settling.PROMISES, *refunding.PROMISES)
        if promise.protocol in {None, sandbox.protocol} and sandbox.method(promise.case) is not None
    ]
