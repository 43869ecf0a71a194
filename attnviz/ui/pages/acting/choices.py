"""What the page on acting asks: a task and its world, whose weights are shown, what a person does and changes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.ui.kit import (
    PLACES,
    RULE_PARAMS,
    SOFT,
    Param,
    PictureClicks,
    between,
    choose_one,
    choose_rule,
    find,
    flag,
    matching,
    numbers_of,
    offer_samples,
    one_of,
    page,
    rule_now,
    t,
)
from attnviz.ui.pages.acting import run
from attnviz.ui.pages.acting.run import ASKED, EDITS, LANES, MOVES, TASKS, UNSEEN, Request

KEY = "acting."
LAST_SEED, HEADS = 9_999, 8
BY = ("cells", "return")  # who plays DoorKey: one that looks at cells, or one that is asked for a return
SAMPLES = ("doorkey 8 3", "doorkey 6 1", "return 8 3", "goto 8 4", "fetch 8 2", "open 8 1", "putnext 8 5")
BLIND = ("", *dict.fromkeys(part for parts in (*LANES.values(), UNSEEN) for part in parts))
WORDS = re.compile(r"([a-z]{3,6}\.[a-z]{3,4})?")  # red.ball


def _number(text: str) -> int:
    """A reader of any number: what is none, or out of range, is told on the page."""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else -1


def _number_or_none(text: str) -> int:
    """A reader of any number, also below 0: 1 for what is none."""
    return int(text) if re.fullmatch(r"-?\d{1,9}", text) else 1


PARAMS = {
    **RULE_PARAMS,
    "task": Param("task", KEY + "task", TASKS[0], one_of(*TASKS)),
    "by": Param("by", KEY + "by", BY[0], one_of(*BY)),
    "asked": Param("asked", KEY + "asked", -20, _number_or_none),
    "size": Param("size", KEY + "size", 8, _number),
    "seed": Param("seed", KEY + "seed", 3, _number),
    "unseen": Param("unseen", KEY + "unseen", False, flag),
    "what": Param("what", KEY + "what", "", str),
    "beside": Param("beside", KEY + "beside", "", str),
    "edits": Param("edits", KEY + "edits", "", str),
    "moves": Param("moves", KEY + "moves", "", str),
    "held": Param("mine", KEY + "held", False, flag),
    "folder": Param("folder", KEY + "own.folder", "", str),
    **{f"own_{name}": Param(f"own_{name}", KEY + f"own.{name}", 0, between(0, 999, int)) for name in ("layer", "head")},
    "since": Param("since", KEY + "since", 0, between(0, run.MOST - 1, int)),
    "hidden": Param("hidden", KEY + "hidden", "", matching(PLACES)),
    "blind": Param("blind", KEY + "blind", "", one_of(*BLIND)),
    "of": Param("of", KEY + "of", -1, between(-1, HEADS - 1, int)),
    "without": Param("without", KEY + "without", "", matching(re.compile(r"(\d\.\d(-\d\.\d)*)?"))),
    "layer": Param("layer", KEY + "layer", 0, between(0, HEADS - 1, int)),
    "head": Param("head", KEY + "head", -1, between(-1, HEADS - 1, int)),
    "step": Param("step", KEY + "step", 0, between(0, run.MOST, int), slides=True),
}
CLICKS = PictureClicks(KEY, "head")
DONE = ("edits", "moves", "held", "step")  # what a person did in one world belongs to no other
INSIDE = ("since", "hidden", "blind", "of", "without")


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


def _forget(*names: str) -> None:
    for name in names:
        CLICKS.put(name, PARAMS[name].default)


def other_world() -> None:
    """Another world: what was done in the old one is gone, and its words are its own."""
    _forget(*DONE, "hidden", "since", "what", "beside")


def other_task() -> None:
    """Another task: what is hidden by name may not be there."""
    other_world()
    _forget("blind", "unseen", "without", "of")


def choose_task() -> None:
    """In the sidebar the rule; on the page the task."""
    with st.sidebar:
        choose_rule()
    page.how_it_works("acting")
    choose_one(
        PARAMS["task"], TASKS, t("acting.task"), lambda name: t(f"acting.task_{name}"), t("acting.task_help"),
        other_task,
    )  # fmt: skip
    if now("task") == "doorkey":
        st.segmented_control(
            t("acting.by"), BY, key=KEY + "by", required=True, wrap=True, help=t("acting.by_help"),
            on_change=other_task,
            format_func=lambda name: t(f"acting.by_{name}"), width="stretch",
        )  # fmt: skip


def choose_world() -> Request:
    """How large, which seed, which mission; and samples. Raises `AttnvizError` where a mission cannot be."""
    task = str(now("task"))
    sizes = run.sizes(task)
    _say_range("size", sizes[0], sizes[-1], sizes[-1])
    _say_range("seed", 0, LAST_SEED, int(PARAMS["seed"].default or 0))
    first, second, third = st.columns([4, 4, 5], gap="small", vertical_alignment="bottom")
    with first:
        st.selectbox(t("acting.size"), sizes, key=KEY + "size", on_change=other_world)
    with second:
        st.number_input(t("acting.seed"), 0, LAST_SEED, key=KEY + "seed", on_change=other_world)
    with third:
        st.button(
            t("acting.another"), key=KEY + "another", on_click=_another, icon=":material/casino:", width="stretch"
        )
    offer_samples(
        KEY + "sample", SAMPLES, _take_sample, label=t("acting.samples"), wrap=True,
        format_func=lambda text: t(f"acting.sample_{text.split()[0]}_{text.split()[1]}"),
    )  # fmt: skip
    return _choose_mission(Request(task, int(now("size")), int(now("seed")), asked=_choose_asked(task)))


def _choose_asked(task: str) -> int:
    """The return to ask for; 0 where nobody is asked for one."""
    if task != "doorkey" or now("by") != BY[1]:
        return 0
    _say_range("asked", *ASKED, int(PARAMS["asked"].default or 0))
    st.slider(t("acting.asked"), *ASKED, key=KEY + "asked", help=t("acting.asked_help"))
    st.caption(t("acting.asked_say", steps=-int(now("asked"))))
    return int(now("asked"))


def _say_range(name: str, first: int, last: int, start: int) -> None:
    """A number of the link that there is not: one sentence, and the usual one."""
    if not first <= int(now(name)) <= last:
        find(PARAMS[name].key, start)
        st.warning(t(f"acting.range_{name}", first=first, last=last, start=start), icon=":material/info:")


def _another() -> None:
    """The next seed."""
    CLICKS.put("seed", (int(now("seed")) + 1) % (LAST_SEED + 1))
    other_world()


def _take_sample(text: str) -> None:
    task, size, seed = text.split()
    by = BY[1] if task == BY[1] else BY[0]
    for name, value in (
        ("task", task if task in TASKS else TASKS[0]),
        ("size", int(size)),
        ("seed", int(seed)),
        ("by", by),
    ):
        CLICKS.put(name, value)
    other_task()
    _forget(*INSIDE)


def _choose_mission(request: Request) -> Request:
    """The words of the mission, from the things that are there; of DoorKey there is but one."""
    if request.task == "doorkey":
        return request
    st.toggle(t("acting.unseen"), key=KEY + "unseen", help=t("acting.unseen_help"), on_change=other_world)
    request = replace(request, unseen=bool(now("unseen")))
    scene = run.world(request)
    asked = [".".join(pair) for pair in scene.mission.wanted]
    there = [one for one in run.nameable(scene) if one not in asked]
    left, right = st.columns(2, gap="small")
    with left:
        what = _choose_thing("what", asked[0], [*asked[:1], *there, *asked[1:]])
    beside = ""
    if request.task == "putnext":
        with right:
            beside = _choose_thing("beside", asked[1], [one for one in [*asked[1:], *there, *asked[:1]] if one != what])
    own = what == asked[0] and beside in ("", asked[-1])
    return request if own else replace(request, what=what, beside=beside)


def _choose_thing(name: str, own: str, options: list[str]) -> str:
    """One thing of the room; one of a link that is not there is told, and is the room's own."""
    key = PARAMS[name].key
    asked, start = str(now(name) or ""), own if own in options else options[0]
    if asked and asked not in options:
        st.warning(t("acting.no_such_thing"), icon=":material/info:")
    if asked not in options:
        find(key, start)
    st.selectbox(t(f"acting.{name}"), options, key=key, format_func=thing_name, on_change=_forget, args=DONE)
    return str(now(name))


