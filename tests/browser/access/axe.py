"""axe-core on an open page: names, roles, headings, landmarks, contrast."""

from __future__ import annotations

from importlib.resources import files

from tests.browser.person import Visit

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RUN = """async () => (await axe.run({ resultTypes: ["violations"] })).violations.flatMap(({ id, nodes }) =>
  nodes.map(({ target, failureSummary: why }) => `${id}: ${target.join(" ")}: ${why.split("\\n").at(-1).trim()}`))"""


def violations(one: Visit) -> list[str]:
    """What axe-core finds on the page as it stands."""
    one.page.evaluate(AXE)
    found: list[str] = one.page.evaluate(RUN)
    return found
