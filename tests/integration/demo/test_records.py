"""Which run of the demo comes next, from the records of a real Postgres."""

from support.money import configuration

from ticketon_contract.names import EventRef
from ticketon_dev.demo.records import unused_run
from ticketon_ledger import Ledger
from ticketon_ledger.migrate import migrate

FIRST = EventRef("shows", "spring-gala")


async def test_the_first_show_of_an_installation_has_the_samples_own_name(database_url: str) -> None:
    async with await Ledger.connect(database_url) as ledger:
        assert await unused_run(ledger, FIRST) == 1, "before the ledger was ever migrated"
        await migrate(database_url)
        assert await unused_run(ledger, FIRST) == 1


async def test_a_name_that_sold_seats_is_never_used_again(database_url: str) -> None:
    await migrate(database_url)
    async with await Ledger.connect(database_url) as ledger:
        for name in ("spring-gala", "spring-gala-2", "another-show"):
            await ledger.apply_inventory(configuration(EventRef("shows", name)))
        assert await unused_run(ledger, FIRST) == 3
        assert await unused_run(ledger, EventRef("elsewhere", "spring-gala")) == 1
