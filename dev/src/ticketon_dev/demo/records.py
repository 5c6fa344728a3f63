"""Which shows were sold before, from the cluster's records."""

import itertools

from ticketon_contract.names import EventRef
from ticketon_dev.demo.audit import postgres
from ticketon_dev.demo.install import Lab
from ticketon_ledger import Ledger


async def first_unused_run(lab: Lab, first: EventRef) -> int:
    """Return the lowest n for which no show ``name-n`` (``name`` for 1) is in the records.

    Orders are kept when a TicketEvent is deleted, and by plain `make down` as well: the same name would be sold out.
    """
    async with postgres(lab) as url, await Ledger.connect(url, max_connections=1) as ledger:
        if not await ledger.database.fetch("SELECT 1 WHERE to_regclass('inventory') IS NOT NULL"):
            return 1  # nothing was ever sold here
        for run in itertools.count(1):
            event = first if run == 1 else EventRef(first.namespace, f"{first.name}-{run}")
            _, zones = await ledger.inventory_in_force(str(event))
            if not zones:
                return run
    raise AssertionError("itertools.count ends")
