"""``python -m ticketon_ledger migrate | apply | COMMAND``: what the ledger Job and people on call run.

``COMMAND`` is one of the ledger's own of ``ticketon`` (``commands``), which so run in a payment server's pod.

``apply`` migrates, applies the inventory of the event's configuration, and leaves its result where Kubernetes shows it
(the termination message). Exit 0 for applied and for refused, for a retry would change nothing; 1 for what is worth
one.
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ticketon_contract import connections
from ticketon_contract.config import EventConfig
from ticketon_ledger import commands
from ticketon_ledger.errors import InventoryRefused, LedgerError
from ticketon_ledger.ledger import Ledger
from ticketon_ledger.migrate import migrate

#: What a kubelet keeps of a termination message, in bytes; JSON is ASCII here.
_MAX_TERMINATION_MESSAGE = 4096

_USAGE = f"usage: python -m ticketon_ledger migrate | apply | {' | '.join(commands.NAMES)} [options of `ticketon …`]"


def _tell(result: dict[str, object], environ: Mapping[str, str]) -> None:
    text = json.dumps(result, separators=(",", ":"))
    if len(text) > _MAX_TERMINATION_MESSAGE:
        # The inventory in force is for whoever has lost it; cut short, nothing of the result could be read.
        text = json.dumps({key: value for key, value in result.items() if key != "zones"})
    sys.stdout.write(text + "\n")
    log = Path(environ.get("TICKETON_TERMINATION_LOG", "/dev/termination-log"))
    if log.exists():
        log.write_text(text)


def _configuration(environ: Mapping[str, str]) -> EventConfig:
    path = Path(environ.get("TICKETON_EVENT_FILE", "/etc/ticketon/event/event.json"))
    return EventConfig.model_validate_json(path.read_text())


async def _apply(config: EventConfig, dsn: str) -> dict[str, object]:
    await migrate(dsn)
    async with await Ledger.connect(dsn, max_connections=1) as ledger:
        try:
            capacity = await ledger.apply_inventory(config)
        except InventoryRefused as refusal:
            currency, zones = await ledger.inventory_in_force(str(config.ref))
            return {
                "result": "refused",
                "reason": refusal.reason,
                "capacity": sum(zone.size for zone in zones),
                "currency": currency,
                "zones": [zone.model_dump(exclude_defaults=True) for zone in zones],
            }
    return {"result": "applied", "reason": "", "capacity": capacity}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one command; the exit code."""
    command = arguments[0] if arguments else ""
    try:
        if command == "migrate":
            asyncio.run(migrate(connections.postgres_url(environ)))
        elif command == "apply":
            _tell(asyncio.run(_apply(_configuration(environ), connections.postgres_url(environ))), environ)
        elif command in commands.NAMES:
            return commands.main(arguments, environ)
        else:
            sys.stderr.write(_USAGE + "\n")
            return 2
    except (LedgerError, OSError, ValueError, connections.MissingConnectionError) as error:
        _tell({"result": "failed", "reason": str(error), "capacity": 0}, environ)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
