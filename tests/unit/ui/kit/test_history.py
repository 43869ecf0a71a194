"""Which changes of the address are steps for Back: a person's acts, each once, and nothing else."""

from __future__ import annotations

from attnviz.ui.kit.link.history import HELD, History

OPENED = {"lang": "en"}


def opened(says: dict[str, str] | None = None) -> History:
    """A page that has come to the end of its first run."""
    history = History()
    history.arrive("page", says or {}, OPENED)
    history.settle(OPENED)
    return history


def run(history: History, slides: tuple[str, ...] = (), **said: str) -> None:
    """One run of the page, as after an act, whose choices say this."""
    history.act(OPENED | said)
    history.settle(OPENED | said, slides)


def pushes(history: History) -> list[bool]:
    return [write.push for write in history.writes]


def test_what_a_page_adds_when_it_opens_corrects_the_entry() -> None:
    history = opened({"layer": "99"})
    assert [(write.was, write.says, write.push) for write in history.writes] == [({"layer": "99"}, OPENED, False)]


def test_each_act_is_one_entry_whatever_else_changed_with_it() -> None:
    history = opened()
    run(history, rule="hard")
    run(history, rule="hard", model="lab-8", head="3")
    assert pushes(history) == [False, True, True]
    assert [write.was for write in history.writes][1:] == [write.says for write in history.writes][:-1]


def test_a_run_that_changes_nothing_writes_nothing() -> None:
    history = opened()
    run(history)
    assert pushes(history) == [False] and history.turn == 1


def test_the_language_alone_is_no_step() -> None:
    history = opened()
    history.act({"lang": "zh"})
    history.settle({"lang": "zh"})
    assert pushes(history) == [False, False]


def test_an_act_before_the_first_run_has_ended_is_a_step_of_its_own() -> None:
    history = History()
    history.arrive("page", {}, OPENED)
    run(history, rule="hard")
    assert [write.says for write in history.writes] == [OPENED, OPENED | {"rule": "hard"}]
    assert pushes(history) == [False, True]


def test_a_first_run_that_begins_again_by_itself_is_no_step() -> None:
    history = History()
    history.arrive("page", {}, OPENED)
    history.act(OPENED)
    history.settle(OPENED | {"layer": "2"})
    assert pushes(history) == [False]


def test_a_slider_that_moves_alone_is_named_and_nothing_else_is() -> None:
    history = opened()
    run(history, ("k",), k="3")
    run(history, ("k",), k="4", head="1")
    run(history, ("k",), k="4", head="2")
    run(history, ("k",), head="2")
    assert pushes(history) == [False, True, True, True, True]
    assert [write.slide for write in history.writes] == ["", "k", "", "", "k"]


def test_an_entry_that_was_gone_back_to_is_where_the_next_act_starts_from() -> None:
    history = opened()
    run(history, rule="hard")
    history.arrive("page", OPENED, OPENED)
    history.settle(OPENED)
    run(history, model="lab-8")
    assert history.writes[-1].was == OPENED and history.says == OPENED | {"model": "lab-8"}


def test_the_browser_is_sent_the_last_writes_only() -> None:
    history = opened()
    for number in range(50):
        run(history, head=str(number))
    assert len(history.writes) == HELD and history.writes[-1].turn == history.turn == 51
