"""The first lesson in a real Chromium: who meets it, by keyboard alone, by touch on a phone, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from attnviz.messages import say
from attnviz.ui.pages.lesson.choices import SENTENCES, SHOW, STEPS
from tests.browser.person import Visit
from tests.browser.test_layout import NARROW

Start = Callable[..., Visit]
ALERT = '[data-testid="stAlert"]'
FOCUSED = "(key) => !!document.activeElement.closest('.st-key-' + key)"


def newcomer(visit: Start, **context: object) -> Visit:
    """Somebody who opens the bare address for the first time."""
    one = visit({}, first=True, **context)
    one.page.wait_for_url("**/lesson*")
    one.page.locator("#lesson-step").wait_for()
    return one


def heading(one: Visit, step: int, lang: str) -> None:
    expect(one.page.locator("#lesson-step")).to_have_text(f"{step}. {say(f'lesson.name_{step}', lang)}")


def tab_to(one: Visit, key: str) -> None:
    """Press Tab until the control of that key has the focus."""
    for _ in range(60):
        if one.page.evaluate(FOCUSED, key):
            return
        one.page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {key}")


def settled(one: Visit) -> None:
    one.page.wait_for_timeout(300)
    one.ready("lesson")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_by_keyboard_alone_through_all_steps_and_back(visit: Start, lang: str) -> None:
    one = newcomer(visit, locale={"zh": "zh-CN", "en": "en-US"}[lang])
    for step in STEPS:
        heading(one, step, lang)
        assert one.page.locator(ALERT).count() == 0
        tab_to(one, f"lesson-{step}-{SHOW}")
        one.page.keyboard.press("Enter")
        one.page.locator(ALERT).wait_for()
        one.link_says(**{f"a{step}": str(SHOW)})
        settled(one)
        tab_to(one, "lesson-next" if step < STEPS[-1] else "lesson-map")
        if step < STEPS[-1]:
            one.page.keyboard.press("Enter")
            one.link_says(step=str(step + 1))
            settled(one)
    one.page.go_back()
    one.link_says(a5=None, step="5")
    for step in reversed(STEPS[:-1]):
        one.page.go_back()
        one.link_says(step=None if step == 1 else str(step), **{f"a{step}": str(SHOW)})
        one.page.go_back()
        one.link_says(step=None if step == 1 else str(step), **{f"a{step}": None})
        settled(one)
        heading(one, step, lang)
    assert one.page.locator(ALERT).count() == 0


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_by_touch_on_a_phone_through_all_steps_to_the_map(visit: Start, lang: str) -> None:
    one = newcomer(visit, locale={"zh": "zh-CN", "en": "en-US"}[lang], viewport=NARROW, has_touch=True)
    for step in STEPS:
        heading(one, step, lang)
        one.page.locator(f".st-key-lesson-{step}-{SHOW} button").tap()
        one.page.locator(ALERT).wait_for()
        settled(one)
        assert one.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
        one.page.get_by_role("button", name=say("lesson.next" if step < 5 else "lesson.to_map", lang)).tap()
    one.page.wait_for_url("**/family*")
    one.says(say("family.title", lang))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_reload_and_another_browser_bring_the_lesson_back(visit: Start, lang: str) -> None:
    one = visit({"lang": lang, "step": "2", "a1": str(SHOW), "a2": str(SHOW)}, name="lesson")
    heading(one, 2, lang)
    before = one.page.locator(f"{ALERT} p").inner_text()
    one.page.reload()
    one.ready("lesson")
    expect(one.page.locator(f"{ALERT} p")).to_have_text(before)
    expect(one.page.locator(".st-key-lesson-text input")).to_have_value(SENTENCES[lang][0])
    one.page.locator(".st-key-lesson-skip button").click()
    one.ready()
    one.says(say("ui.title", lang))


def test_who_was_here_or_follows_a_link_never_meets_it(visit: Start, address: str) -> None:
    one = newcomer(visit, locale="en-US")
    one.page.goto(address)
    one.ready()
    assert "/lesson" not in one.page.url
    other = visit({"lang": "en"}, first=True)
    assert "/lesson" not in other.page.url
    other.says(say("ui.title", "en"))
