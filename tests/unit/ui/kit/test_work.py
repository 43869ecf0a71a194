"""Long work: how far it is, stopped by a click or because nobody is there, and what it has is not lost."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.errors import Stopped
from attnviz.ui.kit import work
from attnviz.ui.kit.work import Work
from attnviz.ui.stores import Turns


class Broken:
    """A bar that Streamlit ends the page by, from the second word on."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def progress(self, share: float, text: str) -> None:
        self.said.append(text)
        if len(self.said) > 1:
            raise KeyboardInterrupt


def test_what_streamlit_raises_waits_until_the_step_is_over() -> None:
    bar, now = Broken(), Work("a")
    now.tell(bar, 0.1, lambda: "one")
    assert not now.stopped()
    now.tell(bar, 0.2, lambda: "two")
    now.tell(bar, 0.3, lambda: "three")
    assert now.stopped() and bar.said == ["one", "two"]
    with pytest.raises(KeyboardInterrupt):
        now.end()
    assert now.done.is_set()


def test_what_streamlit_raises_while_the_words_are_found_waits_too() -> None:
    """The words are in the reader's language, which stands in the session: to look there may end the page."""

    def words() -> str:
        raise KeyboardInterrupt

    now = Work("a")
    now.tell(Broken(), 0.1, words)
    assert now.stopped()
    with pytest.raises(KeyboardInterrupt):
        now.end()


def test_the_next_run_of_the_page_stops_the_last_ones_work_and_takes_what_it_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(work.st, "session_state", {})
    began = threading.Event()

    def page() -> None:
        with work.doing("a", "the text") as now:
            now.found = 0
            began.set()
            while not now.stopped():
                now.found += 1

    thread = threading.Thread(target=page)
    thread.start()
    assert began.wait(10)
    taken = work.collect("a")
    assert taken is not None and taken.about == "the text" and taken.done.is_set()
    thread.join(10)
    assert taken.found > 0 and work.collect("a") is None


def test_work_that_raises_what_is_told_is_forgotten_and_nobody_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnviz.errors import TextError

    state: dict[str, Work] = {}
    monkeypatch.setattr(work.st, "session_state", state)
    with pytest.raises(TextError), work.doing("a", 1) as now:
        raise TextError("text_empty")
    assert now.done.is_set() and not state
    with pytest.raises(Stopped), work.doing("a", 1) as now:
        raise Stopped("run_stopped")
    assert now.done.is_set() and state["a"] is now, "what it has is for the run of the page that stopped it"
    with pytest.raises(KeyboardInterrupt), work.doing("a", 1) as now:
        now.tell(Broken(), 0, lambda: "one")
        bar = Broken()
        bar.said.append("zero")
        now.tell(bar, 0.5, lambda: "two")
        raise Stopped("run_stopped")


def test_work_whose_reader_has_left_stops_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"reader"}
    server = SimpleNamespace(is_active_session=lambda session: session in there)
    monkeypatch.setattr(work.runtime, "exists", lambda: True)
    monkeypatch.setattr(work.runtime, "get_instance", lambda: server)
    now = Work("a", session="reader")
    assert not now.stopped()
    there.clear()
    assert now.stopped()
    assert not Work("a", session=None).stopped()


def test_a_model_that_writes_for_one_who_has_left_stops_after_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    from attnviz import generate, load

    asked: list[int] = []
    monkeypatch.setattr(work, "connected", lambda session: len(asked) < 3)
    now = Work("a", session="reader")
    trace = generate(
        load("lab-gpt"), "他是一名", most=50, on_token=lambda count, text: asked.append(count), stop=now.stopped
    )
    assert trace.border is not None and len(trace.tokens) - trace.border == 3


def script() -> None:
    import streamlit as st

    from attnviz.ui.kit import work

    shown: list[str] = []
    button = st.button
    st.button = lambda label, **kwargs: shown.append(label) or button(label, **kwargs)  # type: ignore[assignment]
    try:
        with work.watched("a.stop", "at work", "Stop it", after=st.session_state["after"]) as bar:
            for share in (0.2, 0.8):
                bar.progress(share, "at work")
    finally:
        st.button = button
    st.caption(f"shown {len(shown)}")


@pytest.mark.parametrize(("after", "times"), [(0, 1), (60, 0)])
def test_stop_is_offered_once_and_only_to_who_has_waited(after: int, times: int) -> None:
    at = AppTest.from_function(script, default_timeout=60)
    at.session_state["after"] = after
    at.run()
    assert not at.exception and at.caption[0].value == f"shown {times}"
    assert not at.button and not at.get("progress"), "both are gone afterwards"


def steps() -> None:
    import streamlit as st

    from attnviz.ui.kit.work import Steps

    found = Steps("a", st.session_state.get("about", ""))
    found.buttons("Go")
    bar = st.empty()
    for _ in found.run([(str(number), lambda number=number: number) for number in range(3)], bar):
        pass
    st.caption(str(found.found))


def test_steps_keep_what_they_found_until_they_are_about_something_else() -> None:
    at = AppTest.from_function(steps, default_timeout=60).run()
    assert at.caption[0].value == "[]" and at.button[0].label == "Go"
    at.button[0].click().run()
    assert at.caption[0].value == "[0, 1, 2]"
    at.run()
    assert at.caption[0].value == "[0, 1, 2]" and at.button[0].label == "Go"
    at.session_state["about"] = "another"
    at.run()
    assert at.caption[0].value == "[]"


def test_every_step_waits_for_its_turn_and_lets_others_go_between() -> None:
    """Five people's trainings at once took the machine from everybody who only looked at a page."""
    turns, order = Turns(1, 10**9), []
    began, go = threading.Event(), threading.Event()

    def other() -> None:
        with turns.lane("other"):
            turns.heavy()
            began.set()
            go.wait(20)
            order.append("other")

    thread = threading.Thread(target=other)
    thread.start()
    assert began.wait(20)
    threading.Timer(0.5, go.set).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work.Turn, "lane", staticmethod(lambda about: turns.lane(about)))
        patch.setattr(work.Turn, "heavy", staticmethod(turns.heavy))
        patch.setattr(work.st, "session_state", {})
        patch.setattr(work.st, "rerun", lambda: None)
        steps = work.Steps("a")
        steps._start()
        for _ in work.Steps("a").run([(str(n), lambda n=n: order.append(n)) for n in range(2)], SimpleNamespace(
            progress=lambda *_, **__: None, empty=lambda: None
        )):  # fmt: skip
            assert not turns.running, "its turn is over when it is shown"
    thread.join()
    assert order == ["other", 0, 1]


def test_a_step_that_waits_is_given_up_by_a_click_and_goes_on_in_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = SimpleNamespace(progress=lambda *_, **__: None, empty=lambda: None)
    monkeypatch.setattr(work.st, "session_state", {})
    monkeypatch.setattr(work.st, "rerun", lambda: None)
    work.Steps("a")._start()
    now = work.under_way("a.steps")

    def clicked() -> None:
        now.halt(KeyboardInterrupt())  # as who tells of the waiting does
        raise Stopped("run_stopped")

    monkeypatch.setattr(work.Turn, "heavy", staticmethod(clicked))
    with pytest.raises(KeyboardInterrupt):
        list(work.Steps("a").run([("one", lambda: 1)], bar))
    assert not now.stopped()
    monkeypatch.setattr(work.Turn, "heavy", staticmethod(lambda: None))
    assert list(work.Steps("a").run([("one", lambda: 1)], bar)) == [[1]]