def thing_name(thing: str) -> str:
    """A colour and a kind, in the reader's language."""
    colour, _, kind = thing.partition(".")
    return t("acting.thing", colour=t(f"acting.colour_{colour}"), kind=t(f"acting.kind_{kind}"))


def asked(request: Request) -> Request:
    """The episode as it is chosen. What a link says of a person's acts and cannot be is told, and left out."""
    own = replace(request, edits=run.edits_of(_fitting("edits", EDITS)), moves=_fitting("moves", MOVES))
    own = replace(own, held=bool(now("held")) and bool(own.moves))
    return _inside(_possible(own))


def _fitting(name: str, pattern: re.Pattern[str]) -> str:
    """What a link says, where it is written as it should be; else one sentence."""
    said = str(now(name) or "")
    if pattern.fullmatch(said):
        return said
    _forget(name)
    st.warning(t("acting.not_readable"), icon=":material/info:")
    return ""


def _possible(request: Request) -> Request:
    """The same without what a person did, where that cannot be; a sentence says why."""
    problem = st.session_state.pop(KEY + "problem", None)
    try:
        run.play(request)
    except AttnvizError as error:
        _forget(*DONE)
        request, problem = request.untouched, error
    if problem is not None:
        page.tell(problem)
    return request


def _inside(request: Request) -> Request:
    """With what is changed inside the agent; what this world or agent does not have counts for nothing."""
    heads, of, blind = run.heads(request), int(now("of")), str(now("blind") or "")
    cells = 0 if request.decides else request.size**2
    found = replace(
        request, since=int(now("since")), rule=rule_now(),
        without=tuple(one for one in _gone() if one in heads),
        hidden=tuple(cell for cell in numbers_of(str(now("hidden"))) if cell < cells),
        blind=blind if blind in run.can_hide(request) else "",
        of=(of,) if (0, of) in heads and not request.decides else (),
    )  # fmt: skip
    return found if found.inner else replace(found, since=0, of=())


