"""What the atlas computes: sums over the sentences, and what is lost without each head; watched, stopped on a click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from attnviz.errors import AttnvizError, Stopped
from attnviz.ui.kit import RuleChoice, as_rule, model_store, open_model, plain, runs, t, work

if TYPE_CHECKING:
    from attnviz.experiments.atlas import Atlas, Effects, Needed
    from attnviz.trace import Trace

KEY = "atlas."
MOST_REMOVED = 24  # sentences that are read again without each head
MOST_NEEDED = 8  # sentences that are read again at every step
Made = TypeVar("Made")
Said = Callable[[float, int, int], None]  # the share that is done, how many of how many


@dataclass(frozen=True)
class Asked:
    """What the atlas is of, as caches know it."""

    name: str
    texts: tuple[str, ...]
    rule: RuleChoice


def atlas_of(asked: Asked) -> Atlas | None:
    """The sums over all sentences; None once stopped. Raises `AttnvizError`."""
    open_model(asked.name)
    return _watched("read", asked, _read)


def effects_of(asked: Asked) -> Effects | None:
    """What is lost without each head; None once stopped. Raises `AttnvizError`."""
    return _watched("without", asked, _without)


def needed_of(asked: Asked, by: str) -> Needed | None:
    """What is lost as heads are taken away in an order; None once stopped. Raises `AttnvizError`."""
    return _watched(f"needed_{by}", asked, partial(_needed, by))


def trace(asked: Asked) -> Trace:
    """One sentence's run, for the picture of a head: the first that can be read. Raises `AttnvizError`."""
    for text in asked.texts:
        try:
            return _trace(Asked(asked.name, (text,), asked.rule))
        except AttnvizError as reason:
            refused = reason
    raise refused


@runs.kept
def _trace(what: Asked) -> Trace:
    from attnviz.recording.record import record

    run = record(model_store().take(what.name), what.texts[0], rule=as_rule(what.rule), predictions=False)
    return run.text_map


def _watched(which: str, asked: Asked, make: Callable[[Asked, Said, Callable[[], bool]], Made]) -> Made | None:
    """Kept, or made with a bar and, when it takes long, a button that stops it."""
    key, job_key = (KEY + which, asked), f"{KEY}{which}.job"
    work.collect(job_key)
    kept: Made | None = runs.traces().get(key)
    if kept is not None:
        return kept
    stopped = f"{KEY}{which}.stopped"
    if st.session_state.get(stopped) == asked and not _again(which):
        return None
    st.session_state.pop(stopped, None)
    halt = partial(st.session_state.__setitem__, stopped, asked)
    words = partial(t, f"atlas.working_{which.split('_')[0]}", model=plain(asked.name))
    try:
        with (
            work.doing(job_key, asked) as job,
            work.watched(f"{KEY}{which}.stop", words(done=0, count="…"), on_stop=halt) as bar,
        ):

            def said(share: float, done: int, count: int) -> None:
                job.tell(bar, share, partial(words, done=done, count=count))

            made: Made = runs.traces().take(key, lambda: make(asked, said, job.stopped))
            return made
    except Stopped:
        return None  # by the run of the page that now says so


def _again(which: str) -> bool:
    """It was stopped; is it to be begun again?"""
    st.info(t("atlas.stopped"), icon=":material/info:")
    return st.button(t("atlas.again"), key=f"{KEY}{which}.again", icon=":material/play_arrow:")


def _read(asked: Asked, said: Said, stop: Callable[[], bool]) -> Atlas:
    from attnviz.experiments.atlas import atlas

    count = len(asked.texts)
    return atlas(
        model_store().take(asked.name), asked.texts, rule=as_rule(asked.rule), stop=stop,
        on_text=lambda done: said(done / count, done, count),
    )  # fmt: skip


def _without(asked: Asked, said: Said, stop: Callable[[], bool]) -> Effects:
    from attnviz.experiments.atlas import head_effects

    return head_effects(
        model_store().take(asked.name), asked.texts[:MOST_REMOVED], rule=as_rule(asked.rule), stop=stop,
        on_head=lambda done, count: said(done / count, done, count),
    )  # fmt: skip


def _needed(by: str, asked: Asked, said: Said, stop: Callable[[], bool]) -> Needed:
    from attnviz.experiments.atlas import heads_needed

    return heads_needed(
        model_store().take(asked.name), asked.texts[:MOST_NEEDED], by=by,  # type: ignore[arg-type]
        rule=as_rule(asked.rule), stop=stop, on_head=lambda done, count: said(done / count, done, count),
    )  # fmt: skip
