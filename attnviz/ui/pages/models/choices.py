"""The choices of the models page: which model, which of its maps, by token, character or word; and its runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.errors import TextError
from attnviz.ui.kit import (
    SHARED,
    SHARED_PARAMS,
    SOFT,
    Param,
    RuleChoice,
    address,
    as_rule,
    between,
    brought,
    choices_now,
    choose_any_model,
    choose_revision,
    flag,
    model_store,
    offer_models,
    one_of,
    open_model,
    plain,
    remember,
    rule_now,
    runs,
    span_of,
)
from attnviz.ui.kit import language as language
from attnviz.ui.kit import t as t
from attnviz.ui.pages.models import changes, several, written

if TYPE_CHECKING:
    from attnviz.axes import Axis
    from attnviz.core.rules import Rule
    from attnviz.measures import RankedHead
    from attnviz.models import Model
    from attnviz.selection import Selection
    from attnviz.trace import Trace

KEY = changes.KEY
UNITS = ("token", "character", "word")
MOST_TOKENS = written.MOST
LANGUAGES = ("source", "into")  # of the text, and to write in
PARTS = ("encoder", "decoder", "cross")  # the maps of an encoder-decoder, in this order
NUMBER = "number"  # the heads as the model numbers them
# What heads can be ranked by, as `attnviz.measures.ORDERS` has it, which cannot be asked before torch is loaded.
RANKINGS = (
    NUMBER, "previous", "next", "itself", "same_word", "punctuation", "same_token", "induction", "first", "special",
    "left", "right", "entropy", "focus", "reach",
)  # fmt: skip
BLOCKS: dict[str, tuple[int, int] | None] = {"all": None, "aa": (0, 0), "ab": (0, 1), "ba": (1, 0), "bb": (1, 1)}
PARAMS = {
    **SHARED_PARAMS,
    "id": Param("id", KEY + "id", "lab-4", str),
    "revision": Param("revision", KEY + "revision", "", str),
    "map": Param("map", KEY + "map", None, str),
    "by": Param("by", KEY + "by", "token", one_of(*UNITS)),
    "rank": Param("rank", KEY + "rank", NUMBER, one_of(*RANKINGS)),
    "pair": Param("pair", KEY + "pair", "", str),
    "choice": Param("choice", KEY + "choice", 0, between(0, several.MOST - 1, int)),
    "block": Param("block", KEY + "block", "all", one_of(*BLOCKS)),
    "target": Param("target", KEY + "target", "", str),
    "source": Param("from", KEY + "source", "", str),
    "into": Param("into", KEY + "into", "", str),
    "chat": Param("chat", KEY + "chat", False, flag),
    "changes": Param("change", KEY + "changes", "", changes.read),
    "layers": Param("in", KEY + "layers", "", lambda text: ",".join(str(int(n)) for n in text.split(",") if n)),
    "most": Param("most", KEY + "most", 20, between(1, MOST_TOKENS, int), slides=True),
    **{name: Param(name, KEY + name, "", str) for name in written.NAMES},
}


@dataclass(frozen=True)
class RunRequest:
    """One run as caches know it. `written` are the ids of what the model wrote after the text itself."""

    name: str
    revision: str
    text: str
    pair: str = ""
    target: str = ""
    languages: tuple[str, str] = ("", "")
    chat: bool = False
    blank: int | None = None
    rule: RuleChoice = SOFT
    layers: tuple[int, ...] = ()
    changes: tuple[str, ...] = ()
    written: tuple[int, ...] = ()

    def untouched(self) -> RunRequest:
        """The same run with nothing changed inside it."""
        return replace(self, rule=SOFT, layers=(), changes=())

    def origin(self) -> tuple[object, ...]:
        """What a text that was written belongs to: another model, text or language has written nothing."""
        return self.name, self.revision, self.text, self.pair, self.languages, self.chat


def choice_of(name: str) -> Any:
    """What is chosen for one of `PARAMS`."""
    return st.session_state[PARAMS[name].key]


def named() -> tuple[str, str]:
    """The chosen model's name and revision; an empty revision is the usual one."""
    return str(choice_of("id") or PARAMS["id"].default).strip(), str(choice_of("revision") or "").strip()


def choose_model() -> None:
    """One of a short list, or any Hub id, folder or GGUF file."""
    from attnviz.models import catalogue

    if (one := brought()) is not None:
        st.session_state[KEY + "id"], st.session_state[KEY + "revision"] = one
        _forget()
    known = {entry.name: entry for entry in catalogue()}
    titles = {name: f"{entry.title[language()]} · {entry.megabytes} MB" for name, entry in known.items()}
    entry = known.get(choose_any_model(KEY + "id", titles, _forget, start=str(PARAMS["id"].default)))
    about, revision = st.columns([5, 4], gap="small", vertical_alignment="center")
    with about:
        st.caption(
            "" if entry is None else f"{entry.family} · {entry.licence}",
            help=None if entry is None else entry.about[language()],
        )
    with revision:
        choose_revision(KEY + "revision", _forget)
    offer_models()


