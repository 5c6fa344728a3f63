"""The cluster, the product in it, and sales on it: fixtures of the e2e tests.

Before the first test the cluster is brought up (a few seconds where it is), the charts are installed, and what a killed
run left is removed. Another run on the same cluster is waited for. Each sale has a namespace of its own, which goes in
the background when its test or module is over. Where a test fails, its report holds what an on-call engineer would look
at.

Most of the time is spent waiting, so three workers share the tests (`-n 3`), each with a lane of its own: fixed, so
that sales are shared within a lane, and about as long as the others. Tests marked ``alone`` break what all sales share:
they come last, when the other lanes are at their ends. Without pytest-xdist's workers the same tests run in the same
order, one by one.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support import cluster_evidence
from support.cluster import Cluster
from support.cluster_faults import Faults
from support.installation import (
    Installation,
    bring_up,
    clean_up,
    let_go,
    locate,
    open_installation,
    sale_namespace,
)
from support.run import Company, Run
from support.sale import Sale
from support.ticket_door import TicketDoor
from xdist.scheduler import LoadScopeScheduling

from ticketon_dev.errors import SetupError
from ticketon_dev.progress import Progress

HERE = Path(__file__).parent
#: Another run of these tests is waited for: it takes about four minutes.
OTHER_RUN_SECONDS = 900
TEST_SECONDS = 300
#: Modules of two lanes; the others are the third.
LANES = {
    "buyers": {"test_a_sale_completes", "test_faults_in_mid_sale"},
    # Payments are found not to be behind the ingress, and after that a sale puts them there.
    "endings": {"test_operator_ends_a_sale", "test_http_refusals", "test_money_goes_back"},
}
#: Sales that exist now; all of them are shown when a test fails.
SALES = pytest.StashKey[list[Sale]]()
INSTALLED = pytest.StashKey[Installation]()
COMPANY = pytest.StashKey[Company]()

OpenSale = Callable[..., Sale]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SALES] = []
    config.stash[COMPANY] = Company(locate().state / "e2e-company.lock")


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "Lanes":
    return Lanes(config, log)


class Lanes(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each worker of pytest-xdist a lane; tests that are not of this folder go by their file."""

    def _split_scope(self, nodeid: str) -> str:
        file = Path(nodeid.split("::", 1)[0])
        if file.parent.name != HERE.name:
            return str(file)
        return next((lane for lane, modules in LANES.items() if file.stem in modules), "operator")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            # Of the test itself: what brings the cluster up, or waits for another run, has deadlines of its own.
            item.add_marker(pytest.mark.timeout(TEST_SECONDS, func_only=True))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> tuple[bool, bool, bool]:
    """Sort by this: first what others can share or wait beside, last what must be alone."""
    return (
        item.get_closest_marker("alone") is not None,
        # Where PaymentForecastExceeded is taken back after a calm minute, the other tests fill that minute.
        "calm_minute" in item.name,
        # The first of those that are alone finds its sale opened by the last of these.
        "sale" in getattr(item, "fixturenames", ()),
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, Any, Any]:
    """Let the other lanes go on where this one is at its end."""
    try:
        return (yield)
    finally:
        if nextitem is None or HERE not in nextitem.path.parents:
            item.config.stash[COMPANY].release()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Add the evidence to the report of a failed test, while its sales still exist."""
    report: Any = yield
    installed = item.config.stash.get(INSTALLED, None)
    if report.failed and report.when != "teardown" and installed is not None:
        for sale in item.config.stash[SALES]:
            report.sections.append((cluster_evidence.in_brief(sale), cluster_evidence.of_sale(sale)))
        report.sections.append(("installation", cluster_evidence.of_installation(installed.cluster)))
    return report


@pytest.fixture(scope="session")
def installation(pytestconfig: pytest.Config) -> Iterator[Installation]:
    """The cluster with the charts installed, and nothing left of earlier runs."""
    at = locate()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    say = Progress().say

    def prepare() -> None:
        bring_up(at)
        clean_up(open_installation(at).cluster)

    run = Run(at.state / "e2e.lock")
    with capture.global_and_fixture_disabled():
        try:
            run.enter(prepare, wait_seconds=OTHER_RUN_SECONDS, on_wait=lambda whose: say(f"after {whose}"))
        except SetupError as problem:
            pytest.exit(f"no cluster for the e2e tests: {problem}", returncode=1)
    installed = open_installation(at)
    pytestconfig.stash[INSTALLED] = installed
    yield installed
    if run.leave():
        let_go(installed.cluster)


@pytest.fixture(autouse=True)
def company(request: pytest.FixtureRequest, installation: Installation) -> None:
    """Wait for the other lanes where a test must be alone; behind the run's own lock, which keeps other runs out."""
    del installation
    request.config.stash[COMPANY].keep(alone=request.node.get_closest_marker("alone") is not None)


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