def _gone() -> list[tuple[int, int]]:
    """The heads that are taken away: layer and number."""
    found = (one.split(".") for one in str(now("without")).split("-") if one)
    return [(int(layer), int(head)) for layer, head in found]


def choose_inside(request: Request, steps: int) -> None:
    """What is hidden, and from which heads; which heads are taken away; from which step on."""
    heads = run.heads(request)
    with st.expander(t("acting.inside"), expanded=bool(request.inner)):
        left, right = st.columns(2, gap="small")
        with left:
            options = ("", *run.can_hide(request))
            if now("blind") not in options:
                find(KEY + "blind", "")
            st.selectbox(
                t("acting.blind"), options, key=KEY + "blind",
                help=t("acting.unseen_tokens_help" if request.decides else "acting.blind_help"),
                format_func=lambda part: t(f"acting.part_{part}") if part else t("acting.nothing"),
            )  # fmt: skip
        if not request.decides:
            with right:
                st.selectbox(
                    t("acting.of"), (-1, *(head for _, head in heads)), key=KEY + "of",
                    format_func=lambda head: t("acting.all_heads") if head < 0 else t("acting.head", head=head),
                )  # fmt: skip
        _choose_heads(heads)
        _choose_since(steps)
        if request.changed:
            st.button(t("acting.as_before"), key=KEY + "as_before", icon=":material/undo:", on_click=_undo)


def head_name(one: tuple[int, int], many: bool) -> str:
    """A head, with its layer where there are several."""
    return t("acting.head_of", layer=one[0], head=one[1]) if many else t("acting.head", head=one[1])


