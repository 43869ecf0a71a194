"""What the page on pictures asks: a picture, a model, which map, and what is changed inside the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import (
    PLACES,
    RULE_PARAMS,
    SOFT,
    YARDSTICKS,
    Param,
    PictureClicks,
    Pictures,
    RuleChoice,
    another,
    as_rule,
    between,
    choose_any_model,
    choose_covered,
    choose_explained,
    choose_head,
    choose_one,
    choose_rule,
    flag,
    language,
    matching,
    model_store,
    named_label,
    numbers_of,
    one_of,
    open_model,
    page,
    picture_address,
    plain,
    rule_now,
    runs,
    t,
    with_or_without,
    work,
)
from attnviz.ui.pages.seeing import run

if TYPE_CHECKING:
    from attnviz.core.interventions import Intervention
    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.models import Model, VisionModel
    from attnviz.pictures import Picture, Seen
    from attnviz.trace import Trace

KEY = "seeing."
MODELS = ("vit-4", "vit-1", "vit-2", "vit-8", "vit-4-bag")
VIEWS = ("head", "layer", "all", "rollout")
MOST_ORDERS = 99
LABELS = 8  # that can be asked about, the likeliest
HEADS = re.compile(r"(\d{1,3}\.\d{1,3}(-\d{1,3}\.\d{1,3})*)?")  # layer and number: 0.1-3.2


def _sample(text: str) -> str:
    """A reader of the name of a sample."""
    return one_of(*run.samples())(text)


PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", "vit-4", str),
    "sample": Param("sample", KEY + "sample", "sneaker", _sample),
    "path": Param("file", KEY + "path", "", str),
    "layer": Param("layer", KEY + "layer", 2, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
    "view": Param("view", KEY + "view", "head", one_of(*VIEWS)),
    "place": Param("place", KEY + "place", 0, between(0, 99_999, int)),
    "specials": Param("specials", KEY + "specials", True, flag),
    "hidden": Param("hidden", KEY + "hidden", "", matching(PLACES)),
    "part": Param("map", KEY + "part", None, str),
    "without": Param("without", KEY + "without", "", matching(HEADS)),
    "order": Param("order", KEY + "order", 0, between(0, MOST_ORDERS, int)),
    "explain": Param("explain", KEY + "explain", -1, between(-1, 99_999, int)),
    "against": Param("against", KEY + "against", -1, between(-1, 99_999, int)),
    "held": Param("held", KEY + "held", YARDSTICKS[0], one_of(*YARDSTICKS)),
}
CLICKS = PictureClicks(KEY, "view")


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the picture by its fingerprint, patches hidden, heads without effect, their order."""

    name: str
    picture: str
    rule: RuleChoice = SOFT
    hidden: tuple[int, ...] = ()
    without: tuple[tuple[int, int], ...] = ()
    order: int = 0

    @property
    def untouched(self) -> Request:
        """The same run with nothing changed."""
        return Request(self.name, self.picture)

    @property
    def changed(self) -> bool:
        """Is anything changed?"""
        return self != self.untouched


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def choose_model() -> str:
    """In the sidebar: one of the built-in models, any Hub id or folder; and the rule."""
    with st.sidebar:
        titles = {name: t(f"seeing.model_{name}") for name in MODELS if shipped.has(name)}
        chosen = choose_any_model(KEY + "model", titles, _forget, start="vit-4", about=t("seeing.model_help"))
        choose_rule()
    page.how_it_works("seeing", "seeing.how")
    return chosen


def _forget() -> None:
    """What belonged to the other model's places and heads."""
    for name in ("hidden", "without"):
        st.session_state[KEY + name] = ""
    st.session_state[KEY + "place"] = 0
    for name in ("explain", "against"):
        st.session_state[KEY + name] = PARAMS[name].default


def choose_picture() -> Picture:
    """A sample, a file or the camera's picture. Raises `PictureError`."""
    return pictures().choose()


def pictures() -> Pictures:
    """How this page's picture is chosen."""
    return Pictures(KEY, _samples, run.sample, t("seeing.samples"), t("seeing.samples_help"), _show_all)


def _samples() -> dict[str, str]:
    """The samples, each seen small beside its name."""
    found = run.samples().items()
    return {name: f"![]({picture_address(run.sample(name))}) {_sample_name(name, one['label'])}" for name, one in found}


def _sample_name(name: str, label: str) -> str:
    """A sample by what it shows."""
    known = named(label, language())
    return known if not name[-1].isdigit() else t("seeing.sample_hard", label=known)


def _show_all() -> None:
    """Another picture came: its patches are all shown."""
    CLICKS.put("hidden", "")


def asked(name: str, picture: Picture) -> Request:
    """The run as it is chosen: the rule, heads without effect, hidden patches, shuffled or not."""
    return Request(
        name, picture.fingerprint, rule_now(), numbers_of(str(now("hidden"))), run.pairs(str(now("without"))),
        int(now("order")),
    )  # fmt: skip


def named(label: str, spoken: str, names: Mapping[str, Any] | None = None) -> str:
    """A label in the reader's language, where the model's configuration has its names; of the samples without any."""
    return named_label(label, spoken, run.names() if names is None else names)


