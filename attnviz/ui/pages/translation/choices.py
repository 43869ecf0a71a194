"""The choices of the translation page: which way, which sentence, which rule; and its runs, kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import (
    RULE_PARAMS,
    SOFT,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_rule,
    choose_text,
    flag,
    offered,
    one_of,
    open_model,
    plain,
    rule_now,
    rule_title,
    runs,
    t,
    work,
)

if TYPE_CHECKING:
    from attnviz.models import Model
    from attnviz.trace import Trace

KEY = "translation."
WAYS = {"zh-en": "zh", "en-zh": "en", "hub": "hub"}  # the way, and where the sentence of that way is kept
MARIAN = "Helsinki-NLP/opus-mt-zh-en"
SHOWN = 5  # sentences of the test offered to try
HUB_TOKENS = 60
PARAMS = {
    **RULE_PARAMS,
    "way": Param("way", KEY + "way", "zh-en", one_of(*WAYS)),
    "zh": Param("zh", KEY + "zh", "我昨晚做了一个奇怪的梦。", str),
    "en": Param("en", KEY + "en", "I had a strange dream last night.", str),
    "hub": Param("text", KEY + "hub", "我昨晚做了一个奇怪的梦。", str),
    "target": Param("target", KEY + "target", "", str),
    "uniform": Param("uniform", KEY + "uniform", False, flag),
    "model": Param("model", KEY + "model", MARIAN, str),
    "layer": Param("layer", KEY + "layer", 3, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
    "query": Param("query", KEY + "query", None, between(0, 9_999, int)),
    "key": Param("key", KEY + "key", None, between(0, 9_999, int)),
}


@dataclass(frozen=True)
class RunRequest:
    """One run as caches know it; `target` is a translation to be read instead of one being written."""

    name: str
    text: str
    rule: RuleChoice = SOFT
    uniform: bool = False
    target: str = ""


def choice_of(name: str) -> Any:
    """What is chosen for one of `PARAMS`."""
    return st.session_state[PARAMS[name].key]


def way() -> str:
    """Chinese to English, English to Chinese, or a model of the Hub."""
    chosen = str(choice_of("way"))
    return chosen if chosen in ways() else str(PARAMS["way"].default)


def ways() -> list[str]:
    """Those that can be gone: a server that opens its own models alone has none of the Hub."""
    return [name for name in WAYS if name != "hub" or offered() != ()]


def of_hub() -> bool:
    """Is it a model of the Hub?"""
    return way() == "hub"


def choose_way() -> None:
    """Which way; for the Hub, which model."""
    st.session_state[KEY + "way"] = way()
    st.segmented_control(
        t("translation.way"), ways(), key=KEY + "way", required=True, wrap=True, width="stretch", on_change=_forget,
        format_func=lambda name: t(f"translation.way_{name.replace('-', '_')}"),
    )  # fmt: skip
    if of_hub() and (listed := offered()):
        st.session_state[KEY + "model"] = found if (found := choice_of("model")) in listed else listed[0]
        st.selectbox(t("translation.model"), listed, key=KEY + "model", on_change=_forget)
    elif of_hub():
        st.text_input(t("translation.model"), key=KEY + "model", help=t("translation.model_help"), on_change=_forget)


def choose_decoder_rule() -> None:
    """The rule of the decoder's attention, or the same weight for every source token."""
    st.toggle(t("translation.uniform"), key=KEY + "uniform", help=t("translation.uniform_help"))
    if not choice_of("uniform"):
        choose_rule()


def choose_sentence() -> None:
    """The sentence, and sentences of the test to try."""
    offered = [sample["text"] for sample in samples("zh-en" if of_hub() else way())[:SHOWN]]
    label = t("samples" if of_hub() else "translation.samples")
    choose_text(KEY, offered, _forget, name=WAYS[way()], label=label)


def choose_target() -> None:
    """A translation of the reader's own, which the model then reads instead of writing one."""
    if not of_hub():
        st.text_input(
            t("translation.target"), key=KEY + "target", help=t("translation.target_help"),
            placeholder=t("translation.target_placeholder"),
        )  # fmt: skip


def _forget() -> None:
    """A translation of one's own belongs to its sentence, a cell to its map."""
    for name in ("target", "query", "key"):
        st.session_state[KEY + name] = PARAMS[name].default