def _choose_heads(heads: tuple[tuple[int, int], ...]) -> None:
    """Which heads bring nothing."""
    many = heads[-1][0] > 0
    st.session_state[KEY + "gone"] = [one for one in _gone() if one in heads]
    st.pills(
        t("acting.heads"), heads, key=KEY + "gone", selection_mode="multi", on_change=_take_gone,
        format_func=lambda one: head_name(one, many), help=t("acting.heads_help"),
    )  # fmt: skip


def _take_gone() -> None:
    CLICKS.put("without", "-".join(f"{layer}.{head}" for layer, head in sorted(st.session_state[KEY + "gone"])))


def _choose_since(steps: int) -> None:
    """All this from the start on, or from the step that stands in the picture."""
    step, since = min(int(now("step")), steps), int(now("since"))
    options = sorted({0, since, step})
    if len(options) == 1:
        return
    st.segmented_control(
        t("acting.since"), options, key=KEY + "since", required=True, wrap=True, help=t("acting.since_help"),
        format_func=lambda one: t("acting.since_step", step=one) if one else t("acting.since_start"),
    )  # fmt: skip


def _undo() -> None:
    """The agent alone in its own world again."""
    _forget(*DONE, *INSIDE)
    st.session_state[RULE_PARAMS["family"].key] = SOFT.name
    st.session_state[RULE_PARAMS["temperature"].key] = SOFT.number


def choose_view(request: Request) -> tuple[int, int | None]:
    """A layer, and the mean of its heads (None) or one of them."""
    heads = run.heads(request)
    layers, many = heads[-1][0] + 1, heads[-1][1] + 1
    for name, count, usual in (("layer", layers, 0), ("head", many, -1)):
        if int(now(name)) >= count > 1:
            find(KEY + name, usual)
    if layers > 1:
        st.segmented_control(
            t("acting.layers"), range(layers), key=KEY + "layer", required=True, wrap=True,
            label_visibility="collapsed", format_func=lambda layer: t("acting.layer", layer=layer),
        )  # fmt: skip
    st.segmented_control(
        t("acting.view"), [-1, *range(many)], key=KEY + "head", required=True, wrap=True, label_visibility="collapsed",
        format_func=lambda head: t("acting.view_mean") if head < 0 else t("acting.head", head=head), width="stretch",
    )  # fmt: skip
    return int(now("layer")) if layers > 1 else 0, int(now("head")) if int(now("head")) >= 0 else None


def take_head() -> None:
    """A tile was clicked: its head is open; clicked once more, the mean again."""
    if found := CLICKS.heard("head"):
        layer, head = map(int, found)
        again = (int(now("layer")), int(now("head"))) == (layer, head)
        CLICKS.put("layer", layer)
        CLICKS.put("head", -1 if again else head)


def take_step() -> None:
    """The step at which a person rests."""
    CLICKS.take_number("picked", "step")


def take_done() -> None:
    """A person moved, or put something elsewhere: kept where it can be; where it cannot, a sentence says why."""
    told = CLICKS.heard("done")
    if not isinstance(told, dict):
        return
    step, moves = int(told.get("step", 0)), str(told.get("moves", ""))
    edits = [one for one in str(now("edits")).split("-") if one and run.edits_of(one)[0][0] <= step]
    edits += [str(told["edit"])] if "edit" in told else []
    written = "-".join(edits)
    if not EDITS.fullmatch(written) or not MOVES.fullmatch(moves):
        return
    if _can_be(written, moves):
        for name, value in (("edits", written), ("moves", moves), ("held", bool(told.get("held"))), ("step", step)):
            CLICKS.put(name, value)
        if told.get("held") and "edit" not in told:
            start, _, letters = moves.partition(".")
            CLICKS.put("step", min(run.MOST, int(start) + len(letters)))


def _can_be(edits: str, moves: str) -> bool:
    """Can that be done in the world that stands on the page?"""
    request: Request | None = st.session_state.get(KEY + "request")
    if request is None:
        return True
    try:
        run.play(replace(request, edits=run.edits_of(edits), moves=moves))
    except AttnvizError as error:
        st.session_state[KEY + "problem"] = error
        return False
    return True
