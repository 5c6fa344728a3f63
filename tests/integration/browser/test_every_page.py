"""Every page, in a real browser: readable for everybody (axe-core finds nothing), small, whole on a phone's screen."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, expect
from support.accessibility import violations
from support.eventually import eventually_async
from support.queue_sale import BASE, Sale

from ticketon_contract.config import LineOrder
from ticketon_contract.tokens import PaymentGrant
from ticketon_dev.stores import PostgresServer
from ticketon_ledger import Payment, PaymentState, payments, settlement
from ticketon_ledger.records import Pending

PICTURES = Path("build/pages")
MOST_BYTES = 30_000
DESKTOP: dict[str, Any] = {"viewport": {"width": 1100, "height": 800}, "color_scheme": "light", "locale": "en-GB"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 375, "height": 667},
    "color_scheme": "dark",
    "locale": "ko-KR",
    "is_mobile": True,
    "has_touch": True,
}


@dataclass
class Walk:
    """One visitor's way through the sale; ``look`` judges what is on the screen."""

    page: Page
    name: str
    network: CDPSession
    seen: list[str] = field(default_factory=list)
    bytes_of_last_page: int = 0

    async def begin(self) -> None:
        await self.network.send("Network.enable")
        await self.network.send("Network.setCacheDisabled", {"cacheDisabled": True})
        self.network.on("Network.loadingFinished", self._loaded)

    def _loaded(self, event: dict[str, Any]) -> None:
        self.bytes_of_last_page += int(event["encodedDataLength"])

    async def look(self, view: str, path: str = "/") -> None:
        """Open a page once more, from nothing: what it weighs, what axe says, whether it fits the screen."""

        async def shown() -> bool:
            self.bytes_of_last_page = 0
            await self.page.goto(BASE + path)
            return await self.page.get_attribute("html", "data-view") == view

        await eventually_async(shown, within_seconds=20)
        shot = f"{self.name}-{len(self.seen):02}-{view}"
        await self.page.screenshot(path=PICTURES / f"{shot}.png", full_page=view != "map")
        assert (shot, await violations(self.page)) == (shot, [])
        assert (shot, self.bytes_of_last_page) < (shot, MOST_BYTES)
        overflow = await self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (shot, overflow) <= (shot, 0)
        self.seen.append(view)


async def paying(sale: Sale, page: Page) -> Payment:
    """What the payment server does with the form of the page."""
    fields = {
        name: await page.get_attribute(f'input[name="{name}"]', "value") or ""
        for name in ("hold_id", "payment_token", "idempotency_key")
    }
    grant = sale.signer.verify(fields["payment_token"], PaymentGrant, now=0)
    payment, _ = await payments.accept(
        sale.ledger.database,
        str(sale.config.ref),
        hold_id=grant.hold_id,
        buyer=grant.user,
        idempotency_key=fields["idempotency_key"],
        body_hash="h",
        method_type="card",
        method_token="tok_ok",
        protocol="OnePhase",
        take_over_seconds=60,
    )
    return payment


async def paid(sale: Sale, payment: Payment) -> None:
    move = settlement.Move(PaymentState.PAID, Pending.NOTHING, 0, provider_id="ch_1")
    lost = {"lost_state": PaymentState.REFUNDED, "lost_pending": Pending.REFUND}
    assert await settlement.commit(sale.ledger.database, payment, move, **lost) is settlement.Committed.WON  # type: ignore[arg-type]


async def test_an_organisers_own_page_is_for_everybody_too(visit: Any, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "logo.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 60 40"><script>parent.document.title="!"</script>'
        '<rect width="60" height="40" rx="8" fill="#0a5c36"/></svg>'
    )
    (folder / "theme.toml").write_text('round = 2\nfont = "serif"\n[light]\nbrand = "#0a5c36"\n')
    (folder / "ar.toml").write_text(
        'language = "العربية"\ndirection = "rtl"\n'
        '[door]\ntitle = "<b>خذ مكانك</b>"\njoin = "<script>alert(1)</script>"\n'
    )
    _, context, _ = await visit(browser={"viewport": {"width": 800, "height": 600}, "locale": "ar-EG"})
    page = context.pages[0]
    walk = Walk(page, "themed", await context.new_cdp_session(page))
    await walk.begin()
    await walk.look("door")
    assert await page.title() == "Gala"
    assert await page.get_attribute("html", "dir") == "rtl"
    assert await page.locator("h1").text_content() == "<b>خذ مكانك</b>"
    button = page.get_by_role("button", name="<script>alert(1)</script>")
    assert await button.evaluate("(it) => getComputedStyle(it).backgroundColor") == "rgb(10, 92, 54)"
    assert (await page.locator(".event").bounding_box() or {})["height"] < 40  # the title stands on one line
    assert await page.locator("header img").evaluate("(it) => it.complete && it.naturalWidth > 0")
    logo = await page.locator("header img").get_attribute("src")
    await page.goto(f"https://tickets.example.com{logo}")
    assert await page.title() != "!"


