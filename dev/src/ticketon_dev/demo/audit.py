"""``ticketon audit`` and ``ticketon reconcile`` on a cluster: through tunnels to Postgres and the provider."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ticketon_contract.names import EventRef
from ticketon_dev.demo.install import STORES_NAMESPACE, Lab
from ticketon_dev.demo.report import Audit
from ticketon_dev.demo.tunnel import forwarded

AUDIT_SECONDS = 60.0
POSTGRES_PORT, PROVIDER_PORT = 5432, 8090


@asynccontextmanager
async def postgres(lab: Lab) -> AsyncIterator[str]:
    """Forward a local port to the developers' Postgres; gives its URL."""
    async with forwarded(lab.command, STORES_NAMESPACE, "svc/postgres", POSTGRES_PORT) as port:
        yield f"postgresql://ticketon:ticketon-dev@127.0.0.1:{port}/ticketon"


async def audit(lab: Lab, event: EventRef) -> Audit:
    """Prove the invariants of one sale."""
    async with _addresses(lab, event) as (url, books):
        return await _ticketon(url, books, event, "audit")


async def audit_and_reconcile(lab: Lab, event: EventRef) -> tuple[Audit, Audit]:
    """Do that, and beside it compare the sale with the provider's listing, which is never behind here."""
    async with _addresses(lab, event) as (url, books):
        return await asyncio.gather(
            _ticketon(url, books, event, "audit"),
            _ticketon(url, books, event, "reconcile", "--lag", "0"),
        )


@asynccontextmanager
async def _addresses(lab: Lab, event: EventRef) -> AsyncIterator[tuple[str, str]]:
    """Postgres' and the books' URLs, by ports of 127.0.0.1 in place of the cluster's names."""
    async with (
        postgres(lab) as url,
        forwarded(lab.command, event.namespace, "svc/provider", PROVIDER_PORT) as provider,
    ):
        yield url, f"http://127.0.0.1:{provider}"


async def _ticketon(url: str, books: str, event: EventRef, command: str, *options: str) -> Audit:
    """Run the command as a person would."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "ticketon_cli", command, "--event", str(event), "--books", books, *options),
        env={"TICKETON_POSTGRES_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(AUDIT_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        return Audit(124, f"{command} did not end within {AUDIT_SECONDS:.0f} s")
    return Audit(process.returncode or 0, output.decode())
