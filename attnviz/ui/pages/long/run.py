"""The run of a long text: what it will cost, started when it is costly, watched layer by layer, stopped on a click.

What is made of it and takes time is kept by names and numbers. What a stopped or refused run leaves is what was there
before: the last result on the page, and the text in its box.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError, Stopped
from attnviz.ui.kit import language, model_store, open_model, plain, runs, t, work
from attnviz.ui.pages.long.choices import KEY, Look
from attnviz.ui.pages.long.cost import Cost, amount, expected
from attnviz.ui.pages.long.view import Window

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.figures import Figure
    from attnviz.models import Model
    from attnviz.text.tokens import Encoded
    from attnviz.trace import Trace

FREE = 8.0  # seconds: a run that is expected to take no longer starts by itself, with a bar and a Stop button
HEIGHT, SMALL_HEIGHT = 440, 170  # pixels of the large pictures and of the minimap
WATCHED = 0.5  # seconds: shorter runs show no bar


@dataclass(frozen=True)
class RunRequest:
    """One run as caches know it."""

    name: str
    revision: str
    text: str


@dataclass(frozen=True)
class Done:
    """A run and what it was asked for; caches know it by that."""

    what: RunRequest
    trace: Trace

    @property
    def tokens(self) -> int:
        """How long the text is."""
        return len(self.trace.encoded.ids)


def key_of(what: RunRequest) -> tuple[object, ...]:
    """Under which key the store of traces has it."""
    return runs.key_of("long", what, what.name, what.revision)


@runs.kept
def read(what: RunRequest) -> Encoded:
    """The text in the model's tokens. Raises `TextError`."""
    from attnviz.text.tokens import encode

    model = model_store().take(what.name, what.revision)
    return encode(what.text, model.tokenizer, model.limit)


def shown(what: RunRequest, notice: DeltaGenerator) -> Done | None:
    """The run that was asked for, or, until that is done, the last that was; None where there is none yet.

    In `notice` stand the cost, the progress, what cannot be read, and whose result is shown instead.
    """
    work.collect(KEY + "job")
    with notice:
        try:
            trace = runs.traces().get(key_of(what)) or _run(what)
            if trace is not None:
                st.session_state[KEY + "shown"] = what
                return Done(what, trace)
        except Stopped:
            pass  # by the run of the page that now says so
        except AttnvizError as error:
            st.error(error.say(language(), plain), icon=":material/info:")
        return _last()


def _last() -> Done | None:
    """The last run that came to its end, if it is still there."""
    last: RunRequest | None = st.session_state.get(KEY + "shown")
    trace = None if last is None else runs.traces().get(key_of(last))
    if last is None or trace is None:
        return None
    begins = plain(last.text.strip()[:24])
    st.caption(t("long.last", model=plain(last.name), tokens=len(trace.encoded.ids), text=begins))
    return Done(last, trace)


def show_facts(done: Done) -> None:
    """Whose weights these are, and how far the text was read."""
    trace, cut = done.trace, done.trace.encoded.cut
    said = [
        t(
            "long.facts", model=plain(trace.model), tokens=f"{done.tokens:,}", layers=len(trace.open_layers),
            heads=trace.n_heads,
        )
    ]  # fmt: skip
    if cut is not None:
        said.append(t("long.read_part", read=f"{cut:,}", characters=f"{len(trace.text):,}"))
    if trace.part == "encoder":
        said.append(t("long.encoder"))
    st.caption(" ".join(said))


def _run(what: RunRequest) -> Trace | None:
    """Start what costs little at once, and what costs much when the reader says so."""
    model = open_model(what.name, what.revision)
    with st.spinner(t("long.reading")):
        encoded = read(what)
    cost = expected(model, len(encoded.ids))
    waits = cost.seconds > FREE or st.session_state.get(KEY + "stopped") == what
    if waits and not _agreed(cost, model):
        return None
    st.session_state.pop(KEY + "stopped", None)
    return _watched(what, model, encoded, cost)


def _agreed(cost: Cost, model: Model) -> bool:
    """Say what the run will cost; has the reader pressed Start?"""
    place = st.empty()
    with place.container():
        said, button = st.columns([5, 1], vertical_alignment="center", gap="small")
        with said:
            st.info(cost_words(cost, model), icon=":material/timer:")
        with button:
            pressed = st.button(
                t("long.start"), key=KEY + "start", type="primary", icon=":material/play_arrow:", width="stretch"
            )
    if pressed:
        place.empty()
    return pressed


