"""After Back the address rules, on every page and in what a page derives from it; a text it lacks is one sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import say
from attnviz.ui import registry
from attnviz.ui.kit import START, Screen, address
from attnviz.ui.kit.link.texts import fitted, name_of
from attnviz.ui.pages.hierarchical import choices as hierarchical
from attnviz.ui.pages.long import choices as long
from attnviz.ui.pages.positions import choices as positions
from attnviz.ui.pages.readings import choices as cases
from attnviz.ui.pages.translation import choices as translation
from tests.pages.opened import PATIENCE, by_key, charts, chosen, control, file_of, opened, said

LONG = "南京市长江大桥。" * 2_500
BOOK = address.KEY + ".book"


@pytest.fixture
def back(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Run a page again as Streamlit does after Back or Forward to an address."""

    def go(at: AppTest, says: dict[str, str]) -> AppTest:
        monkeypatch.setattr(address, "_gone_back", lambda: True)
        at.query_params.clear()
        at.query_params.update(says)
        at.run()
        monkeypatch.setattr(address, "_gone_back", lambda: False)
        return at

    return go


def page(name: str, **link: str) -> AppTest:
    """A page alone, opened by a link."""
    at = AppTest.from_file(file_of(name), default_timeout=PATIENCE)
    for key, value in {"lang": "en", **link}.items():
        at.query_params[key] = value
    return at.run()


def link(at: AppTest) -> dict[str, str]:
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}


def pushes(at: AppTest) -> list[bool]:
    return [write.push for write in at.session_state[BOOK].history.writes]


def test_back_undoes_the_last_act_and_forward_redoes_it(back: Callable[..., AppTest]) -> None:
    at = opened()
    entries = [link(at)]
    for name, value in (("family", "hard"), ("model", "lab-8")):
        control(at, name).set_value(value)
        at.run()
        entries.append(link(at))
    assert entries[1:] == [{"lang": "en", "rule": "hard"}, {"lang": "en", "rule": "hard", "model": "lab-8"}]
    assert pushes(at) == [True, True]
    for place, family, model in (
        (1, "hard", "lab-4"),
        (0, "soft", "lab-4"),
        (1, "hard", "lab-4"),
        (2, "hard", "lab-8"),
    ):
        back(at, entries[place])
        assert (chosen(at, "family"), chosen(at, "model")) == (family, model)
        assert (control(at, "family").value, control(at, "model").value) == (family, model)
        assert link(at) == entries[place]
    assert pushes(at) == [True, True], "going back and forth adds nothing"


def test_numbers_brought_into_range_on_opening_and_the_language_are_no_steps() -> None:
    at = opened(head="3")
    control(at, "model").set_value("lab-1")
    at.run()
    assert link(at)["head"] == "0" and pushes(at) == [True], "one act, with what followed from it"
    at.session_state["lang"] = "zh"
    at.run()
    assert pushes(at) == [True, False] and pushes(opened(head="99")) == [False]


def test_an_address_that_says_nothing_leaves_the_choices_alone(back: Callable[..., AppTest]) -> None:
    at = opened(rule="hard")
    assert chosen(back(at, {}), "family") == "hard" and link(at) == {"lang": "en", "rule": "hard"}


def test_a_sentence_left_by_back_leaves_its_box(back: Callable[..., AppTest]) -> None:
    at = page("readings")
    first, box = link(at), cases.KEY + "text"
    before = at.session_state[box]
    at.selectbox(key=cases.KEY + "case").set_value(next(name for name in cases.cases() if name != "bridge"))
    at.run()
    assert at.session_state[box] != before
    back(at, first)
    assert at.session_state[box] == before and link(at) == first and not at.exception


def test_a_long_text_left_by_back_leaves_its_box_and_the_window_its_trail(back: Callable[..., AppTest]) -> None:
    at = page(
        "long", model="lab-4", sample="own", text="the cat sat on the mat. " * 8, q0="0", q1="16", k0="0", k1="16"
    )
    first, text = link(at), at.session_state[long.KEY + "text"]
    at.session_state[long.KEY + "before"] = (None, long.Window(0, 16, 0, 16))
    at.text_area(key=long.KEY + "text").set_value("A dog ran. " * 20)
    at.run()
    back(at, first)
    assert at.session_state[long.KEY + "text"] == text and link(at) == first and not at.exception
    assert at.session_state[long.KEY + "before"] == (None,)


