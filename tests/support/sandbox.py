"""The provider simulator as a sandbox that adapters are tested in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from support.provider import ProviderProcess

from ticketon_contract.config import Provider as ProviderConfig
from ticketon_contract.config import ProviderProtocol
from ticketon_payments.conformance import Adapter, Booked, Case
from ticketon_payments.provider import HttpProvider

CARDS = {
    Case.GOOD: "tok_ok",
    Case.DECLINED: "tok_decline",
    Case.REPLY_LOST: "tok_lost_reply",
    Case.HANGS: "tok_timeout",
    Case.CAPTURE_FAILS: "tok_capture_fails",
    Case.ACTION: "tok_action",
}
MakeAdapter = Callable[[ProviderConfig], AbstractAsyncContextManager[Adapter]]


class SimulatorSandbox:
    """``provider`` is wanted when a promise is checked, not to list the promises."""

    def __init__(
        self, protocol: ProviderProtocol, provider: ProviderProcess | None = None, make: MakeAdapter = HttpProvider
    ) -> None:
        self.protocol = protocol
        self._provider = provider
        self._make = make

    @property
    def provider(self) -> ProviderProcess:
        assert self._provider is not None
        return self._provider

    def adapter(self, *, timeout_seconds: float) -> AbstractAsyncContextManager[Adapter]:
        config = ProviderConfig(protocol=self.protocol, url=self.provider.url, timeout_seconds=timeout_seconds)
        return self._make(config)

    def method(self, case: Case) -> str | None:
        return CARDS[case]

    async def entries(self, reference: str) -> Sequence[Booked]:
        books = await asyncio.to_thread(self.provider.books)
        return [
            Booked(
                amount=entry["amount"],
                currency=entry["currency"],
                captured=entry["captured"],
                refunded=entry["refunded"],
                reserved=entry["state"] in {"authorized", "requires_action"},
            )
            for entry in books
            if entry["reference"] == reference
        ]

    @contextlib.asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self.provider.faults, outage=True)
        try:
            yield
        finally:
            await asyncio.to_thread(self.provider.faults)
