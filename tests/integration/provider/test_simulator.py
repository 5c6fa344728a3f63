"""The simulator over HTTP: its books are the witness of other tests, so they are tested first."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.eventually import eventually_async
from support.provider import ProviderProcess


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[ProviderProcess]:
    process = ProviderProcess(tmp_path, "--action-seconds", "0.2")
    process.start()
    yield process
    process.kill()


@pytest.fixture
async def client(provider: ProviderProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=provider.url, timeout=5) as client:
        yield client


def demand(reference: str, card: str = "tok_ok") -> dict[str, Any]:
    return {
        "reference": reference,
        "amount": 3000,
        "currency": "KRW",
        "method": {"type": "card", "token": card},
    }


async def post(client: httpx.AsyncClient, path: str, key: str, body: dict[str, Any] | None = None) -> httpx.Response:
    return await client.post(f"/v1/{path}", json=body or {}, headers={"Idempotency-Key": key})


async def authorization(client: httpx.AsyncClient, card: str = "tok_ok") -> dict[str, Any]:
    reference = uuid.uuid4().hex
    response = await post(client, "authorizations", reference, demand(reference, card))
    assert response.status_code == 201
    entry: dict[str, Any] = response.json()
    return entry


async def test_two_phases_authorize_and_capture_once(client: httpx.AsyncClient, provider: ProviderProcess) -> None:
    entry = await authorization(client)
    assert entry["state"] == "authorized"
    for _ in range(2):
        captured = await post(client, f"authorizations/{entry['id']}/capture", f"{entry['reference']}:capture")
        assert (captured.status_code, captured.json()["state"]) == (200, "captured")
    assert [(item["captured"], item["refunded"]) for item in provider.books()] == [(3000, 0)]
    void = await post(client, f"authorizations/{entry['id']}/void", f"{entry['reference']}:void")
    assert void.json()["state"] == "failed"


async def test_a_voided_authorization_is_not_captured(client: httpx.AsyncClient, provider: ProviderProcess) -> None:
    entry = await authorization(client)
    await post(client, f"authorizations/{entry['id']}/void", "v")
    assert (await post(client, f"authorizations/{entry['id']}/capture", "c")).json()["state"] == "failed"
    assert [item["captured"] for item in provider.books()] == [0]


async def test_one_phase_charges_and_refunds_no_more_than_was_charged(
    client: httpx.AsyncClient, provider: ProviderProcess
) -> None:
    charge = (await post(client, "charges", "k", demand("r"))).json()
    assert charge["state"] == "charged"
    assert (await post(client, f"charges/{charge['id']}/refund", "k:r1", {"amount": 1000})).json()["state"] == "charged"
    assert (await post(client, f"charges/{charge['id']}/refund", "k:r2", {"amount": 9999})).json()["state"] == "failed"
    assert (await post(client, f"charges/{charge['id']}/refund", "k:r3", {"amount": 2000})).json()[
        "state"
    ] == "refunded"
    assert [(item["captured"], item["refunded"]) for item in provider.books()] == [(3000, 3000)]


async def test_a_refund_is_found_by_the_merchants_name_of_it(client: httpx.AsyncClient) -> None:
    charge = (await post(client, "charges", "k", demand("r"))).json()
    body = {"amount": 1000, "reference": "refund-1"}
    for _ in range(2):
        made = (await post(client, f"charges/{charge['id']}/refund", "k:r1", body)).json()
        assert (made["refunded"], made["refund"]["state"]) == (1000, "succeeded")
    found = (await client.get("/v1/refunds", params={"reference": "refund-1"})).json()["items"]
    assert [(item["id"], item["entry"], item["amount"]) for item in found] == [
        (made["refund"]["id"], charge["id"], 1000)
    ]
    assert (await client.get("/v1/refunds", params={"reference": "refund-2"})).json() == {"items": []}


async def test_a_repeated_key_has_the_same_answer_and_books_once(
    client: httpx.AsyncClient, provider: ProviderProcess
) -> None:
    answers = await asyncio.gather(*(post(client, "authorizations", "k", demand("r")) for _ in range(10)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(provider.books()) == 1
    other = await post(client, "authorizations", "k", demand("another"))
    assert other.status_code == 422
    found = (await client.get("/v1/authorizations", params={"reference": "r"})).json()["items"]
    assert [item["id"] for item in found] == [answers[0].json()["id"]]


async def test_a_post_without_a_key_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/charges", json=demand("r"))).status_code == 422


async def test_declined_cards_are_booked_with_nothing_captured(
    client: httpx.AsyncClient, provider: ProviderProcess
) -> None:
    entry = await authorization(client, "tok_decline")
    assert (entry["state"], entry["reason"]) == ("declined", "insufficient_funds")
    assert [item["captured"] for item in provider.books()] == [0]


async def test_a_lost_reply_means_the_work_is_done(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await post(client, "authorizations", "k", demand("r", "tok_lost_reply"))
    found = (await client.get("/v1/authorizations", params={"reference": "r"})).json()["items"]
    assert [item["state"] for item in found] == ["authorized"]
    again = await post(client, "authorizations", "k", demand("r", "tok_lost_reply"))
    assert again.json()["id"] == found[0]["id"]


async def test_a_time_out_means_the_work_is_done(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/v1/charges", json=demand("r", "tok_timeout"), headers={"Idempotency-Key": "k"}, timeout=0.3)

    async def charged() -> bool:
        found = (await client.get("/v1/charges", params={"reference": "r"})).json()["items"]
        return [item["state"] for item in found] == ["charged"]

    await eventually_async(charged, within_seconds=30)


async def test_an_error_does_nothing_and_the_same_key_then_works(
    client: httpx.AsyncClient, provider: ProviderProcess
) -> None:
    assert (await post(client, "charges", "k", demand("r", "tok_error"))).status_code == 500
    assert provider.books() == []
    assert (await post(client, "charges", "k", demand("r", "tok_error"))).json()["state"] == "charged"


async def test_a_capture_that_fails_takes_nothing(client: httpx.AsyncClient, provider: ProviderProcess) -> None:
    entry = await authorization(client, "tok_capture_fails")
    assert (await post(client, f"authorizations/{entry['id']}/capture", "c")).json()["state"] == "failed"
    assert [item["captured"] for item in provider.books()] == [0]


async def test_an_action_is_confirmed_by_its_timer_or_refused_on_its_page(client: httpx.AsyncClient) -> None:
    entry = await authorization(client, "tok_action")
    assert (entry["state"], entry["next_action"]) == ("requires_action", f"/action/{entry['id']}")

    async def confirmed() -> bool:
        found = await client.get("/v1/authorizations", params={"reference": entry["reference"]})
        return bool(found.json()["items"][0]["state"] == "authorized")

    assert await eventually_async(confirmed, within_seconds=5)
    refused = await authorization(client, "tok_action")
    await client.post(refused["next_action"], data={"approve": "no"})
    found = await client.get("/v1/authorizations", params={"reference": refused["reference"]})
    assert found.json()["items"][0]["state"] == "declined"


async def test_the_books_survive_a_kill(client: httpx.AsyncClient, provider: ProviderProcess) -> None:
    entry = await authorization(client)
    provider.kill()
    await asyncio.to_thread(provider.start)
    assert [item["id"] for item in provider.books()] == [entry["id"]]
    again = await post(client, "authorizations", entry["reference"], demand(entry["reference"]))
    assert again.json()["id"] == entry["id"]


async def test_an_outage_does_nothing(client: httpx.AsyncClient, provider: ProviderProcess) -> None:
    provider.faults(outage=True)
    assert (await post(client, "charges", "k", demand("r"))).status_code == 503
    provider.faults()
    assert provider.books() == []


async def test_the_books_are_read_page_by_page(client: httpx.AsyncClient) -> None:
    for number in range(5):
        await post(client, "charges", f"k{number}", demand(f"r{number}"))
    first = (await client.get("/v1/books", params={"limit": 3})).json()
    rest = (await client.get("/v1/books", params={"limit": 3, "after": first["next"]})).json()
    assert [item["reference"] for item in first["items"] + rest["items"]] == [f"r{n}" for n in range(5)]
    assert rest["next"] is None


async def test_another_merchants_key_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETON_PROVIDER_KEY", "secret")
    process = ProviderProcess(tmp_path)
    await asyncio.to_thread(process.start)
    try:
        async with httpx.AsyncClient(base_url=process.url) as client:
            assert (await client.get("/v1/books")).status_code == 401
            answer = await client.get("/v1/books", headers={"Authorization": "Bearer secret"})
            assert answer.status_code == 200
    finally:
        process.kill()
