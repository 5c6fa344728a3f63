"""What nginx is told, for each way of spreading."""

import pytest

from bench.decision.nginx import Balance, configuration

SERVERS = {"s1": "127.0.0.1:9001", "s2": "127.0.0.1:9002"}


@pytest.mark.parametrize(
    ("balance", "line"),
    [
        (Balance.IP_HASH, "ip_hash;"),
        (Balance.COOKIE_HASH, "hash $key consistent;"),
        (Balance.COOKIE_HASH, 'map $cookie_key $key { "" $request_id; default $cookie_key; }'),
        (Balance.COOKIE_ROUTE, 'map $cookie_server $target { default any; "s1" s1; "s2" s2; }'),
    ],
)
def test_each_way_is_what_the_open_source_nginx_has(balance: Balance, line: str) -> None:
    assert line in configuration(balance, SERVERS, port=8000)


@pytest.mark.parametrize("balance", Balance)
def test_client_addresses_come_from_the_header_of_this_machine_alone(balance: Balance) -> None:
    text = configuration(balance, SERVERS, port=8000)
    assert "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;" in text
    assert "listen 127.0.0.1:8000" in text
    assert text.count("{") == text.count("}")


def test_round_robin_sticks_to_nothing() -> None:
    text = configuration(Balance.ROUND_ROBIN, SERVERS, port=8000)
    assert "hash" not in text
    assert "cookie" not in text.lower()
