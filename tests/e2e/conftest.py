"""The cluster, the product in it, and sales on it: fixtures of the e2e tests.

One run at a time: these tests kill stores that everything on the cluster shares. Before the first test the cluster is
brought up (a few seconds where it is), the charts are installed, and what a killed run left is removed; each sale has a
namespace of its own, which goes with the test or the module. Where a test fails, its report holds what an on-call
engineer would look at.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import cluster_evidence
from support.cluster import Cluster
from support.cluster_faults import Faults
from support.installation import Installation, bring_up, locate, remove_leftovers, sale_namespace
from support.sale import Sale
from support.ticket_door import TicketDoor

from ticketon_dev.errors import SetupError
from ticketon_dev.lock import exclusive
from ticketon_dev.progress import Progress

#: Another run of these tests is waited for: it takes about five minutes.
OTHER_RUN_SECONDS = 900
TEST_SECONDS = 300
#: Sales that exist now; all of them are shown when a test fails.
SALES = pytest.StashKey[list[Sale]]()
INSTALLED = pytest.StashKey[Installation]()

OpenSale = Callable[..., Sale]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SALES] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            # Of the test itself: what brings the cluster up, or waits for another run, has deadlines of its own.
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))
    # Where PaymentForecastExceeded is taken back after a calm minute, the other tests fill that minute.
    items.sort(key=lambda item: "calm_minute" in item.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add the evidence to the report of a failed test, while its sales still exist."""
    report: Any = yield
    installed = item.config.stash.get(INSTALLED, None)
    if report.failed and report.when != "teardown" and installed is not None:
        for sale in item.config.stash[SALES]:
            report.sections.append((f"sale {sale.ref}", cluster_evidence.of_sale(sale)))
        report.sections.append(("installation", cluster_evidence.of_installation(installed.cluster)))
    return report


@pytest.fixture(scope="session")
def installation(pytestconfig: pytest.Config) -> Iterator[Installation]:
    """The cluster with the charts installed, and nothing left of earlier runs."""
    at = locate()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with ExitStack() as run:
        with capture.global_and_fixture_disabled():
            try:
                lock = at.state / "e2e.lock"
                say = Progress().say
                run.enter_context(
                    exclusive(
                        lock, "e2e tests", wait_seconds=OTHER_RUN_SECONDS, on_wait=lambda who: say(f"after {who}")
                    )
                )
                installed = bring_up(at)
            except SetupError as problem:
                pytest.exit(f"no cluster for the e2e tests: {problem}", returncode=1)
        pytestconfig.stash[INSTALLED] = installed
        remove_leftovers(installed.cluster)
        yield installed
        remove_leftovers(installed.cluster)


@pytest.fixture(scope="session")
def cluster(installation: Installation) -> Cluster:
    return installation.cluster


@pytest.fixture(scope="session")
def door(installation: Installation) -> Iterator[TicketDoor]:
    with TicketDoor(installation.lab.at.authority) as door:
        yield door


@pytest.fixture(scope="session")
def faults(installation: Installation) -> Iterator[Faults]:
    with Faults(installation.cluster, installation.lab.kubectl, installation.lab.images["dev"]) as faults:
        yield faults


@contextmanager
def opened_sales(config: pytest.Config, installation: Installation) -> Iterator[OpenSale]:
    """Make sales: ``open_sale(name, ready=True, **spec)``; all go at the end."""
    opened: list[Sale] = []
    with ExitStack() as stack:

        def open_sale(name: str = "gala", *, ready: bool = True, **spec: Any) -> Sale:
            sale = Sale(
                lab=installation.lab,
                cluster=installation.cluster,
                namespace=stack.enter_context(sale_namespace(installation)),
                name=name,
                node_port=installation.free_node_port(),
                spec=spec,
            )
            opened.append(sale)
            config.stash[SALES].append(sale)
            sale.apply()
            return sale.wait_until_ready() if ready else sale

        try:
            yield open_sale
        finally:
            for sale in opened:
                config.stash[SALES].remove(sale)


@pytest.fixture
def open_sale(pytestconfig: pytest.Config, installation: Installation) -> Iterator[OpenSale]:
    """Sales of one test: ``open_sale(zones=[…])``, merged over the usual spec."""
    with opened_sales(pytestconfig, installation) as make:
        yield make


@pytest.fixture(scope="module")
def open_shared_sale(pytestconfig: pytest.Config, installation: Installation) -> Iterator[OpenSale]:
    """The same for sales that the tests of a module share."""
    with opened_sales(pytestconfig, installation) as make:
        yield make


@pytest.fixture(scope="session")
def open_lasting_sale(pytestconfig: pytest.Config, installation: Installation) -> Iterator[OpenSale]:
    """The same for sales that are looked at again at the end of the run."""
    with opened_sales(pytestconfig, installation) as make:
        yield make


@pytest.fixture
def sale(open_sale: OpenSale) -> Sale:
    """A sale of this test's own, Ready."""
    return open_sale()
