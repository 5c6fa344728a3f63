"""A sale by account: who has not logged in is told how to, and who has is the same on every device."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from support.certificates import self_signed
from support.logins import LoginSite, key_site
from support.queue_sale import ORIGIN, Buyer, Sale

from ticketon_contract.config import LineOrder
from ticketon_queue.login import UnknownKidError
from ticketon_queue.login_keys import LAST_RETRY_SECONDS, REFETCH_SECONDS, KeysAwayError, LoginKeyring


async def log_in(buyer: Buyer, claim: str) -> Buyer:
    answer = await buyer.ask("POST", "/v1/identity", json={"claim": claim})
    assert answer.status_code == 200, answer.text
    buyer.token = answer.json()["token"]
    return buyer


async def test_an_account_has_one_place_on_every_device(make_sale: Any) -> None:
    site = LoginSite()
    login_url = "https://login.example.com/?event=gala"
    sale: Sale = await make_sale(paused=True, login=site.login(url=login_url))
    phone, laptop = sale.buyer(), sale.buyer()
    for method, path in (("GET", "/v1/identity"), ("POST", "/v1/line"), ("GET", "/v1/line")):
        refused = await phone.ask(method, path)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (401, "identity-required")
        assert login_url in refused.json()["detail"]
    bad = await phone.ask("POST", "/v1/identity", json={"claim": LoginSite().token()})
    assert (bad.status_code, bad.json()["type"].rpartition("/")[2]) == (401, "claim-invalid")
    assert (await phone.ask("POST", "/v1/identity", content=b"rubbish")).status_code == 422
    for device in (phone, laptop):
        await (await log_in(device, site.token())).join()
    assert phone.number == laptop.number == 1
    other = await log_in(sale.buyer(), site.token("lee@example.com"))
    assert (await other.join())["number"] == 2


async def test_an_account_is_in_the_draw_once(make_sale: Any) -> None:
    site, now = LoginSite(), datetime.now(UTC)
    sale: Sale = await make_sale(
        login=site.login(),
        opens_at=now + timedelta(hours=1),
        pre_queue_opens_at=now - timedelta(minutes=1),
        pre_queue_order=LineOrder.RANDOM,
    )
    await sale.until_the_draw_is_committed()
    told = []
    for _ in range(3):
        device = await log_in(sale.buyer(), site.token())
        answer = await device.ask("POST", "/v1/line")
        told.append((answer.status_code, answer.json()["arrival"]["index"], answer.json()["arrival"]["entry"]))
    assert [status for status, _, _ in told] == [201, 200, 200]
    assert {(index, entry) for _, index, entry in told} == {(1, told[0][2])}


async def test_keys_that_rotate_are_followed_and_outlive_an_issuer_that_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, now = tmp_path / "login.pem", 1_000.0
    context = self_signed(certificate)
    ring, site = LoginKeyring(clock=lambda: now), LoginSite()
    async with key_site(site, context) as keys:
        login = site.login(jwks="", jwks_uri=keys.address)
        with pytest.raises(KeysAwayError):  # a certificate that nobody vouches for
            await ring.subject(site.token(), login)
        assert keys.asked == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        for answer in (
            lambda: web.Response(status=302, headers={"location": "/elsewhere"}),
            lambda: web.Response(status=500),
            lambda: web.Response(text="x" * 100_000),
            lambda: web.Response(text="[]"),
        ):
            keys.answer, before = answer, keys.asked
            now += LAST_RETRY_SECONDS
            with pytest.raises(KeysAwayError):
                await ring.subject(site.token(), login)
            assert keys.asked == before + 1
        keys.answer = None
        now += LAST_RETRY_SECONDS
        assert await ring.subject(site.token(), login) == "kim@example.com"
        site.add("k2", "RS256")
        now += REFETCH_SECONDS + 1
        assert await ring.subject(site.token(), login) == "kim@example.com"
        old = site.token(kid="k1")
        del site.keys["k1"]
        site.add("k3", "EdDSA")
        now += REFETCH_SECONDS + 1
        assert await ring.subject(site.token(), login) == "kim@example.com"
        with pytest.raises(UnknownKidError):
            await ring.subject(old, login)
    now += 24 * 3600
    assert await ring.subject(site.token(), login) == "kim@example.com"


async def test_servers_read_the_keys_themselves(
    make_sale: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, certificate = LoginSite(), tmp_path / "login.pem"
    context = self_signed(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with key_site(site, context) as keys:
        sale: Sale = await make_sale(paused=True, login=site.login(jwks="", jwks_uri=keys.address))
        await (await log_in(sale.buyer(), site.token())).join()
    second = await log_in(sale.buyer(), site.token("lee@example.com"))
    assert (await second.join())["number"] == 2
    claims = [part for token in (site.token(), second.token) for part in token.split(".")[1:]]
    told = str([line for server in sale.servers for line in server.lines])
    assert not [part for part in claims if part in told]


async def test_the_page_asks_to_log_in_and_takes_the_token_from_the_login_s_site_alone(make_sale: Any) -> None:
    site = LoginSite()
    sale: Sale = await make_sale(paused=True, login=site.login(url="https://login.example.com/?event=gala"))
    buyer = sale.buyer()
    page = await buyer.ask("GET", "/", headers={"accept": "text/html"})
    assert 'href="https://login.example.com/?event=gala"' in page.text
    assert sale.config.ref.cookie not in page.headers.get("set-cookie", "")
    form = {"claim": site.token()}
    foreign = await buyer.ask("POST", "/identity", data=form, headers={"origin": "https://evil.example.com"})
    assert foreign.status_code == 403
    sent = await buyer.ask("POST", "/identity", data=form, headers={"origin": "https://login.example.com"})
    assert (sent.status_code, sent.headers["location"]) == (303, f"{sale.config.base_url}/")
    cookie = sent.headers["set-cookie"].partition(";")[0]
    door = await buyer.ask("GET", "/", headers={"accept": "text/html", "cookie": cookie})
    assert "login.example.com" not in door.text
    cookie = _cookies(door)[sale.config.ref.cookie]
    joined = await buyer.ask("POST", "/line", headers={"origin": ORIGIN, "cookie": cookie})
    place = _cookies(joined)[sale.config.ref.cookie]
    assert place.count("~") == 1
    again = await buyer.ask("POST", "/identity", data=form, headers={"origin": "https://login.example.com"})
    both = "; ".join([place, *_cookies(again).values()])
    page = await buyer.ask("GET", "/", headers={"accept": "text/html", "cookie": both})
    assert sale.config.ref.cookie not in _cookies(page)  # the place that was there stays
    wrong = await buyer.ask("POST", "/identity", data={"claim": "x"}, headers={"origin": "https://login.example.com"})
    assert wrong.headers["location"] == f"{sale.config.base_url}/?problem=claim-invalid"
    elsewhere = await buyer.ask("POST", "/line", headers={"origin": "https://login.example.com", "cookie": cookie})
    assert elsewhere.status_code == 403


def _cookies(answer: httpx.Response) -> dict[str, str]:
    pairs = [header.partition(";")[0] for header in answer.headers.get_list("set-cookie")]
    return {pair.partition("=")[0]: pair for pair in pairs}


async def test_where_no_login_is_asked_for_none_is_taken(sale: Sale) -> None:
    answer = await sale.buyer().ask("POST", "/v1/identity", json={"claim": LoginSite().token()})
    assert answer.status_code == 404
