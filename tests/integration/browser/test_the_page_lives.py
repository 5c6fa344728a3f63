"""What the page's script does, in a real browser: turn, tabs, the organiser's word, lost connections, sleep, time."""

from typing import Any

from playwright.async_api import BrowserContext, Page, expect
from support.browser import PATIENCE_MS
from support.queue_sale import BASE, Sale

from ticketon_contract.config import Challenge, ChallengeMode

expect.set_options(timeout=PATIENCE_MS)
NOTHING = "\u2013"
AHEAD, NEWS = "[data-shown]", "[data-message]"
COUNT_TONES = """(() => {
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...at) {
    localStorage.tones = 1 + Number(localStorage.tones || 0);
    return start.apply(this, at);
  };
})()"""


async def entered(page: Page) -> None:
    """Come in; where nobody is before, and the line moves, the turn may have come by the time that the page is here."""
    await page.goto(f"{BASE}/")
    await page.click('form[action$="/line"] button')


async def joined(page: Page) -> None:
    await entered(page)
    await page.wait_for_selector("[data-waiting]")


async def crowd(sale: Sale, count: int) -> None:
    """People who came earlier, and never come when they are called."""
    for _ in range(count):
        await sale.buyer().join()


def with_script(context: BrowserContext) -> list[str]:
    """Errors of the page's script, as they come."""
    errors: list[str] = []
    context.on("weberror", lambda error: errors.append(str(error.error)))
    return errors


async def test_the_turn_is_heard_and_shown_in_every_tab(visit: Any) -> None:
    sale, context, _ = await visit(paused=True)
    errors = with_script(context)
    await crowd(sale, 2)
    await context.add_init_script(COUNT_TONES)
    first, second = context.pages[0], await context.new_page()
    await joined(first)
    await second.goto(f"{BASE}/")
    for page in (first, second):
        await expect(page.locator(AHEAD)).to_have_text("3")
        assert await page.title() == "3 to go · Gala"
        sound = page.get_by_role("button", name="Sound when it is my turn")
        if await sound.get_attribute("aria-pressed") == "false":  # a browser is quiet until somebody touches the page
            await sound.click()
        await expect(sound).to_have_attribute("aria-pressed", "true")
    tones = "Number(localStorage.tones || 0)"
    tried = await first.evaluate(tones)
    await sale.change(paused=False)
    for page in (first, second):
        await expect(page).to_have_title("Your turn! · Gala")
        await expect(page.locator("h1")).to_have_text("Choose your seats")
    assert await first.evaluate(tones) == tried + 3  # one of the tabs rang, three tones
    await first.select_option("select >> nth=1", "1")
    await first.click('button:has-text("Get places")')
    for page in (first, second):
        await expect(page.locator("h1")).to_have_text("GA-1")
    assert errors == []


async def test_two_tabs_count_down_together_and_never_up(visit: Any) -> None:
    sale, context, _ = await visit(paused=True)
    errors = with_script(context)
    await crowd(sale, 30)
    first, second = context.pages[0], await context.new_page()
    await joined(first)
    await second.goto(f"{BASE}/")
    watch = """() => {
      window.shown = [];
      const line = document.querySelector('[data-shown]');
      new MutationObserver(() => shown.push(Number(line.textContent))).observe(line, {childList: true});
    }"""
    for page in (first, second):
        await page.evaluate(watch)
    await sale.change(per_minute=300, paused=False)
    for page in (first, second):
        await page.wait_for_function("() => window.shown.length >= 4")
    await sale.change(paused=True)
    await expect(first.locator("[data-paused]")).to_be_visible()
    texts = [await page.locator(AHEAD).text_content() for page in (first, second)]
    assert texts[0] == texts[1]
    for page in (first, second):
        shown = await page.evaluate("window.shown")
        assert shown == sorted(shown, reverse=True)
    await second.reload()
    await expect(second.locator(AHEAD)).to_have_text(str(texts[0]))
    assert errors == []


async def test_the_organisers_word_comes_to_everybody_at_once(visit: Any) -> None:
    sale, context, _ = await visit(paused=True)
    page = context.pages[0]
    await joined(page)
    await expect(page.locator(NEWS)).to_be_hidden()
    await sale.change(message="Doors at <b>seven</b>.")
    await expect(page.locator(NEWS)).to_have_text("Doors at <b>seven</b>.")
    assert await page.locator(f'[role="status"] {NEWS}').count() == 1
    await sale.change(message="")
    await expect(page.locator(NEWS)).to_be_hidden()
    await page.get_by_role("button", name="Leave the line").click()
    await expect(page.locator("h1")).to_have_text("Take a place in the line")