@st.cache_data(max_entries=4, show_spinner=False)  # shipped sentences of a way: 20 kB
def samples(of: str) -> list[dict[str, Any]]:
    """Sentences of the test, with their translations and who wrote them."""
    return list(shipped.samples(f"nmt-{of}"))


@st.cache_data(max_entries=4, show_spinner=False)  # a table of figures: 5 kB
def figures(of: str) -> dict[str, Any]:
    """What the test gave, with attention and without."""
    return shipped.figures(f"nmt-{of}")


def sample() -> dict[str, Any] | None:
    """The sample that the sentence is, if it is one."""
    text = text_now().strip()
    return next((one for one in samples("zh-en" if of_hub() else way()) if one["text"] == text), None)


def text_now() -> str:
    """The sentence in the box."""
    return str(choice_of(WAYS[way()]) or "")


def request_now() -> RunRequest:
    """The run that the choices ask for."""
    uniform = bool(choice_of("uniform"))
    rule = SOFT if uniform else rule_now()
    if of_hub():
        return RunRequest(str(choice_of("model") or MARIAN).strip(), text_now(), rule, uniform)
    return RunRequest(f"nmt-{way()}", text_now(), rule, uniform, str(choice_of("target") or "").strip())


def way_title(request: RunRequest) -> str:
    """The rule in a few words."""
    if request.uniform:
        return t("translation.uniform_short")
    return t("translation.soft_short") if request.rule == SOFT else rule_title(as_rule(request.rule))


@runs.kept
def translated(request: RunRequest) -> Trace:
    """What one of the shipped models made of the sentence. Raises `AttnvizError`."""
    from attnviz.systems.translation import system as translation

    return translation.load(request.name).translate(
        request.text, rule=as_rule(request.rule), uniform=request.uniform, target=request.target or None
    )


def run(request: RunRequest) -> Trace:
    """The run that the choices ask for, by a shipped model or one of the Hub; says what it does meanwhile."""
    if not of_hub():
        with st.spinner(t("running", model=plain(request.name))):
            return translated(request)
    earlier, stopped = work.collect(KEY + "writing"), st.session_state.pop(KEY + "stopped", None)
    if earlier is not None and earlier.found is not None and stopped == earlier.about:
        st.session_state[KEY + "written"] = (earlier.about, earlier.found)  # as far as it came
    halted = st.session_state.get(KEY + "written")
    if halted is not None and halted[0] == request:
        found: Trace = halted[1]
        return found
    st.session_state.pop(KEY + "written", None)
    return _written(request)


def _written(request: RunRequest) -> Trace:
    """What a model of the Hub writes, in the store as soon as it is whole."""
    kept = runs.key_of(KEY, request, request.name)
    found: Trace | None = runs.traces().get(kept)
    if found is not None:
        return found
    model = open_model(request.name)
    words = t("writing", model=plain(model.name))
    with (
        work.doing(KEY + "writing", request) as writing,
        work.watched(KEY + "stop", words, t("write_stop"), partial(_stop, request)) as bar,
        st.spinner(words, show_time=True),
    ):
        whole: Trace = runs.traces().take(kept, lambda: written(request, model, writing, bar), writing.stopped)
    return whole


def _stop(request: RunRequest) -> None:
    """Stop was pressed: what has been written is what is shown."""
    st.session_state[KEY + "stopped"] = request


def written(request: RunRequest, model: Model, writing: work.Work, bar: work.Bar) -> Trace:
    """What a model of the Hub writes, the rule acting in its cross attention alone. Raises `AttnvizError`."""
    from attnviz.core.interventions import Reweigh
    from attnviz.errors import ModelError, Stopped
    from attnviz.recording.generate import generate
    from attnviz.systems.translation.system import Uniform

    if model.kind != "seq2seq":
        raise ModelError("translation_needs_both", model=model.name)

    def on_token(count: int, text: str) -> None:
        writing.tell(
            bar, count / HUB_TOKENS,
            lambda: t("writing_so_far", count=count, most=HUB_TOKENS, text=plain(text[-60:])),
        )  # fmt: skip

    changed = request.uniform or request.rule != SOFT
    rule = Uniform() if request.uniform else as_rule(request.rule)
    changes = (Reweigh(rule, part="cross"),) if changed else ()
    found = generate(
        model, request.text, most=HUB_TOKENS, interventions=changes, on_token=on_token, stop=writing.stopped
    )
    if writing.stopped():  # half a translation is for the one who stopped it
        writing.found = found
        raise Stopped("run_stopped")
    return found
