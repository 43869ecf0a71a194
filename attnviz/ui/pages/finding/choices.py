"""What the page on detectors asks: a picture, a model, how sure, which map, and what is changed inside the run."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial
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
from attnviz.ui.pages.finding import lit, run
from attnviz.ui.pages.finding.run import Head

if TYPE_CHECKING:
    from attnviz.axes import Axis
    from attnviz.core.interventions import Intervention
    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.models import DetectionModel, Model
    from attnviz.pictures import Picture, Seen
    from attnviz.trace import Trace
    from attnviz.ui.pages.finding.told import Thing

KEY = "finding."
MEANS = ("head", "layer", "all")
HEAD = r"(cross|decoder|encoder|self)\.\d{1,3}\.\d{1,3}"
HEADS = re.compile(rf"({HEAD}(-{HEAD})*)?")  # cross.0.1-encoder.1.3
LEVEL = re.compile(r"\d{1,2}")
THUMB = 96  # pixels
ABOUT = ("score", "left", "top", "right", "bottom")  # what of a box can be explained


def _sample(text: str) -> str:
    """A reader of the name of a sample."""
    return one_of(*run.samples())(text)


PARAMS = {
    **RULE_PARAMS,
    "model": Param("model", KEY + "model", run.BUILT_IN, str),
    "sample": Param("sample", KEY + "sample", "BloodImage_00062", _sample),
    "path": Param("file", KEY + "path", "", str),
    "least": Param("least", KEY + "least", 0.4, between(0.05, 0.95, float), slides=True),
    "view": Param("view", KEY + "view", "looks", one_of(*lit.VIEWS)),
    "mean": Param("mean", KEY + "mean", "head", one_of(*MEANS)),
    "layer": Param("layer", KEY + "layer", 1, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
    "box": Param("box", KEY + "box", -1, between(-1, 99_999, int)),
    "level": Param("level", KEY + "level", "3", matching(LEVEL)),
    "place": Param("place", KEY + "place", -1, between(-1, 99_999, int)),
    "truth": Param("truth", KEY + "truth", False, flag),
    "before": Param("before", KEY + "before", True, flag),
    "hidden": Param("hidden", KEY + "hidden", "", matching(PLACES)),
    "painted": Param("painted", KEY + "painted", False, flag),
    "without": Param("without", KEY + "without", "", matching(HEADS)),
    "about": Param("about", KEY + "about", ABOUT[0], one_of(*ABOUT)),
    "held": Param("held", KEY + "held", YARDSTICKS[0], one_of(*YARDSTICKS)),
}
CLICKS = PictureClicks(KEY, "mean")


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the picture by its fingerprint, places hidden or painted over, heads removed."""

    name: str
    picture: str
    rule: RuleChoice = SOFT
    hidden: tuple[int, ...] = ()
    painted: bool = False
    without: tuple[Head, ...] = ()

    @property
    def untouched(self) -> Request:
        """The same run with nothing changed."""
        return Request(self.name, self.picture)

    @property
    def changed(self) -> bool:
        """Is anything changed?"""
        return replace(self, painted=False) != self.untouched


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def choose_model() -> str:
    """In the sidebar: the built-in model, any Hub id or folder; and the rule."""
    with st.sidebar:
        titles = {run.BUILT_IN: t("finding.model_built_in")} if shipped.has(run.BUILT_IN) else {}
        chosen = choose_any_model(KEY + "model", titles, _forget, start=run.BUILT_IN, about=t("finding.model_help"))
        choose_rule()
    page.how_it_works("finding", "finding.how")
    return chosen


def _forget() -> None:
    """What belonged to the other model's places, queries and heads."""
    CLICKS.put("without", "")
    forget_places()


def forget_places() -> None:
    """What belonged to the other picture."""
    for name in ("hidden", "box", "place"):
        CLICKS.put(name, PARAMS[name].default)


def choose_picture() -> Picture:
    """A sample, a file or the camera's picture. Raises `PictureError`."""
    return pictures().choose()


def pictures() -> Pictures:
    """How this page's picture is chosen."""
    return Pictures(KEY, _samples, run.sample, t("finding.samples"), t("finding.samples_help"), forget_places)