def read(request: Request, picture: Picture) -> Trace:
    """What the model does with the picture, kept for everyone who asks the same. Raises `AttnvizError`."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        return _looked(request, language(), picture)


@runs.kept
def _looked(request: Request, spoken: str, _picture: Picture) -> Trace:
    """The same, its labels in a language; `_picture` is the one of the request's fingerprint."""
    from attnviz.recording.record import record

    model, seen, changes = _prepared(request, _picture)
    trace = record(model, seen, rule=as_rule(request.rule), interventions=changes)
    if trace.answer is None:
        return trace
    names = getattr(model.network.config, "label_names", None) or {}
    labels = tuple(named(label, spoken, names) for label in trace.answer.labels)
    return replace(trace, answer=replace(trace.answer, labels=labels))


def _prepared(request: Request, picture: Picture) -> tuple[VisionModel, Seen, list[Intervention]]:
    """The model, the picture as it reads it, and what is changed inside the run. Raises `AttnvizError`."""
    from attnviz.core.interventions import HideToken, RemoveHeads
    from attnviz.errors import ModelError
    from attnviz.models import DetectionModel, VisionModel

    model = model_store().take(request.name)
    if not isinstance(model, VisionModel):
        raise ModelError("model_blind", model=request.name)
    if isinstance(model, DetectionModel):
        raise ModelError("model_boxes", model=request.name)
    seen = model.see(picture)
    if request.order:
        seen = seen.shuffled(request.order)
    changes: list[Intervention] = [HideToken(place) for place in run.placed(seen.axis, request.hidden)]
    changes += [RemoveHeads((head,), layers=(layer,)) for layer, head in request.without]
    return model, seen, changes


def choose_rest(trace: Trace) -> tuple[int, int | None, str]:
    """Which label is explained, against which other, and what patches are covered with."""
    assert trace.answer is not None
    values = trace.answer.values()
    best = values.topk(min(LABELS, len(values))).indices.tolist()
    linked = [number for name in ("explain", "against") if 0 <= (number := int(now(name))) < len(values)]
    shown = dict.fromkeys([*best, *linked])
    names = {one: f"{plain(trace.answer.labels[one])} · {float(values[one]):.1%}" for one in shown}
    label, against = choose_explained(KEY, names, best[0])
    return label, against, choose_covered(KEY, "picture")


def rest_of(
    request: Request, picture: Picture, about: tuple[int, int | None, str], tell: work.Tell, stop: work.Halted
) -> Attributions:  # fmt: skip
    """Every way of reading one answer, held to what happens when patches are covered. Raises `AttnvizError`."""
    from attnviz.experiments.reading.pictured import SHOWN, Wanted, seen_to_rest
    from attnviz.recording.gradients import Logit

    model, seen, changes = _prepared(request, picture)
    label, against, held = about
    beside = run.sample(another(run.samples(), picture.name))  # what patches may be covered with
    wanted = Wanted(
        Logit(0, label, against), 0, [*SHOWN, held], as_rule(request.rule), beside, changes, stop=stop, on_runs=tell,
    )  # fmt: skip
    return seen_to_rest(model, seen, wanted)


def model_of(name: str) -> Model:
    """The chosen model; while it loads, what is loaded and how far it is. Raises `ModelError`."""
    return open_model(name)


def choose_part(trace: Trace) -> Trace:
    """Which of several maps, of a model that looks in stages (Swin)."""
    if len(trace.parts) == 1:
        return trace
    if now("part") not in trace.parts:
        st.session_state[KEY + "part"] = trace.part
    chosen = st.segmented_control(
        t("seeing.part"), sorted(trace.parts), key=KEY + "part", required=True, wrap=True, help=t("seeing.part_help")
    )
    return trace.map(str(chosen or trace.part))


def choose_map(trace: Trace) -> tuple[int, int]:
    """One head, the mean of its layer, of all, or rollout; which layer and head."""
    view = choose_one(
        PARAMS["view"], VIEWS, t("seeing.view"), lambda name: t(f"seeing.view_{name}"), t("seeing.view_help")
    )
    off = {"head": (), "layer": ("head",), "all": ("layer", "head"), "rollout": ("layer", "head")}[view]
    return choose_head(trace, KEY, off=off)


def choose_changes(head: tuple[int, int]) -> None:
    """Take the open head away, shuffle the patches, leave special places out; and take changes back."""
    without = run.pairs(str(now("without")))
    gone = head in without
    with st.container(horizontal=True, gap="small"):
        st.toggle(t("seeing.specials"), key=KEY + "specials", help=t("seeing.specials_help"))
        st.button(
            t("seeing.give_back" if gone else "seeing.remove", layer=head[0], head=head[1]), key=KEY + "remove",
            on_click=_remove, args=(head,), help=t("seeing.remove_help"),
        )  # fmt: skip
        st.button(t("seeing.shuffle"), key=KEY + "shuffle", on_click=_shuffle, help=t("seeing.shuffle_help"))
        if now("order"):
            st.button(t("seeing.in_order"), key=KEY + "in_order", on_click=CLICKS.put, args=("order", 0))
        if without:
            st.button(
                t("seeing.all_heads", count=len(without)),
                key=KEY + "heads_back",
                on_click=CLICKS.put,
                args=("without", ""),
            )
        if now("hidden"):
            st.button(t("seeing.show_all"), key=KEY + "show_all", on_click=CLICKS.put, args=("hidden", ""))


def _remove(head: tuple[int, int]) -> None:
    """Take a head away, or give it back."""
    CLICKS.put("without", with_or_without(run.pairs(str(now("without"))), head))


def _shuffle() -> None:
    """Another order of the patches."""
    CLICKS.put("order", int(now("order")) % MOST_ORDERS + 1)


def take_pasted() -> None:
    """A picture was pasted, anywhere on the page."""
    if found := CLICKS.heard("pasted"):
        pictures().paste(found)
