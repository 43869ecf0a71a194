"""The choices of the models page: which model, which of its maps, by token, character or word; and its runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import controls as choices
from attnviz.ui.kit.controls import KEY as SHARED
from attnviz.ui.kit.controls import SOFT, RuleChoice, as_rule
from attnviz.ui.kit.language import language, t
from attnviz.ui.kit.link import Param, between, one_of
from attnviz.ui.kit.opening import open_model
from attnviz.ui.kit.panels import plain
from attnviz.ui.pages.models import changes
from attnviz.ui.stores.models import shelf
from attnviz.ui.stores.runs import kept

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.models import Model
    from attnviz.text.tokens import Encoded
    from attnviz.trace import Trace

KEY = changes.KEY
UNITS = ("token", "character", "word")
MOST_TOKENS = 200
PARTS = ("encoder", "decoder", "cross")  # the maps of an encoder-decoder, in this order
PARAMS = {
    **{name: param for name, param in choices.PARAMS.items() if name != "model"},
    "id": Param("id", KEY + "id", "lab-4", str),
    "revision": Param("revision", KEY + "revision", "", str),
    "map": Param("map", KEY + "map", None, str),
    "by": Param("by", KEY + "by", "token", one_of(*UNITS)),
    "target": Param("target", KEY + "target", "", str),
    "changes": Param("change", KEY + "changes", "", changes.read),
    "layers": Param("in", KEY + "layers", "", lambda text: ",".join(str(int(n)) for n in text.split(",") if n)),
    "most": Param("most", KEY + "most", 20, between(1, MOST_TOKENS, int), slides=True),
}


@dataclass(frozen=True)
class Asked:
    """One run as caches know it. `written` are the ids of a text that the model wrote itself, prompt and answer,
    `border` the number of the answer's first token.
    """

    name: str
    revision: str
    text: str
    target: str = ""
    blank: int | None = None
    rule: RuleChoice = SOFT
    layers: tuple[int, ...] = ()
    changes: tuple[str, ...] = ()
    written: tuple[tuple[int, ...], ...] = ()
    border: int | None = None

    def untouched(self) -> Asked:
        """The same run with nothing changed inside it."""
        return replace(self, rule=SOFT, layers=(), changes=())


def state(name: str) -> Any:
    """What is chosen for one of `PARAMS`."""
    return st.session_state[PARAMS[name].key]


def named() -> tuple[str, str]:
    """The chosen model's name and revision; an empty revision is the usual one."""
    return str(state("id") or PARAMS["id"].default).strip(), str(state("revision") or "").strip()


def choose_model() -> None:
    """One of a short list, or any Hub id, folder or GGUF file."""
    from attnviz.models import catalogue

    known = {entry.name: entry for entry in catalogue()}

    def shown(name: str) -> str:
        if name not in known:
            return name
        entry = known[name]
        return f"{entry.title[language()]} · {entry.megabytes} MB"

    current = str(state("id") or PARAMS["id"].default)
    options = list(dict.fromkeys([*known, current]))
    st.selectbox(
        t("any_model"), options, key=KEY + "id", format_func=shown, accept_new_options=True,
        help=t("any_model_help"), on_change=_forget, placeholder=t("any_model_placeholder"),
    )  # fmt: skip
    entry = known.get(current)
    about, revision = st.columns([5, 4], gap="small", vertical_alignment="center")
    with about:
        st.caption(
            "" if entry is None else f"{entry.family} · {entry.licence}",
            help=None if entry is None else entry.about[language()],
        )
    with revision, st.popover(t("revision"), width="stretch"):
        st.text_input(
            t("revision_name"), key=KEY + "revision", help=t("revision_help"), placeholder="main", on_change=_forget
        )


def _forget() -> None:
    """What belonged to the other model."""
    for name in ("changes", "layers"):
        st.session_state[KEY + name] = ""
    st.session_state[SHARED + "blank"] = None
    forget_written()


def forget_written() -> None:
    """A written text belongs to the model and the text that it was written from."""
    st.session_state.pop(KEY + "written", None)


def opened() -> Model:
    """The chosen model; while it loads, what is loaded and how far it is. Raises `ModelError`."""
    return open_model(*named())


def part_name(part: str) -> str:
    """What a map is called; one that only its model knows (a tower) by its own name, as it is."""
    return t(f"part_{part}") if part in (*PARTS, "self") else plain(part)


def choose_part(trace: Trace) -> Trace:
    """Encoder, decoder or cross, or a tower by its name, where a model has more than one map."""
    parts = sorted(trace.parts, key=lambda part: PARTS.index(part) if part in PARTS else len(PARTS))
    if len(parts) == 1:
        return trace
    if state("map") not in parts:
        st.session_state[KEY + "map"] = trace.part
    st.segmented_control(
        t("part"), parts, key=KEY + "map", format_func=part_name, required=True,
        help=t("part_help"), label_visibility="collapsed",
    )  # fmt: skip
    return trace.map(str(state("map") or trace.part))


def choose_unit() -> str:
    """The map by token, by character or by word."""
    st.segmented_control(
        t("unit"), UNITS, key=KEY + "by", format_func=lambda name: t(f"unit_{name}"), required=True,
        help=t("unit_help"), label_visibility="collapsed",
    )  # fmt: skip
    return str(state("by") or "token")


