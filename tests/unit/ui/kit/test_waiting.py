"""What a reader is told of a run that waits or takes long, and what was stopped is not begun again by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.errors import AttnvizError
from attnviz.ui.kit import opening, waiting, work
from attnviz.ui.stores import turns as whose
from attnviz.ui.stores.store import Store
from attnviz.ui.stores.turns import HEAVY, Turns

KEY = ("a run", 1)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store whose runs wait for their turn; a run is told of at once."""
    now = Turns(1, 10 * HEAVY)
    monkeypatch.setattr(whose, "LATE", 0.0)
    monkeypatch.setattr(whose, "LOOK", 0.0)
    found = Store(100, size=lambda _: 1, turns=lambda: now)
    monkeypatch.setattr(waiting, "_test", found, raising=False)
    yield found


def page() -> None:
    """A page that computes something and says what came of it."""
    import streamlit as st

    from attnviz.errors import AttnvizError
    from attnviz.ui.kit import waiting

    waiting.arrive()
    store = waiting._test  # type: ignore[attr-defined]

    def make() -> int:
        store._turns().go_on()
        st.session_state["asked"] = st.session_state.get("asked", 0) + 1
        return 7

    try:
        st.write(str(store.take(("a run", 1), make)))
    except AttnvizError as error:
        st.error(error.say("en"))


def test_a_long_run_offers_to_be_stopped_and_nothing_of_it_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    draw = waiting.Told._draw
    monkeypatch.setattr(waiting.Told, "_draw", lambda self, words: (told.append(words), draw(self, words)))
    at = AppTest.from_function(page, default_timeout=20).run()
    assert not at.exception and told == ["This run takes long. Press Stop, or change something, and it ends."]
    assert [one.value for one in at.markdown] == ["7"] and not at.button


def test_what_was_stopped_begins_again_when_that_is_wanted_alone(store: Store) -> None:
    at = AppTest.from_function(page, default_timeout=20)
    at.session_state[waiting.STOPPED] = KEY
    at.run()
    assert "You stopped this run" in at.error[0].value and "asked" not in at.session_state
    at.button(key="turn.again").click().run()
    assert [one.value for one in at.markdown] == ["7"] and not at.error and at.session_state["asked"] == 1
    assert waiting.STOPPED not in at.session_state


def test_another_run_than_the_one_that_was_stopped_begins_at_once(store: Store) -> None:
    at = AppTest.from_function(page, default_timeout=20)
    at.session_state[waiting.STOPPED] = ("another run", 1)
    at.run()
    assert not at.error and not at.button and at.session_state["asked"] == 1


def test_a_reader_who_waits_is_told_the_place_in_the_language_of_the_page(store: Store) -> None:
    def script() -> None:
        import streamlit as st

        from attnviz.ui.kit import waiting

        st.session_state["lang"] = "zh"
        waiting.arrive()
        told = waiting.told_of("a")
        assert told is not None
        told.waits(2)
        told.waits(2)
        told.waits(1)

    at = AppTest.from_function(script, default_timeout=20).run()
    assert not at.exception and "前面还有 1 个" in at.info[0].value and len(at.info) == 1 and len(at.button) == 1


def test_what_a_page_makes_for_all_takes_a_turn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def script() -> None:
        from attnviz.ui.kit import opening, waiting

        opening.made_once("a", ("made", 1), lambda done, count: "…", waiting._make)  # type: ignore[attr-defined]

    monkeypatch.setattr(opening.runs, "traces", lambda: store)
    monkeypatch.setattr(waiting, "_make", lambda tell, halted: store._turns().running, raising=False)
    at = AppTest.from_function(script, default_timeout=20).run()
    assert not at.exception and store.get(("made", 1)) == 1


def test_work_of_a_page_takes_its_turn_and_has_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = Turns(1, 10 * HEAVY, seconds=0.01)
    monkeypatch.setattr(work.Turn, "lane", staticmethod(lambda about: now.lane(about)))
    monkeypatch.setattr(work.st, "session_state", {})
    with pytest.raises(AttnvizError, match="ATTNVIZ_SECONDS"), work.doing("a", "the text"):
        for _ in range(1000):
            now.go_on()
            work.time.sleep(0.001)
    assert not now.in_flight


def test_two_runs_of_one_page_and_one_inside_a_cached_function_are_told_of(store: Store) -> None:
    """What is told in a function that Streamlit caches was kept with it, and told again to the next: it fell over."""

    def script() -> None:
        import streamlit as st

        from attnviz.ui.kit import waiting

        waiting.arrive()
        store = waiting._test  # type: ignore[attr-defined]

        def make() -> int:
            store._turns().go_on()
            return 7

        @st.cache_data
        def cached(number: int) -> int:
            return int(store.take(number, make))

        st.write(str(cached(1) + cached(2)))

    for _ in range(2):
        at = AppTest.from_function(script, default_timeout=20).run()
        assert not at.exception and not at.warning and not at.button
        assert [one.value for one in at.markdown] == ["14"]


def arriving() -> None:
    """A page with a door where seven go first; with `stays` one never comes in."""
    from contextlib import contextmanager

    import streamlit as st

    from attnviz.ui.kit import page

    @contextmanager
    def door(told):  # type: ignore[no-untyped-def]  # run alone, without this file's imports
        st.session_state["asked"] = st.session_state.get("asked", 0) + 1
        told(8)
        told(7)
        if st.session_state.get("stays"):
            st.stop()
        yield

    with page.first_by(door):
        st.write("in")


@pytest.mark.parametrize(("language", "said"), [("en", "before you: 7"), ("zh", "前面还有 7 位")])
def test_who_waits_at_the_door_reads_how_many_go_first_and_then_the_page(language: str, said: str) -> None:
    at = AppTest.from_function(arriving, default_timeout=60)
    at.query_params["lang"] = language
    at.session_state["stays"] = True
    at.run()
    assert not at.exception and [one.value for one in at.info if said in one.value] and not at.markdown
    again = AppTest.from_function(arriving, default_timeout=60)
    for _ in range(2):  # the second run of a session meets no door
        again.run()
        assert not again.exception and not again.info and again.markdown[0].value == "in"
    assert again.session_state["asked"] == 1