@pytest.mark.parametrize(("name", "browser"), [("desktop", DESKTOP), ("phone", PHONE)])
async def test_the_page_of_a_draw_is_for_everybody(name: str, browser: dict[str, Any], visit: Any) -> None:
    now = datetime.now(UTC)
    _, context, _ = await visit(
        browser=browser,
        pre_queue_opens_at=now - timedelta(minutes=1),
        pre_queue_order=LineOrder.RANDOM,
        opens_at=now + timedelta(hours=1),
    )
    page = context.pages[0]
    walk = Walk(page, f"draw-{name}", await context.new_cdp_session(page))
    await walk.begin()

    async def arrived() -> bool:  # the draw has to be committed to before anybody arrives
        await page.goto(f"{BASE}/")
        view = await page.get_attribute("html", "data-view")
        if view == "door":
            await page.click('form[action$="/line"] button')
        return bool(view == "drawing")

    await eventually_async(arrived, within_seconds=20)
    await walk.look("drawing")


@pytest.mark.parametrize(("name", "browser"), [("desktop", DESKTOP), ("phone", PHONE)])
async def test_every_page_is_for_everybody(
    name: str, browser: dict[str, Any], visit: Any, postgres_server: PostgresServer
) -> None:
    now = datetime.now(UTC)
    korean = browser["locale"] == "ko-KR"
    sale, context, _ = await visit(
        browser=browser,
        opens_at=now + timedelta(hours=2),
        title="2026 봄 콘서트: 서울의 밤" if korean else "Spring Gala 2026",
        venue="예술의전당 콘서트홀" if korean else "Seoul Arts Center, Concert Hall",
        message="공연 시작 30분 전부터 입장합니다." if korean else "Doors open half an hour before the show.",
    )
    page = context.pages[0]
    walk = Walk(page, name, await context.new_cdp_session(page))
    await walk.begin()
    await walk.look("before")
    await sale.change(pre_queue_opens_at=now)
    await walk.look("door")
    await page.click('form[action$="/line"] button')
    await page.wait_for_selector('[data-state="pre_queue"]')
    await walk.look("waiting")
    await sale.change(opens_at=now, paused=True)
    await page.wait_for_selector('[data-state="waiting"]')
    await walk.look("waiting")
    await sale.change(paused=False)
    await page.wait_for_selector('html[data-view="seats"]')
    await walk.look("seats")
    someone = sale.buyer()
    await someone.join()
    await someone.until_admitted()
    assert (await someone.hold(seats=["R-1-5", "R-1-6"])).status_code == 201
    await page.goto(f"{BASE}/?zone=R")
    await expect(page.locator(".taken")).to_have_count(2)  # the map follows by itself
    await walk.look("map", "/?zone=R")
    await page.check('input[value="R-2-4"]')
    await page.check('input[value="R-2-5"]')
    assert await violations(page) == []
    await page.screenshot(path=PICTURES / f"{name}-chosen.png")
    await page.click(".sticky button")
    await page.wait_for_selector('html[data-view="hold"]')
    await walk.look("hold")
    payment = await paying(sale, page)
    await walk.look("payment", f"/?payment={payment.id}")
    await paid(sale, payment)
    await page.wait_for_selector(".ticket img")  # by itself
    await walk.look("payment", f"/?payment={payment.id}")
    await walk.look("tickets", "/?tickets")
    await walk.look("payment", "/?payment=nothing")
    await walk.look("problem", "/nowhere")
    await walk.look("seats", "/?problem=sold-out")
    await context.clear_cookies()  # who has a session goes on
    await sale.change(closes_at=now)
    await walk.look("closed")
    postgres_server.stop()
    await walk.look("away", "/?tickets")