def _forget() -> None:
    """What belonged to the other model."""
    for name in ("changes", "layers", *LANGUAGES):
        st.session_state[KEY + name] = ""
    st.session_state[KEY + "chat"] = False
    st.session_state[SHARED + "blank"] = None
    written.forget()


def chosen_model() -> Model:
    """The chosen model; while it loads, what is loaded and how far it is. Raises `ModelError`."""
    from attnviz.models import catalogue

    found = open_model(*named())
    if named()[0] not in {entry.name for entry in catalogue()}:
        remember(*named())
    return found


def part_name(part: str) -> str:
    """What a map is called; one that only its model knows (a tower) by its own name, as it is."""
    return t(f"part_{part}") if part in (*PARTS, "self") else plain(part)


def choose_part(trace: Trace) -> Trace:
    """Encoder, decoder or cross, or a tower by its name, where a model has more than one map."""
    parts = sorted(trace.parts, key=lambda part: PARTS.index(part) if part in PARTS else len(PARTS))
    if len(parts) == 1:
        return trace
    if choice_of("map") not in parts:
        st.session_state[KEY + "map"] = trace.part
    st.segmented_control(
        t("part"), parts, key=KEY + "map", format_func=part_name, required=True, wrap=True,
        help=t("part_help"), label_visibility="collapsed",
    )  # fmt: skip
    return trace.map(str(choice_of("map") or trace.part))


def choose_unit() -> str:
    """The map by token, by character or by word."""
    st.segmented_control(
        t("unit"), UNITS, key=KEY + "by", format_func=lambda name: t(f"unit_{name}"), required=True, wrap=True,
        help=t("unit_help"), label_visibility="collapsed",
    )  # fmt: skip
    return str(choice_of("by") or "token")


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
    return tuple(int(number) for number in str(choice_of("layers") or "").split(",") if number)


def choose_block(run: Trace) -> tuple[int, int] | None:
    """Which of two texts looks at which, in all pictures; None for all of both, or where there is but one text."""
    from attnviz.measures import is_pair

    if not is_pair(run):
        return None
    st.segmented_control(
        t("block"), BLOCKS, key=KEY + "block", format_func=lambda name: t(f"block_{name}"), required=True, wrap=True,
        help=t("block_help"), label_visibility="collapsed",
    )  # fmt: skip
    return BLOCKS[str(choice_of("block") or "all")]


def ranking_now() -> str:
    """What the heads are ranked by, of `RANKINGS`."""
    return str(choice_of("rank") or NUMBER)


def ranked(run: Trace, selection: Selection) -> tuple[RankedHead, ...]:
    """The heads in the order that is chosen; none where they stand by their number, or the order has no meaning."""
    from attnviz.measures import ranked

    return () if ranking_now() == NUMBER else ranked(run, ranking_now(), rule=selection.rule)


def choose_ranking() -> None:
    """What the heads are ranked by."""
    names = {name: t(f"rank_{name}") for name in RANKINGS}
    st.selectbox(t("rank"), RANKINGS, key=KEY + "rank", format_func=names.__getitem__)


def runs_with(model: Model) -> bool:
    """Does the model compute with the changes? Not one that only returns its weights."""
    return not model.eager and st.session_state[SHARED + "scope"] == "run"


def scope(model: Model) -> str:
    """Where the rule acts, of `SCOPES`."""
    return "run" if runs_with(model) else "redraw"


def redrawn(model: Model) -> Rule | None:
    """The rule that a picture is redrawn with; None where the run itself was computed with it."""
    return None if runs_with(model) else as_rule(rule_now())


def told(model: Model) -> tuple[str, ...]:
    """Of which languages can the model be told? One that does not write is not asked to write in any."""
    return () if not model.languages else LANGUAGES if model.kind == "seq2seq" else LANGUAGES[:1]


def languages_of(model: Model) -> tuple[str, str]:
    """The languages that are chosen, "" where the model's usual one is meant."""
    source, into = (str(choice_of(name) or "") if name in told(model) else "" for name in LANGUAGES)
    return source, into