async def test_a_lost_connection_loses_nothing(visit: Any) -> None:
    sale, context, doorway = await visit(paused=True)
    errors = with_script(context)
    await crowd(sale, 3)
    page = context.pages[0]
    await joined(page)
    doorway.shut()
    await expect(page.locator("[data-offline]")).to_be_visible()
    await expect(page.locator(AHEAD)).to_have_text("4")
    doorway.open()
    await expect(page.locator("[data-offline]")).to_be_hidden()
    doorway.shut()
    await page.evaluate("dispatchEvent(new Event('offline'))")
    await expect(page.locator("[data-offline]")).to_be_visible()
    doorway.open()
    await sale.change(paused=False)
    await page.evaluate("dispatchEvent(new Event('online'))")
    await expect(page.locator("h1")).to_have_text("Choose your seats")
    assert errors == []


async def test_the_end_of_a_turn_is_announced_and_sleep_does_not_stop_the_clock(visit: Any) -> None:
    _, context, _ = await visit()
    page = context.pages[0]
    await page.clock.install()
    await entered(page)
    await expect(page.locator("h1")).to_have_text("Choose your seats")
    warning = page.locator('[role="alert"] [data-warning]')
    await expect(warning).to_be_hidden()
    await page.clock.fast_forward(9 * 60_000 + 10_000)  # as a lid that was closed and opened again
    await expect(warning).to_be_visible()
    assert (await page.title()).endswith(" · Your turn! · Gala")
    async with page.expect_navigation(url=f"{BASE}/"):
        await page.clock.fast_forward(60_000)


async def test_the_map_follows_what_others_do_and_is_gone_through_by_arrows(visit: Any) -> None:
    sale, context, _ = await visit(paused=True)
    errors = with_script(context)
    page = context.pages[0]
    await joined(page)
    await sale.change(paused=False)
    await expect(page.locator("h1")).to_have_text("Choose your seats")
    await page.goto(f"{BASE}/?zone=R")
    seat = page.locator('input[value="R-2-4"]')
    await seat.check()
    someone = sale.buyer()
    await someone.join()
    await someone.until_admitted()
    held = await someone.hold(seats=["R-2-4", "R-2-5"])
    assert held.status_code == 201

    await expect(page.locator('form [role="alert"]')).to_have_text(
        "Somebody was faster: R-2-4. Choose other seats.", timeout=PATIENCE_MS
    )
    await expect(page.get_by_role("checkbox", name="Row 2, seat 4 · Taken")).to_be_disabled()
    await expect(seat).not_to_be_checked()
    await expect(page.locator("[data-chosen]")).to_have_text(NOTHING)
    await expect(page.locator("[data-free]")).to_have_text("38")

    await page.focus('input[value="R-2-3"]')
    for key, expected in (("ArrowRight", "R-2-6"), ("ArrowUp", "R-1-6"), ("ArrowLeft", "R-1-5"), ("ArrowUp", "R-1-5")):
        await page.keyboard.press(key)
        assert await page.evaluate("document.activeElement.value") == expected
    await page.keyboard.press("Space")
    await expect(page.locator("[data-chosen]")).to_have_text("R-1-5")

    await someone.ask("DELETE", f"/v1/holds/{held.json()['hold_id']}")
    await expect(page.get_by_role("checkbox", name="Row 2, seat 4", exact=True)).to_be_enabled()
    assert errors == []


async def test_a_browser_does_its_work_for_a_place(visit: Any) -> None:
    sale, context, _ = await visit(paused=True, challenge=Challenge(mode=ChallengeMode.ALWAYS))
    errors = with_script(context)
    page = context.pages[0]
    await joined(page)
    await expect(page.locator(AHEAD)).to_have_text("1")
    answer = await (await sale.buyer().introduce()).ask("POST", "/v1/line")
    assert (answer.status_code, answer.json()["bits"]) == (403, 14)
    assert errors == []


async def test_without_a_script_the_page_goes_on_by_itself(visit: Any) -> None:
    sale, context, _ = await visit(browser={"java_script_enabled": False}, paused=True)
    page = context.pages[0]
    await joined(page)
    await expect(page.locator(AHEAD)).to_have_text("1")
    await sale.change(paused=False)
    await expect(page.locator("h1")).to_have_text("Choose your seats")
    await page.click('a:has-text("Choose on the map")')
    await page.get_by_role("group", name="Row 2").get_by_role("checkbox", name="Row 2, seat 4").check()
    await page.get_by_role("checkbox", name="Row 2, seat 5").check()
    await page.click('button:has-text("Hold the chosen seats")')
    await expect(page.locator("h1")).to_have_text("R-2-4, R-2-5")
    await expect(page.locator('form[action="https://pay.example.com/v1/payments"] button')).to_be_visible()
