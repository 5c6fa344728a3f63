"""Which shows were sold before, from the cluster's records."""

import itertools

from ticketon_contract.names import EventRef
from ticketon_dev.demo.audit import postgres
from ticketon_dev.demo.event import name_of_run
from ticketon_dev.demo.install import Lab
from ticketon_ledger import Ledger


async def first_unused_run(lab: Lab, first: EventRef) -> int:
    """Look into the records of a cluster; see ``unused_run``."""
    async with postgres(lab) as url, await Ledger.connect(url, max_connections=1) as ledger:
        return await unused_run(ledger, first)


async def unused_run(ledger: Ledger, first: EventRef) -> int:
    """Return the lowest n for which no show of the nth run is in the records.

    Orders are kept when a TicketEvent is deleted, and by plain `make down` as well: the same name would be sold out.
    """
    if not await ledger.database.fetch("SELECT 1 WHERE to_regclass('inventory') IS NOT NULL"):
        return 1  # nothing was ever sold here
    run = 0
    for run in itertools.count(1):
        _, zones = await ledger.inventory_in_force(str(EventRef(first.namespace, name_of_run(first.name, run))))
        if not zones:
            break
    return run