def _samples() -> dict[str, str]:
    """The samples, each seen small beside its number."""
    return {
        name: f"![]({picture_address(run.sample(name), THUMB)}) {number}"
        for number, name in enumerate(run.samples(), 1)
    }


def choose_least() -> float:
    """How sure the model must be of a box that is shown."""
    return st.slider(t("finding.least"), 0.05, 0.95, step=0.05, key=KEY + "least", help=t("finding.least_help"))


def asked(name: str, picture: Picture) -> Request:
    """The run as it is chosen: the rule, places hidden or painted over, heads without effect."""
    painted = bool(now("painted")) or bool(getattr(model_of(name), "samples", False))
    return Request(
        name, picture.fingerprint, rule_now(), numbers_of(str(now("hidden"))), painted,
        run.heads_of(str(now("without"))),
    )  # fmt: skip


def named(label: str, model: str) -> str:
    """A label in the reader's language, where it is one of the built-in model's; others as their model has them."""
    return named_label(label, language(), run.names()) if model == run.BUILT_IN else label


def called(thing: Thing, model: str) -> str:
    """What a query's thing is called, with the query's number."""
    if not thing.shown:
        return t("finding.query_nothing", slot=thing.slot)
    return t("finding.query", label=named(thing.label, model), slot=thing.slot)


def read(request: Request, picture: Picture) -> Trace:
    """What the model does with the picture, kept for everyone who asks the same. Raises `AttnvizError`."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        return _looked(request, picture)


@runs.kept
def _looked(request: Request, _picture: Picture) -> Trace:
    """The same; `_picture` is the one of the request's fingerprint."""
    from attnviz.recording.record import record

    model, seen, changes = _prepared(request, _picture)
    return record(model, seen, rule=as_rule(request.rule), interventions=changes)


def _prepared(request: Request, picture: Picture) -> tuple[DetectionModel, Seen, list[Intervention]]:
    """The model, the picture as it reads it, and what is changed inside the run. Raises `AttnvizError`."""
    from attnviz.core.interventions import HideToken, RemoveHeads
    from attnviz.errors import ModelError
    from attnviz.models import DetectionModel, VisionModel

    model = model_store().take(request.name)
    if not isinstance(model, VisionModel):
        raise ModelError("finder_blind", model=request.name)
    if not isinstance(model, DetectionModel):
        raise ModelError("finder_names", model=request.name)
    seen = model.see(picture)
    first = len(seen.axis.first)
    places = [place for place in request.hidden if first <= place < first + seen.axis.rows * seen.axis.columns]
    changes: list[Intervention] = []
    if request.painted:
        seen = seen.without(places)
    else:
        changes += [HideToken(place) for place in places]
    changes += [RemoveHeads((head,), layers=(layer,), part=part) for part, layer, head in request.without]
    return model, seen, changes


def choose_about(box: str) -> tuple[str, str]:
    """What of a box is explained, and what places are covered with."""
    names = {one: t(f"rests.{one}") for one in ABOUT}
    left, right = st.columns(2, gap="small")
    with left:
        st.selectbox(
            t("rests.about_box", box=box), ABOUT, key=KEY + "about", format_func=names.__getitem__,
            help=t("rests.about_box_help"),
        )  # fmt: skip
    with right:
        return str(now("about")), choose_covered(KEY, "picture")


def rest_of(
    request: Request, picture: Picture, asked: tuple[int, int, str, str], tell: work.Tell, stop: work.Halted
) -> Attributions:  # fmt: skip
    """Every way of reading what a query says, held to what happens when places are covered. Raises `AttnvizError`.

    `asked` are the query, its label, what of its box is explained, and what places are covered with.
    """
    from attnviz.experiments.reading.pictured import SHOWN, Wanted, seen_to_rest
    from attnviz.recording.gradients import BoxSide, Logit

    model, seen, changes = _prepared(request, picture)
    slot, label, about, held = asked
    wanted = Wanted(
        Logit(slot, label) if about == ABOUT[0] else BoxSide(slot, about), slot, [*SHOWN, held], as_rule(request.rule),
        run.sample(another(run.samples(), picture.name)), changes, stop=stop, on_runs=tell,
    )  # fmt: skip
    return seen_to_rest(model, seen, wanted)


