"""Whose address a request has: nothing that a client writes moves it into another prefix."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketon_queue.client_address import client_of, networks, prefix_of

INGRESS = networks(["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("198.51.100.9", [], "198.51.100.9"),  # straight to us
        ("198.51.100.9", ["203.0.113.1"], "198.51.100.9"),  # who is not trusted is not asked
        ("10.1.2.3", ["203.0.113.1"], "203.0.113.1"),
        ("10.1.2.3", ["1.1.1.1, 203.0.113.1"], "203.0.113.1"),  # the first was written by the client
        ("10.1.2.3", ["1.1.1.1", "203.0.113.1"], "203.0.113.1"),
        ("10.1.2.3", ["203.0.113.1, 192.0.2.7"], "203.0.113.1"),  # a second proxy of ours
        ("fd00::5", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.1.2.3", ["::ffff:203.0.113.1"], "203.0.113.1"),
        ("10.1.2.3", ["203.0.113.1:55123"], "203.0.113.1"),
        ("10.1.2.3", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.1.2.3", [], None),
        ("10.1.2.3", ["1.1.1.1, unknown"], None),
        ("10.1.2.3", ["10.9.9.9"], None),
        ("", [], None),
    ],
)
def test_the_last_address_that_no_trusted_proxy_has_is_the_client_s(
    peer: str, forwarded_for: list[str], client: str | None
) -> None:
    assert client_of(peer, forwarded_for, INGRESS) == (None if client is None else ip_address(client))


@given(st.lists(st.text(alphabet="0123456789abcdef.:, []/xé", max_size=60), max_size=30), st.ip_addresses())
def test_what_a_client_writes_changes_nothing(written: list[str], client: object) -> None:
    expected = client_of("10.1.2.3", [str(client)], INGRESS)
    assert expected in {None, client_of("10.1.2.3", [*written, str(client)], INGRESS)}


def test_addresses_of_a_24_or_a_56_count_together() -> None:
    def prefix(text: str) -> int:
        return prefix_of(ip_address(text))

    assert prefix("203.0.113.1") == prefix("203.0.113.255") != prefix("203.0.114.1")
    assert prefix("2001:db8:0:ff00::1") == prefix("2001:db8:0:ffff:1::9") != prefix("2001:db8:0:fe00::1")
    assert prefix("::cb00:7101") != prefix("203.0.113.1")


def test_what_is_no_network_is_not_trusted() -> None:
    assert networks(["anything", "0.0.0.0/x", ""]) == ()
