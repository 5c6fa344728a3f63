"""One thing dies in mid-sale, a test each: nobody loses a place, nobody pays twice, every seat is sold, once.

Servers and the operator are killed without a word. A store is killed and kept away until the TicketEvent's conditions
say which one it is, then it comes back on its volume, and everything goes on by itself.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from support.cluster import Cluster, Object
from support.cluster_faults import Faults, restarts
from support.eventually import eventually
from support.installation import Installation
from support.sale import LOOK_SECONDS, Sale
from support.sale_crowd import CrowdAtWork, assert_sale_kept_its_word, crowd
from support.ticket_door import TicketDoor, Visitor, problem

from .conftest import opened_sales

#: So many tickets are out when the fault strikes: the sale is under way, and far from its end.
MID_SALE = 6
#: Two a second until the fault has struck: on a slow machine too there are seats left then, and a line. Afterwards
#: the rest need not take long.
SLOWLY, QUICKLY = {"perMinute": 120}, {"perMinute": 1200}
#: Outlasts a store that is away on a slow machine: who is in goes on where they were.
SESSION_SECONDS = 60
#: They want more seats than there are.
BUYERS = 36
#: Clients back off for a few seconds before they look for a store again.
RECOVERED_SECONDS = 30.0
#: Operator's Lease: the acting one is gone without giving it back.
TAKEOVER_SECONDS = 15.0
OPERATORS_NAMESPACE = "ticketon"

QUEUE, PAYMENTS = "queue-server", "payment-server"


class NextSale:
    """Sales of one test each. One can be opened ahead: it gets ready while the test before is at its end."""

    def __init__(self, config: pytest.Config, installation: Installation) -> None:
        self._config = config
        self._installation = installation
        self._ahead: tuple[ExitStack, Sale] | None = None

    def open(self) -> None:
        if self._ahead is None:
            with ExitStack() as stack:
                open_sale = stack.enter_context(opened_sales(self._config, self._installation))
                sale = open_sale(ready=False, admission={**SLOWLY, "sessionSeconds": SESSION_SECONDS})
                self._ahead = stack.pop_all(), sale

    def take(self) -> tuple[ExitStack, Sale]:
        """Return the sale and what closes it."""
        self.open()
        assert self._ahead is not None
        taken, self._ahead = self._ahead, None
        return taken

    def close(self) -> None:
        if self._ahead is not None:
            self._ahead[0].close()


@pytest.fixture(scope="session")
def next_sale(pytestconfig: pytest.Config, installation: Installation) -> Iterator[NextSale]:
    ahead = NextSale(pytestconfig, installation)
    yield ahead
    ahead.close()


@pytest.fixture
def sale(next_sale: NextSale) -> Iterator[Sale]:
    """A sale of this test's own, Ready."""
    closing, sale = next_sale.take()
    with closing:
        yield sale.wait_until_ready()


LetTheRestIn = Callable[[], None]


@pytest.fixture
def let_the_rest_in(request: pytest.FixtureRequest, sale: Sale, next_sale: NextSale) -> LetTheRestIn:
    """The fault is over: everybody is let in, quickly, and the sale of the next test may begin to get ready."""
    items = request.session.items
    more = any("sale" in getattr(item, "fixturenames", ()) for item in items[items.index(request.node) + 1 :])

    def let_in() -> None:
        sale.edit({"admission": QUICKLY})
        if more:
            next_sale.open()

    return let_in


def in_mid_sale(buyers: CrowdAtWork) -> None:
    buyers.wait_for(lambda seen: seen.tickets >= MID_SALE)


def all_serve_again(sale: Sale, component: str, count: int) -> bool:
    pods = sale.pods(component)
    ready = [pod for pod in pods if all(status["ready"] for status in pod["status"].get("containerStatuses", []))]
    return len(ready) == len(pods) >= count


def test_a_killed_queue_server_loses_nobodys_place(sale: Sale, faults: Faults, let_the_rest_in: LetTheRestIn) -> None:
    with crowd(sale, buyers=BUYERS, seed=11) as buyers:
        in_mid_sale(buyers)
        faults.kill(sale.pods(QUEUE)[0])
        let_the_rest_in()
        result = buyers.result()
    assert_sale_kept_its_word(sale, result)
    eventually(lambda: all_serve_again(sale, QUEUE, 2), RECOVERED_SECONDS, every_seconds=LOOK_SECONDS)
    assert sum(restarts(pod) for pod in sale.pods(QUEUE)) >= 1


def test_a_killed_payment_server_charges_nobody_twice(
    sale: Sale, faults: Faults, let_the_rest_in: LetTheRestIn
) -> None:
    with crowd(sale, buyers=BUYERS, seed=12) as buyers:
        in_mid_sale(buyers)
        faults.kill(sale.pods(PAYMENTS)[0])
        let_the_rest_in()
        result = buyers.result()
    assert_sale_kept_its_word(sale, result)
    eventually(lambda: all_serve_again(sale, PAYMENTS, 2), RECOVERED_SECONDS, every_seconds=LOOK_SECONDS)
    sale.wait_for_condition("PaymentsReady", "True", within_seconds=RECOVERED_SECONDS)