def say_explained(box: str, about: str, value: float) -> str:
    """What is explained, and its number."""
    if about == ABOUT[0]:
        return t("rests.explained_box", box=box, value=f"{value:.3f}")
    return t("rests.explained_side", box=box, side=t(f"rests.{about}"), value=f"{value:.3f}")


@runs.kept
def axis_of(name: str, picture: str, _picture: Picture) -> Axis:
    """The places of a picture as a model reads it, for runs of which no map has them; `picture` is its fingerprint."""
    model: Any = model_store().take(name)
    found: Axis = model.see(_picture).axis
    return found


def model_of(name: str) -> Model:
    """The chosen model; while it loads, what is loaded and how far it is. Raises `ModelError`."""
    return open_model(name)


def choose_view(trace: Trace) -> lit.View:
    """Where queries look, which others they ask, or where places of the picture look."""
    if now("view") not in lit.views(trace):
        CLICKS.put("view", PARAMS["view"].default)
    name = choose_one(
        PARAMS["view"], lit.views(trace), t("finding.view"), lambda one: t(f"finding.view_{one}"),
        t("finding.view_help"),
    )  # fmt: skip
    levels = lit.n_levels(trace) if name == "places" else 0
    return lit.view(trace, name, _choose_level(levels) if levels else 0)


def _choose_level(count: int) -> int:
    """On which level of features the place that looks lies, counted from 0."""
    options = [str(one) for one in range(1, count + 1)]
    if now("level") not in options:
        CLICKS.put("level", options[-1])
    return int(choose_one(
        PARAMS["level"], options, t("finding.level"), str, t("finding.level_help"),
        partial(CLICKS.put, "place", PARAMS["place"].default),
    )) - 1  # fmt: skip


def choose_map(view: lit.View) -> Head:
    """One head, the mean of its layer or of all; and which map, layer and head."""
    mean = choose_one(PARAMS["mean"], MEANS, t("finding.mean"), lambda name: t(f"finding.mean_{name}"))
    off = {"head": (), "layer": ("head",), "all": ("layer", "head")}[mean]
    return (view.trace.part, *choose_head(view.trace, KEY, off=off))


def choose_beside(known: bool, changed: bool) -> tuple[bool, bool]:
    """What else is drawn: all true boxes, where they are known; the boxes before a change."""
    with st.container(horizontal=True, gap="small"):
        true = known and st.toggle(t("finding.truth"), key=KEY + "truth", help=t("finding.truth_help"))
        before = changed and st.toggle(t("finding.before"), key=KEY + "before", help=t("finding.before_help"))
    return true, before


def choose_changes(head: Head, trace: Trace) -> None:
    """Take the open head away, say what hiding means; and take changes back."""
    without = run.heads_of(str(now("without")))
    part, layer, number = head
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("finding.give_back" if head in without else "finding.remove", layer=layer, head=number),
            key=KEY + "remove", on_click=_remove, args=(head,),
            help=t("finding.remove_help", part=t(f"finding.part_{part}")),
        )  # fmt: skip
        if not lit.samples(trace):  # whose places are hidden by painting over them alone
            st.toggle(t("finding.painted"), key=KEY + "painted", help=t("finding.painted_help"))
        if without:
            st.button(
                t("finding.all_heads", count=len(without)),
                key=KEY + "heads_back",
                on_click=CLICKS.put,
                args=("without", ""),
            )
        if now("hidden"):
            st.button(t("finding.show_all"), key=KEY + "show_all", on_click=CLICKS.put, args=("hidden", ""))


def _remove(head: Head) -> None:
    """Take a head away, or give it back."""
    CLICKS.put("without", with_or_without(run.heads_of(str(now("without"))), head))


def take_pasted() -> None:
    """A picture was pasted, anywhere on the page."""
    if found := CLICKS.heard("pasted"):
        pictures().paste(found)