def test_a_document_of_ones_own_left_by_back_gives_way_to_the_sample(back: Callable[..., AppTest]) -> None:
    at = page("hierarchical")
    first, box = link(at), hierarchical.KEY + "box"
    before = at.session_state[box]
    at.text_area(key=box).set_value("It is a good film. I liked it.")
    at.run()
    assert "text" in link(at)
    back(at, first)
    assert at.session_state[box] == before and link(at) == first and not at.exception


@pytest.mark.parametrize(
    ("name", "key", "text"),
    [("positions", positions.KEY + "text", "the cat sat"), ("translation", translation.KEY + "zh", "我怕死。")],
)
def test_a_sentence_typed_is_undone(back: Callable[..., AppTest], name: str, key: str, text: str) -> None:
    at = page(name)
    first, before = link(at), at.session_state[key]
    at.text_input(key=key).set_value(text)
    at.run()
    back(at, first)
    assert at.session_state[key] == before and link(at) == first and not at.exception


def test_a_text_too_long_for_the_link_is_named_there_and_comes_back(back: Callable[..., AppTest]) -> None:
    at = opened()
    control(at, "text").set_value(LONG)
    at.run()
    assert link(at) == {"lang": "en", "text.kept": name_of(LONG)}
    assert said(at).count(say("ui.text_left_out", "en")) == 2, "in the menu of the link, and on the page"
    entry = link(at)
    control(at, "text").set_value("猫")
    at.run()
    assert say("ui.text_left_out", "en") not in said(at)
    assert chosen(back(at, entry), "text") == LONG and link(at) == entry


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_link_whose_text_is_not_known_here_says_so_and_shows_the_page(lang: str) -> None:
    name = name_of(LONG)
    at = opened(lang, **{"text.kept": name, "model": "lab-8"})
    assert say("ui.text_asked", lang) in said(at) and not charts(at)
    at.session_state[BOOK].unknown.add(name)  # the answer of the browser
    at.run()
    assert say("ui.text_missing", lang) in said(at) and len(charts(at)) == 2
    assert chosen(at, "text") == START and link(at) == {"lang": lang, "model": "lab-8", "text.kept": name}
    control(at, "text").set_value("猫")
    at.run()
    assert say("ui.text_missing", lang) not in said(at) and "text.kept" not in link(at)


def test_a_text_that_the_browser_has_is_on_the_page() -> None:
    at = opened(**{"text.kept": name_of(LONG)})
    at.session_state[BOOK].texts.put(LONG)  # the answer of the browser
    at.run()
    assert chosen(at, "text") == LONG and len(charts(at)) == 2
    assert say("ui.text_missing", "en") not in said(at)


ASKING = [screen for screen in registry.screens() if screen.name != "family"]  # the map asks for nothing


@pytest.mark.parametrize("screen", ASKING, ids=lambda screen: screen.name)
def test_every_text_of_every_page_finds_its_way_through_a_short_address(screen: Screen) -> None:
    names = [param.name for param in screen.params.values() if param.read is str]
    assert names
    for name in names:
        says, texts = fitted({"lang": "en", name: LONG})
        assert says == {"lang": "en", name + ".kept": name_of(LONG)} and texts == {name_of(LONG): LONG}
    assert not [param.name for param in screen.params.values() if "." in param.name], "the mark of a kept text"


def test_a_text_whose_run_was_cut_off_reaches_the_browser_with_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def box(at: AppTest):  # type: ignore[no-untyped-def]
        return by_key(at, long.KEY + "text").proto

    with monkeypatch.context() as cut:
        cut.setattr(address, "leave", lambda params: None)  # as where another run begins before the end
        at = page("long", model="lab-4", sample="gettysburg")
    assert box(at).set_value
    at.run()
    assert box(at).set_value and box(at).value == long.sample("gettysburg")
    assert not box(at.run()).set_value, "the browser has heard it"