@pytest.mark.alone
def test_the_acting_operator_is_replaced_and_the_sale_does_not_notice(
    sale: Sale, faults: Faults, cluster: Cluster, let_the_rest_in: LetTheRestIn
) -> None:
    with crowd(sale, buyers=BUYERS, seed=13) as buyers:
        in_mid_sale(buyers)
        before = acting_operator(cluster)
        faults.lose(before)
        eventually(
            lambda: acting_operator(cluster)["metadata"]["uid"] != before["metadata"]["uid"],
            TAKEOVER_SECONDS,
            every_seconds=LOOK_SECONDS,
        )
        generation = sale.edit({"message": "the other one has read this"})
        eventually(lambda: sale.status()["observedGeneration"] == generation, 15, every_seconds=LOOK_SECONDS)
        let_the_rest_in()
        result = buyers.result()
    assert_sale_kept_its_word(sale, result)


def acting_operator(cluster: Cluster) -> Object:
    """Return the pod that holds the operator's Lease, by the name that the holder goes by."""
    holders = [lease["spec"].get("holderIdentity") or "" for lease in cluster.every("Lease", OPERATORS_NAMESPACE)]
    return next(
        pod
        for pod in cluster.pods(OPERATORS_NAMESPACE)
        for holder in holders
        if holder.startswith(pod["metadata"]["name"])
    )


@pytest.mark.alone
def test_without_redis_nobody_new_is_let_in_and_everybody_keeps_their_place(
    sale: Sale, faults: Faults, door: TicketDoor, let_the_rest_in: LetTheRestIn
) -> None:
    insider = Visitor(door, sale.base_url).enter()
    newcomer = Visitor(door, sale.base_url).identify()
    with crowd(sale, buyers=BUYERS, seed=14) as buyers:
        in_mid_sale(buyers)
        with faults.away("redis"):
            told = sale.wait_for_condition("LineReady", "False", "RedisUnavailable")
            assert "Redis is away" in told["message"]
            assert_told_when_to_come_back(newcomer.ask("POST", "/v1/line"))
            hold = insider.held_anywhere()  # a pass is good without Redis
            assert insider.ask("DELETE", f"/v1/holds/{hold['hold_id']}").status_code == 204
        let_the_rest_in()
        sale.wait_for_condition("LineReady", "True", within_seconds=RECOVERED_SECONDS)
        result = buyers.result()
    assert_sale_kept_its_word(sale, result)
    assert insider.join().number == 1
    assert sale.condition("Ready")["status"] == "True"


@pytest.mark.alone
def test_without_kafka_payments_are_taken_in_and_settled_later(
    sale: Sale, faults: Faults, door: TicketDoor, let_the_rest_in: LetTheRestIn
) -> None:
    insider = Visitor(door, sale.base_url).enter()
    with crowd(sale, buyers=BUYERS, seed=15) as buyers:
        in_mid_sale(buyers)
        with faults.away("kafka"):
            hold = insider.held_anywhere()
            accepted = insider.pay(hold, key="without-kafka")
            assert accepted.status_code == 202, accepted.text
            payment = accepted.json()["payment_id"]
            told = sale.wait_for_condition("PaymentsReady", "False", "KafkaUnavailable")
            assert "Kafka is away" in told["message"]
            assert insider.payment(hold, payment)["state"] == "accepted"
        let_the_rest_in()
        sale.wait_for_condition("PaymentsReady", "True", within_seconds=RECOVERED_SECONDS)
        eventually(
            lambda: insider.payment(hold, payment)["state"] == "paid", RECOVERED_SECONDS, every_seconds=LOOK_SECONDS
        )
        result = buyers.result()
    assert_sale_kept_its_word(sale, result, others={payment})


@pytest.mark.alone
def test_without_postgres_nothing_is_sold_and_nothing_is_lost(
    sale: Sale, faults: Faults, door: TicketDoor, let_the_rest_in: LetTheRestIn
) -> None:
    insider = Visitor(door, sale.base_url).enter()
    with crowd(sale, buyers=BUYERS, seed=16) as buyers:
        in_mid_sale(buyers)
        hold = insider.held_anywhere()
        with faults.away("postgres"):
            assert_told_when_to_come_back(insider.pay(hold, key="without-postgres"))
            assert_told_when_to_come_back(insider.hold(zone="GA", quantity=1))
            told = sale.wait_for_condition("PaymentsReady", "False", "PostgresUnavailable")
            assert "Postgres is away" in told["message"]
        let_the_rest_in()
        sale.wait_for_condition("PaymentsReady", "True", within_seconds=RECOVERED_SECONDS)
        result = buyers.result()
    assert_sale_kept_its_word(sale, result)


def assert_told_when_to_come_back(answer: httpx.Response) -> None:
    """A clear answer of a sale that lacks a store: 503, a problem document, and when to try again."""
    assert problem(answer) == "unavailable"
    assert answer.status_code == 503
    assert float(answer.headers["Retry-After"]) > 0
