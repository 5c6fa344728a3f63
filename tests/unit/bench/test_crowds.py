"""Where a bench's crowd comes from and how nginx would spread it: all of it follows from the seed."""

import ipaddress
from collections import Counter

import pytest

from bench.decision.addresses import Addresses, Shares, zipf
from bench.decision.crowd import THINKING_SECONDS, open_sessions, visits
from bench.decision.figures import skew
from bench.decision.placement import Ring, ip_hash, moved


def crowd(seed: int, size: int, shares: Shares | None = None) -> list[str]:
    addresses = Addresses(seed, shares)
    return [addresses.next() for _ in range(size)]


def test_the_same_seed_is_the_same_crowd_and_another_is_not() -> None:
    assert crowd(7, 50) == crowd(7, 50)
    assert crowd(7, 50) != crowd(8, 50)


def test_a_carrier_puts_thousands_of_phones_behind_few_prefixes() -> None:
    prefixes = Counter(address.rpartition(".")[0] for address in crowd(1, 1000, Shares(carrier=1, home=0)))
    assert len(prefixes) <= 12
    assert prefixes.most_common(1)[0][1] > 1000 / 12


def test_a_third_of_the_crowd_has_ipv6_addresses_of_their_own() -> None:
    found = [address for address in crowd(1, 1000) if ipaddress.ip_address(address).version == 6]
    assert 280 < len(found) < 420
    assert len(set(found)) == len(found)


def test_the_largest_prefix_outweighs_the_next_by_zipfs_law() -> None:
    weights = zipf(100)
    assert weights[0] == pytest.approx(2 * weights[1]) == pytest.approx(100 * weights[99])
    assert sum(weights) == pytest.approx(1)


def test_visits_come_at_their_rate_and_pay_after_thinking() -> None:
    found = visits(3, per_second=100, seconds=20)
    assert 1800 < len(found) < 2200
    assert [visit.reserves_at for visit in found] == sorted(visit.reserves_at for visit in found)
    low, high = THINKING_SECONDS
    assert all(low <= visit.pays_at - visit.reserves_at <= high for visit in found)


def test_open_sessions_have_all_reserved_before_the_fault() -> None:
    found = open_sessions(3, 40, pay_within_seconds=2)
    assert {visit.reserves_at for visit in found} == {0.0}
    assert max(visit.pays_at for visit in found) <= 2


def test_ip_hash_sees_a_phone_network_as_one_client_and_every_ipv6_address_as_another() -> None:
    assert len({ip_hash(f"203.0.113.{host}", 5) for host in range(256)}) == 1
    assert len({ip_hash(f"2001:db8::{host:x}", 5) for host in range(256)}) == 5


def test_one_more_server_moves_most_clients_of_ip_hash_and_few_of_a_ring() -> None:
    addresses = crowd(1, 2000, Shares(carrier=0, home=0))
    hashed = moved([ip_hash(one, 4) for one in addresses], [ip_hash(one, 5) for one in addresses])
    four, five = (Ring([f"127.0.0.1:{port}" for port in range(9000, 9000 + count)]) for count in (4, 5))
    ringed = moved([four.server(one) for one in addresses], [five.server(one) for one in addresses])
    assert hashed > 0.7
    assert 0.1 < ringed < 0.3


def test_skew_is_the_busiest_against_the_mean() -> None:
    assert skew([10, 10, 10]) == 1
    assert skew([30, 0, 0]) == 3
    assert skew([0, 0]) == 1
