"""The run of a long text: what it will cost, started when it is costly, watched layer by layer, stopped on a click.

What a stopped or refused run leaves is what was there before: the last result on the page, and the text in its box.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.errors import AttnvizError, Stopped
from attnviz.ui import asking
from attnviz.ui.language import language, t
from attnviz.ui.long import KEY
from attnviz.ui.long_cost import Cost, amount, duration, expected
from attnviz.ui.panels import plain
from attnviz.ui.shelf import shelf

if TYPE_CHECKING:
    from attnviz.attention import Attention
    from attnviz.models import Model
    from attnviz.tokens import Encoded
    from attnviz.trace import Gap, Trace

FREE = 8.0  # seconds: a run that is expected to take no longer starts by itself, with a bar and a Stop button
PATIENCE = 60  # seconds for the layer that is under way when the reader says stop
ROOM = 1_500_000_000  # bytes of queries and keys that are kept for all readers; the last run is kept whatever its size
WATCHED = 0.5  # seconds: shorter runs show no bar


@dataclass(frozen=True)
class Asked:
    """One run as caches know it."""

    name: str
    revision: str
    text: str


@dataclass(frozen=True)
class Done:
    """A run and what it was asked for; caches know it by that."""

    what: Asked
    trace: Trace

    @property
    def tokens(self) -> int:
        """How long the text is."""
        return len(self.trace.encoded.ids)


class Runs:
    """The traces of long texts, shared by all readers; the least used go when there is no more room."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._found: OrderedDict[Asked, Trace] = OrderedDict()
        self._lock = Lock()

    def get(self, what: Asked) -> Trace | None:
        """The trace, if it is still there."""
        with self._lock:
            if what in self._found:
                self._found.move_to_end(what)
            return self._found.get(what)

    def put(self, what: Asked, trace: Trace) -> None:
        """Keep it, and let go of what has no room beside it."""
        with self._lock:
            self._found[what] = trace
            while len(self._found) > 1 and sum(map(size, self._found.values())) > self.room:
                self._found.popitem(last=False)


@st.cache_resource(show_spinner=False)
def runs() -> Runs:
    """The one store of this server."""
    return Runs()


def size(trace: Trace) -> int:
    """The bytes of what a trace holds of its layers; what several layers share counted once."""
    from attnviz.trace import Gap
    from attnviz.triangle import Triangle

    found = [layer for layer in trace.layers if not isinstance(layer, Gap)]
    named = ("queries", "keys", "allowed", "bias", "given")
    tensors = [getattr(layer, name, None) for layer in found for name in named]
    held = [one for one in tensors if one is not None and not isinstance(one, Triangle)]
    return sum({one.data_ptr(): min(one.nbytes, one.untyped_storage().nbytes()) for one in held}.values())


def slim(trace: Trace) -> Trace:
    """The trace without what no picture of this page needs: values, outputs, predictions, other maps.

    Of a long text the predictions alone (tokens x vocabulary) would take gigabytes.
    """
    from attnviz.attention import Attention

    def bare(layer: Attention | Gap) -> Attention | Gap:
        return replace(layer, values=layer.values[..., :0].clone()) if isinstance(layer, Attention) else layer

    return replace(
        trace, layers=tuple(map(bare, trace.layers)), outputs=trace.outputs[:0].clone(), logits=None, boundaries=None,
        others={},
    )  # fmt: skip


@st.cache_resource(max_entries=8, show_spinner=False)
def read(what: Asked) -> Encoded:
    """The text in the model's tokens. Raises `TextError`."""
    from attnviz.tokens import encode

    model = shelf().take(what.name, what.revision)
    return encode(what.text, model.tokenizer, model.limit)


def shown(what: Asked, notice: DeltaGenerator) -> Done | None:
    """The run that was asked for, or, until that is done, the last that was; None where there is none yet.

    In `notice` stand the cost, the progress, what cannot be read, and whose result is shown instead.
    """
    _collect()
    with notice:
        try:
            trace = runs().get(what) or _run(what)
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
    last: Asked | None = st.session_state.get(KEY + "shown")
    trace = None if last is None else runs().get(last)
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


def _run(what: Asked) -> Trace | None:
    """Start what costs little at once, and what costs much when the reader says so."""
    model = opened(what)
    with st.spinner(t("long.reading")):
        encoded = read(what)
    cost = expected(model, len(encoded.ids))
    waits = cost.seconds > FREE or st.session_state.get(KEY + "stopped") == what
    if waits and not _agreed(cost, model):
        return None
    st.session_state.pop(KEY + "stopped", None)
    return _watched(what, model, encoded, cost)


def opened(what: Asked) -> Model:
    """The model, loaded if nobody has. Raises `ModelError`."""
    if not what.revision:
        return asking.opened(what.name)
    with st.spinner(t("loading", model=plain(what.name)), show_time=True):
        return shelf().take(what.name, what.revision)


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


def _laid_out(model: Model, tokens: int) -> int:
    """The bytes that all weights of the run would take if they were laid out."""
    from attnviz.models.memory import forecast

    return forecast(model.network.config, tokens)


@dataclass
class Job:
    """A run under way, seen by the run of the page that does it and by the next, which may begin meanwhile.

    Streamlit starts the page anew in another thread when the reader clicks; that one asks this to stop, and waits.
    """

    what: Asked
    stop: bool = False
    done: Event = field(default_factory=Event)


def _collect() -> None:
    """Stop what an earlier run of the page is still computing."""
    job: Job | None = st.session_state.pop(KEY + "job", None)
    if job is not None:
        job.stop = True
        job.done.wait(PATIENCE)


def _stop(what: Asked) -> None:
    """Stop was pressed: this run does not start by itself again."""
    st.session_state[KEY + "stopped"] = what


def _watched(what: Asked, model: Model, encoded: Encoded, cost: Cost) -> Trace:
    """Run, with a bar and a Stop button where it takes long enough to see them."""
    job = Job(what)
    st.session_state[KEY + "job"] = job
    place = st.empty()
    bar = None
    try:
        if cost.seconds > WATCHED:
            with place.container():
                bar = st.progress(0.0, text=t("long.running", model=plain(what.name), done=0, layers="…"))
                st.button(t("long.stop"), key=KEY + "stop", icon=":material/stop:", on_click=_stop, args=(what,))
        trace = slim(_recorded(model, encoded, job, bar))
        runs().put(what, trace)
        return trace
    finally:
        job.done.set()
        if st.session_state.get(KEY + "job") is job:
            del st.session_state[KEY + "job"]
        place.empty()


def _recorded(model: Model, encoded: Encoded, job: Job, bar: DeltaGenerator | None) -> Trace:
    """The trace; an encoder-decoder's is its encoder's, which is what has read the text."""
    from attnviz.recorder import record

    halted: list[BaseException] = []

    def on_layer(done: int, layers: int) -> None:
        if bar is None:
            return
        try:
            words = t("long.running", model=plain(model.name), done=done, layers=layers)
            bar.progress(min(done / max(layers, 1), 1.0), text=words)
        except BaseException as stop:  # how Streamlit ends this run of the page
            halted.append(stop)

    try:
        trace = record(
            model, encoded, values=False, predictions=False, on_layer=on_layer, stop=lambda: job.stop or bool(halted)
        )
    except Stopped:
        if halted:
            raise halted[0] from None
        raise
    return trace.map("encoder") if "encoder" in trace.parts else trace