def choose_layers(trace: Trace) -> None:
    """In which layers a rule that the model runs with acts."""
    if st.session_state[SHARED + "scope"] != "run":
        return
    options = trace.open_layers
    st.session_state[KEY + "layer_list"] = [n for n in rule_layers() if n in options]
    st.multiselect(
        t("rule_layers"), options, key=KEY + "layer_list", placeholder=t("rule_layers_all"), on_change=_take_layers
    )


def _take_layers() -> None:
    st.session_state[KEY + "layers"] = ",".join(str(n) for n in sorted(st.session_state[KEY + "layer_list"]))


def rule_layers() -> tuple[int, ...]:
    """The layers chosen there; none: all."""
    return tuple(int(number) for number in str(state("layers") or "").split(",") if number)


def choose_head(trace: Trace) -> tuple[int, int]:
    """Layer and head by picker; layers without attention say so, heads name the key head that they share."""
    from attnviz.core.attention import Attention

    layer = choices.within("layer", trace.n_layers)
    if layer not in trace.open_layers:
        layer = min(trace.open_layers, key=lambda number: abs(number - layer))
        st.session_state[SHARED + "layer"] = layer
    found = trace.layers[layer]
    assert isinstance(found, Attention)
    head = choices.within("head", found.n_heads)

    def named(number: int) -> str:
        return str(number) if found.shared == 1 else t("shared_head", head=number, key=number // found.shared)

    first, second = st.columns(2, gap="small")
    with first:
        st.selectbox(t("layer"), trace.open_layers, key=SHARED + "layer")
    with second:
        st.selectbox(t("head"), range(found.n_heads), key=SHARED + "head", format_func=named)
    return layer, head


def choose_target(model: Model) -> None:
    """What the decoder of an encoder-decoder has written so far."""
    if model.kind == "seq2seq" and KEY + "written" not in st.session_state:
        st.text_input(t("target"), key=KEY + "target", help=t("target_help"), placeholder=t("target_placeholder"))


def show_facts(model: Model, run: Trace) -> None:
    """Whose weights these are."""
    parts = [
        t("facts_map", part=part_name(part), layers=len(run.map(part).open_layers), heads=run.map(part).n_heads)
        for part in run.parts
    ]
    size = f"{model.parameters / 1e6:,.1f}"
    st.caption(t("facts", model=plain(model.name), kind=t(f"kind_{model.kind}"), size=size, maps=", ".join(parts)))


def show_limits(model: Model, run: Trace) -> None:
    """What has no picture, and what the model does not let one do."""
    from attnviz.trace import Gap

    gaps = {layer for layer in run.layers if isinstance(layer, Gap)}
    for gap in sorted(gaps, key=str):
        numbers = [str(n) for n, layer in enumerate(run.layers) if layer == gap]
        st.caption(t("facts_gap", layers=", ".join(numbers), reason=t(f"gap.{gap.reason}", kind=plain(gap.kind))))
    if model.eager:
        st.info(t("facts_eager", model=plain(model.name)), icon=":material/lock:")


def runs_with(model: Model) -> bool:
    """Does the model compute with the changes? Not one that only returns its weights."""
    return not model.eager and st.session_state[SHARED + "scope"] == "run"


def scope(model: Model) -> str:
    """Where the rule acts, of `choices.SCOPES`."""
    return "run" if runs_with(model) else "redraw"


def redrawn(model: Model) -> Rule | None:
    """The rule that a picture is redrawn with; None where the run itself was computed with it."""
    return None if runs_with(model) else as_rule(choices.rule_now())


def asked(model: Model) -> Asked:
    """The run that the choices ask for, its changes in force only where the model runs with them."""
    now, inside = choices.now(), runs_with(model)
    written = st.session_state.get(KEY + "written")
    name, revision = named()
    if written is not None and written[0] != (name, revision, now.text):
        forget_written()
        written = None
    return Asked(
        name, revision, now.text, str(state("target") or ""), now.blank if written is None else None,
        rule=now.rule if inside else SOFT, layers=rule_layers() if inside else (),
        changes=changes.chosen() if inside else (),
        written=() if written is None else tuple(encoded.ids for encoded in written[1]),
        border=None if written is None else written[2],
    )  # fmt: skip


def inside(what: Asked) -> dict[str, Any]:
    """What changes a run: the engine's `rule` and `interventions`."""
    from attnviz.core.interventions import Reweigh

    rule, changed = as_rule(what.rule), changes.as_interventions(what.changes)
    if what.layers and what.rule != SOFT:
        return {"rule": None, "interventions": (Reweigh(rule, layers=what.layers), *changed)}
    return {"rule": rule, "interventions": changed}


@kept
def trace(what: Asked) -> Trace:
    """What the model did. Raises `AttnvizError`."""
    from attnviz.recording.record import record

    model = shelf().take(what.name, what.revision)
    text: str | Encoded = what.text
    target: str | Encoded | None = what.target or None
    if what.written:
        text, *answer = _written()
        target = answer[0] if answer else None
    found = record(model, text, blank=what.blank, target=target, **inside(what))
    return replace(found, border=what.border)


def _written() -> tuple[Encoded, ...]:
    """The text that the model wrote, as it read it: prompt and answer, or source and target."""
    found: tuple[Encoded, ...] = st.session_state[KEY + "written"][1]
    return found
