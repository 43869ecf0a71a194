"""The tokens of a sentence by keyboard: one stop of the Tab key, arrows inside, and the focus stays where it was."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.person import Visit

Start = Callable[..., Visit]
AT = """() => { const root = document.activeElement.shadowRoot, at = root?.activeElement;
  const all = [...(root?.querySelectorAll(".token") ?? [])];
  return at && all.indexOf(at.closest(".token")) + (at.matches(".hole") ? " hole" : ""); }"""


def test_tokens_are_one_stop_with_arrows_inside_and_a_choice_keeps_the_focus(visit: Start) -> None:
    one = visit()
    one.face(8).wait_for()
    faces = one.page.locator(".reader :is(.face, .hole)")
    assert faces.evaluate_all("(all) => all.filter((one) => one.tabIndex === 0).length") == 1
    one.page.locator(".reader .bar button").last.focus()
    keys = one.page.keyboard
    keys.press("Tab")
    start = one.page.evaluate(AT)
    keys.press("Home")
    assert one.page.evaluate(AT) == "0" != start
    for _ in range(3):
        keys.press("ArrowRight")
    assert one.page.evaluate(AT) == "3"
    keys.press("ArrowDown")
    assert one.page.evaluate(AT) == "3 hole"
    keys.press("ArrowUp")
    keys.press("Enter")
    one.link_says(query="3")
    one.ready()
    assert one.page.evaluate(AT) == "3"  # drawn anew by the server's answer
    keys.press("Tab")
    assert one.page.evaluate(AT) is None
