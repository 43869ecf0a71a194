"""Back, Forward and reload in a browser: each act of a person is one entry, and the address brings everything back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import Visit

Start = Callable[..., Visit]
LONG = "南京市长江大桥。" * 2_500  # 20,000 characters, 180 kB in an address
STILL = """() => document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === 'notRunning'"""

AGREES = """() => ['rule', 'model'].every((name) => {
  const said = new URLSearchParams(location.search).get(name) ?? { rule: 'soft', model: 'lab-4' }[name];
  const control = document.querySelector(`.st-key-attention-${name === 'rule' ? 'family' : name}`);
  return control.querySelector('[aria-checked=true]')?.innerText.toLowerCase() === said.replace('lab-', ''); })"""


def entries(one: Visit) -> int:
    """How many entries the history of this tab has."""
    return int(one.page.evaluate("() => history.length"))


LATE = """() => new Promise((done) => {
  addEventListener("popstate", () => { history.pushState({}, "", "/?late=1"); done(); }, { once: true });
  history.back();
})"""  # what Streamlit does with a message of the page before


def rest(one: Visit) -> None:
    """Wait until the server has nothing more to say."""
    one.page.wait_for_timeout(300)
    one.page.wait_for_function(STILL)


def go(one: Visit, to: str) -> None:
    """To another page by the menu along the top."""
    one.page.get_by_test_id("stTopNavLink").filter(has_text=to).first.click()


def test_back_and_forward_undo_and_redo_one_act_at_a_time(visit: Start) -> None:
    one = visit(name="family")
    before = entries(one)
    go(one, "Attention")
    one.ready()
    one.link_says(lang="en", rule=None)
    one.choose("family", "Hard")
    one.link_says(rule="hard", model=None)
    one.ready()
    one.choose("model", "8")
    one.link_says(rule="hard", model="lab-8")
    one.ready()
    assert entries(one) == before + 3  # the page, the rule, the heads
    one.page.go_back()
    one.link_says(rule="hard", model=None)
    expect(one.part("model").locator("[aria-checked=true]")).to_have_text("4")
    one.page.go_back()
    one.link_says(rule=None, model=None)
    expect(one.part("family").locator("[aria-checked=true]")).to_have_text("Soft")
    one.ready()
    one.page.go_back()
    one.page.wait_for_url("**/family*")
    one.ready("family")
    for rule, model in ((None, None), ("hard", None), ("hard", "lab-8")):
        one.page.go_forward()
        one.link_says(rule=rule, model=model)
        rest(one)
    one.ready()
    one.link_says(rule="hard", model="lab-8")
    expect(one.part("model").locator("[aria-checked=true]")).to_have_text("8")
    assert entries(one) == before + 3


def test_what_nobody_asked_for_and_the_language_make_no_entry(visit: Start) -> None:
    one = visit({}, locale="zh-CN")
    one.link_says(lang="zh")
    assert entries(one) == 2  # the empty tab, and this page
    one.page.get_by_role("radio", name="English").click()
    one.link_says(lang="en")
    one.choose("model", "8")
    one.link_says(model="lab-8")
    one.page.get_by_role("radio", name="中文").click()
    one.link_says(lang="zh")
    assert entries(one) == 3
    one.page.go_back()
    one.link_says(lang="zh", model=None)  # the reader's language is not a step


def test_a_click_on_a_tile_a_cell_or_a_token_is_one_entry_each(visit: Start) -> None:
    one = visit()
    one.click_point("grid", 1)
    one.link_says(layer="0", head="1")
    one.ready()
    one.click_point("heatmap", 2 * 9 + 1)
    one.link_says(query="2", key="1")
    one.ready()
    one.face(5).click()
    one.link_says(query="5", key="1")
    assert entries(one) == 5
    one.page.go_back()
    one.link_says(query="2", key="1")
    one.page.go_back()
    one.link_says(query=None, key=None, head="1")
    one.page.go_back()
    one.link_says(layer=None, head=None)


def test_a_slider_moved_by_many_steps_is_one_entry_and_another_after_a_rest(visit: Start) -> None:
    one = visit({"lang": "en", "rule": "hard", "hard": "top-k"})
    one.part("k").get_by_role("slider").focus()
    for k in ("3", "4", "5"):
        one.page.keyboard.press("ArrowRight")
        for _ in range(1_000):
            if f"k={k}" in one.page.url:
                break
            one.page.keyboard.press("Shift")  # the hand stays where it is while the page is drawn
            one.page.wait_for_timeout(50)
    one.link_says(k="5")
    assert entries(one) == 3
    one.page.wait_for_timeout(2_500)
    one.page.keyboard.press("ArrowRight")
    one.link_says(k="6")
    assert entries(one) == 4
    one.page.go_back()
    one.link_says(k="5")
    one.page.go_back()
    one.link_says(k=None, rule="hard")


def test_a_page_left_by_the_menu_comes_back_with_its_choices(visit: Start) -> None:
    one = visit({"lang": "en", "rule": "hard"})
    one.choose("model", "8")
    one.link_says(model="lab-8")
    go(one, "Any model")
    one.ready("models")
    one.link_says(rule="hard", model=None)
    one.choose("family", "Soft")
    one.link_says(rule=None)
    one.ready("models")
    assert entries(one) == 5
    one.page.go_back()
    one.link_says(rule="hard")
    one.ready("models")
    one.page.go_back()
    one.link_says(rule="hard", model="lab-8")
    one.ready()
    expect(one.part("model").locator("[aria-checked=true]")).to_have_text("8")
    expect(one.part("family").locator("[aria-checked=true]")).to_have_text("Hard")
    one.page.go_forward()
    one.page.go_forward()
    one.link_says(rule=None, model=None)
    one.ready("models")
    expect(one.part("family").locator("[aria-checked=true]")).to_have_text("Soft")


def test_a_page_opened_from_the_map_leads_back_to_the_map(visit: Start) -> None:
    one = visit(name="family")
    one.page.get_by_role("button", name="Open").nth(1).click()
    one.ready()
    one.link_says(rule="hard", lang="en")
    assert entries(one) == 3
    one.page.go_back()
    one.page.wait_for_url("**/family*")
    one.ready("family")
    one.link_says(lang="en")


def test_a_late_message_of_the_page_that_back_has_left_does_not_take_the_address(visit: Start) -> None:
    one = visit(name="family")
    go(one, "Attention")
    one.ready()
    rest(one)
    one.page.evaluate(LATE)
    one.page.wait_for_url("**/family*")
    one.ready("family")
    one.page.go_forward()
    one.link_says(lang="en", late=None)
    one.ready()


def test_back_while_the_page_is_running_ends_in_the_state_of_the_address(visit: Start) -> None:
    one = visit()
    one.choose("family", "Hard")
    one.link_says(rule="hard")
    one.ready()
    one.choose("model", "8")
    one.page.go_back()  # before the run has come to its end
    rest(one)
    one.page.wait_for_function(AGREES)
    one.choose("model", "2")
    one.link_says(model="lab-2")
    for step in ("back", "forward", "back", "forward", "back"):  # none waits for the last
        one.page.evaluate(f"() => history.{step}()")
    rest(one)
    one.ready()
    one.link_says(model=None)
    one.page.wait_for_function(AGREES)
    rest(one)
    one.link_says(model=None)
    assert one.page.evaluate(AGREES)


def test_a_framed_page_keeps_what_it_was_framed_with(visit: Start, address: str) -> None:
    one = visit()
    one.page.set_content(f"<iframe src='{address}/?embed=true&lang=en' width=1300 height=800></iframe>")
    inside = one.page.frame_locator("iframe")
    inside.locator(".st-key-attention-family").get_by_text("Hard", exact=True).click()
    frame = one.page.frames[1]
    frame.wait_for_url("**/?embed=true&lang=en&rule=hard")
    frame.evaluate("() => history.back()")
    frame.wait_for_url("**/?embed=true&lang=en")
    expect(inside.locator(".st-key-attention-family [aria-checked=true]")).to_have_text("Soft")


def test_a_text_too_long_for_an_address_comes_back_after_reload_and_back(visit: Start) -> None:
    one = visit()
    box = one.part("text").get_by_role("textbox")
    expect(box).not_to_have_value("")  # Streamlit fills a box a moment after it is there
    start = box.input_value()
    box.fill(LONG)
    box.press("Enter")
    one.page.wait_for_function("() => location.search.includes('text.kept=')")
    one.says("too long to stand in the address")
    one.ready()
    assert len(one.page.url) < 6_000 and entries(one) == 3
    one.page.reload()
    one.ready()
    expect(box).to_have_value(LONG)
    one.choose("family", "Hard")
    one.link_says(rule="hard")
    one.ready()
    one.page.go_back()
    one.link_says(rule=None)
    one.ready()
    expect(box).to_have_value(LONG)
    one.page.go_back()
    expect(box).to_have_value(start)
    one.ready()
    one.page.go_forward()
    expect(box).to_have_value(LONG)
    elsewhere = visit()
    elsewhere.page.goto(one.page.url)
    elsewhere.ready()
    elsewhere.says("is not known here")
    expect(elsewhere.part("text").get_by_role("textbox")).to_have_value(start)
    assert "text.kept=" in elsewhere.page.url