def request_now(model: Model) -> RunRequest:
    """The run that the choices ask for, its changes in force only where the model runs with them."""
    now, inside = choices_now(), runs_with(model)
    asked = RunRequest(
        *named(), now.text, pair_now(model), str(choice_of("target") or ""), languages_of(model),
        bool(choice_of("chat")), now.blank,
        rule=now.rule if inside else SOFT, layers=rule_layers() if inside else (),
        changes=changes.chosen() if inside else (),
    )  # fmt: skip
    try:
        answer = written.now(model, asked.origin(), asked_of(asked), anew=address.returned())
    except TextError as error:
        st.info(error.say(language(), plain), icon=":material/info:")
        return asked
    return replace(asked, blank=None, written=answer) if answer else asked


def pair_now(model: Model) -> str:
    """The second text, of several the one whose map is shown; "" where there is none."""
    pair = str(choice_of("pair") or "")
    if model.kind == "choice":
        return several.open_line(pair, int(choice_of("choice")))
    return pair if pair.strip() else ""


def inside(request: RunRequest) -> dict[str, Any]:
    """What changes a run: the engine's `rule` and `interventions`."""
    from attnviz.core.interventions import Reweigh

    rule, changed = as_rule(request.rule), changes.as_interventions(request.changes)
    if request.layers and request.rule != SOFT:
        return {"rule": None, "interventions": (Reweigh(rule, layers=request.layers), *changed)}
    return {"rule": rule, "interventions": changed}


def asked_of(request: RunRequest) -> dict[str, Any]:
    """What is read, and as what: the engine's `text` or `chat`, `pair` and `languages`."""
    source, into = request.languages
    read = {"chat" if request.chat else "text": request.text}
    return read | {"pair": request.pair or None, "languages": (source or None, into or None)}


@runs.kept
def trace(request: RunRequest) -> Trace:
    """What the model did. Raises `AttnvizError`."""
    from attnviz.recording.record import record
    from attnviz.recording.resume import resumed

    model = model_store().take(request.name, request.revision)
    asked, target = asked_of(request), request.target or None
    if not request.written:
        return record(model, blank=request.blank, target=target, **asked, **inside(request))
    read = resumed(model, request.written, **asked)
    return replace(record(model, read.text, target=read.target, **inside(request)), border=read.border)


def both_runs(request: RunRequest) -> tuple[Trace, Trace]:
    """The run with nothing changed inside it, and the run as asked for. Raises `AttnvizError`."""
    check_changes(request.changes)
    before = trace(request.untouched())
    return before, before if request == request.untouched() else trace(request)


def way_to(request: RunRequest, part: str) -> Callable[[], Trace]:
    """How a map of a run is had from its store."""
    return lambda: trace(request).map(part)


def change_title(code: str, trace: Trace | None = None) -> str:
    """One change in words."""
    found = changes.CODE.fullmatch(code)
    assert found is not None
    part = f"{part_name(found['part'])} · " if found["part"] else ""
    if found["kind"]:
        return part + t("change_remove" if found["kind"] == "-" else "change_keep", **_numbers(found, "layer", "head"))
    where = "" if not found["in_layer"] else f" @ {t('layer')} {found['in_layer']}"
    where += "" if not found["in_head"] else f", {t('head')} {found['in_head']}"
    if found["token"]:
        return part + t("change_hide", token=_token_name(trace, found["token"], keys=True)) + where
    query, key = _token_name(trace, found["query"], keys=False), _token_name(trace, found["key"], keys=True)
    return part + t("change_forbid", query=query, key=key) + where


def _numbers(found: re.Match[str], *names: str) -> dict[str, str]:
    """Groups by their names."""
    return {name: found[name] for name in names}


def _token_name(trace: Trace | None, code: str, *, keys: bool) -> str:
    """The numbers of a token or of the tokens of a unit, with its label where it is known."""
    axis, places = None if trace is None else trace.keys if keys else trace.queries, changes.tokens(code)
    label = None if axis is None else _label(axis, places)
    return span_of(places) if label is None else f"{span_of(places)} {label}"


def _label(axis: Axis, places: Sequence[int]) -> str | None:
    """What these places are called: a token, or the character or word that is made of just them; None elsewhere."""
    if max(places) >= len(axis):
        return None
    if len(places) == 1:
        return axis.labels[places[0]]
    for by in axis.groupings[1:]:
        units = axis.grouped(by)
        if units.places[units.of[places[0]]] == list(places):
            return units.labels[units.of[places[0]]]
    return " ".join(axis.labels[place] for place in places)


def check_changes(codes: Sequence[str]) -> None:
    """Refuse changes that contradict each other, in the words of the page. Raises `AttnvizError`."""
    from attnviz.errors import AttnvizError

    if (two := changes.contradiction(codes)) is not None:
        first, second = (change_title(codes[place]) for place in two)
        raise AttnvizError("changes_contradict", first=first, second=second)
