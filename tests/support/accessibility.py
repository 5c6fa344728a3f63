"""axe-core, from a package of the lock, run in a page: what it finds against WCAG 2.2 A and AA and good practice."""

from functools import cache
from importlib.resources import files

from playwright.async_api import Page

RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations", "incomplete"],
}
#: What axe could not decide and nobody looked at counts as well; it cannot see colours over a gradient.
_RUN = """async (rules) => {
  const found = await axe.run(document, rules);
  const told = (result) => result.nodes.map((node) => `${result.id}: ${node.html} ${node.any.map((a) => a.message)}`);
  const [violations, incomplete] = [found.violations.flatMap(told), found.incomplete.flatMap(told)];
  return {violations, incomplete, passes: found.passes.length};
}"""


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text()


async def violations(page: Page) -> list[str]:
    """Return one line a finding, with the element; none where the page is good. The whole of a page is checked."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(_axe())
    found = await page.evaluate(_RUN, RULES)
    assert found["passes"] > 10, "axe has looked at nothing"
    return [*found["violations"], *found["incomplete"]]