def cost_words(cost: Cost, model: Model) -> str:
    """How many tokens, how long, how much memory."""
    return t(
        "long.cost", model=plain(model.name), tokens=f"{cost.tokens:,}", time=duration(cost.seconds),
        memory=amount(cost.bytes), eager=amount(_laid_out(model, cost.tokens)),
    )  # fmt: skip


def duration(seconds: float) -> str:
    """A time as a person says it: seconds below a minute and a half, then minutes."""
    if seconds < 90:
        return t("long.seconds", count=max(1, round(seconds)))
    return t("long.minutes", count=round(seconds / 60))


def _laid_out(model: Model, tokens: int) -> int:
    """The bytes that all weights of the run would take if they were laid out."""
    from attnviz.models.memory import forecast

    return forecast(model.network.config, tokens)


def _stop(what: RunRequest) -> None:
    """Stop was pressed: this run does not start by itself again."""
    st.session_state[KEY + "stopped"] = what


def _watched(what: RunRequest, model: Model, encoded: Encoded, cost: Cost) -> Trace:
    """Run, with a bar and a Stop button where it takes long enough to see them."""
    words = t("long.running", model=plain(what.name), done=0, layers="…")
    with work.doing(KEY + "job", what) as job, ExitStack() as stack:
        bar = None
        if cost.seconds > WATCHED:
            shown = work.watched(KEY + "stop", words, t("long.stop"), partial(_stop, what), after=0)
            bar = stack.enter_context(shown)
        make = partial(_recorded, model, encoded, job, bar)
        trace: Trace = runs.traces().take(key_of(what), lambda: make().slim(), job.stopped)
    return trace


def _recorded(model: Model, encoded: Encoded, job: work.Work, bar: work.Bar | None) -> Trace:
    """The trace; an encoder-decoder's is its encoder's, which is what has read the text."""
    from attnviz.recording.record import record

    def on_layer(done: int, layers: int) -> None:
        job.tell(
            bar, done / max(layers, 1),
            lambda: t("long.running", model=plain(model.name), done=done, layers=layers),
        )  # fmt: skip

    trace = record(model, encoded, values=False, predictions=False, on_layer=on_layer, stop=job.stopped)
    return trace.text_map


@runs.kept
def grid_of(what: RunRequest, look: Look, _trace: Trace, _told: Callable[[float], object]) -> Figure:
    """All heads, none of them framed; `_told` hears how far it is."""
    from attnviz.figures.grid import mosaic, paint_mosaic

    shown = mosaic(_trace, look.selection, look.style.scale, on_progress=_told)
    return paint_mosaic(shown, replace(look.style, height=HEIGHT))


@runs.kept
def overview_of(what: RunRequest, look: Look, size: int, height: int, now: Window | None, _trace: Trace) -> Figure:
    """One head from afar, or a window of it that is too large to be shown token for token; no box in it."""
    from attnviz.figures.overview import from_afar, overview

    part = None if now is None else (now.queries, now.keys)
    afar = from_afar(_trace, look.selection, look.style.scale, how=look.how, size=size, part=part)
    figure = overview(afar, replace(look.style, height=height))
    if height > SMALL_HEIGHT:  # the bar's name beside it: above it, it would take the room of the map
        figure.update_traces(marker_colorbar_title_side="right", selector={"type": "scatter"})
        figure.update_layout(margin_r=96)
    return figure


@runs.kept
def weights_of(what: RunRequest, look: Look, side: str, token: int, _trace: Trace) -> Tensor:
    """One query over all keys, or one key over all queries; NaN where not allowed."""
    from attnviz.core import blocks as streaming

    found = look.selection.attention(_trace)
    return streaming.row(found, token) if side == "query" else streaming.column(found, token)


@runs.kept
def window_of(what: RunRequest, look: Look, now: Window, cell: tuple[int, int], _trace: Trace) -> Figure:
    """A part of one head token for token, the pair that is followed framed."""
    from attnviz.figures.overview import zoomed

    selection = replace(look.selection, query=cell[0], key=cell[1])
    return zoomed(_trace, selection, replace(look.style, height=HEIGHT), (now.queries, now.keys))
