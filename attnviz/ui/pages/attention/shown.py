"""What the attention page shows: its places, what it says while it works, the prediction, what more heads bought."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import (
    CHART_HEIGHT,
    MODELS,
    SOFT,
    WHY,
    Choices,
    RuleChoice,
    Selection,
    Value,
    as_rule,
    blank_position,
    bold,
    chance,
    choose,
    figure_text,
    page,
    plain,
    rule_title,
    runs,
    show_shift,
    t,
    table,
)
from attnviz.ui.pages.attention.choices import KEY

if TYPE_CHECKING:
    from attnviz.core.rules import Rule
    from attnviz.measures import Habit
    from attnviz.trace import Trace

DRAWN = KEY + "drawn"
# A sentence whose prediction a hard rule changes.
CHANGE: dict[str, Value] = {
    "text": "岳阳北站等位于该[MASK]道。", "model": "lab-4", "family": "hard", "hard": "argmax", "renormalise": True,
    "scope": "run", "blank": None, "query": 9, "key": None,
}  # fmt: skip
MOST_OF_TEXT = 24  # characters of a sentence on a button
CLEAR, MOSTLY_TEXT = 0.6, 0.5  # of its weight on the text a head gives to what it is named by; what may rest on marks
BEFORE = KEY + "before_change"  # what was chosen when the button was pressed


def way_to(name: str, now: Choices) -> Callable[[], Trace]:
    """How the run on the screen is had from its store: with the rule inside it, or with soft weights."""
    return partial(runs.trace, name, now.text, _inside(now), now.blank)


def kept_as(name: str, now: Choices) -> tuple[object, ...]:
    """The key under which the store has what is drawn of that run."""
    return runs.key_of("attention", (now.text, _inside(now), now.blank), name)


def ran(name: str, now: Choices, run: Trace) -> Callable[[RuleChoice], Trace | None]:
    """Which run is drawn under another rule? The same one where it only redraws the weights; else one that was done."""
    if now.scope != "run":
        return lambda _: run
    return lambda rule: runs.done(name, now.text, rule, now.blank)


def _inside(now: Choices) -> RuleChoice:
    """The rule that the model is run with."""
    return now.rule if now.scope == "run" else SOFT


@dataclass(frozen=True)
class Places:
    """Where each part of the page is drawn."""

    box: DeltaGenerator
    notice: DeltaGenerator
    text: DeltaGenerator
    head_pickers: DeltaGenerator
    heads: DeltaGenerator
    cell_pickers: DeltaGenerator
    cells: DeltaGenerator
    why: DeltaGenerator
    effect: DeltaGenerator
    bought: DeltaGenerator
    take: DeltaGenerator
    controls: DeltaGenerator

    @contextmanager
    def working(self, name: str) -> Iterator[None]:
        """Say what is being done while the model loads and runs; keep the places of pictures not yet drawn."""
        with ExitStack() as stack:
            with self.notice:
                stack.enter_context(st.spinner(t("running", model=plain(name)), show_time=True))
            for place in (self.heads, self.cells):
                held = place.empty()
                if DRAWN not in st.session_state:  # later the last pictures stay until the new ones are there
                    stack.enter_context(held.skeleton(height=CHART_HEIGHT))
            yield
        st.session_state[DRAWN] = True


def frame() -> Places:
    """The empty places of the page, in the order they are read."""
    box, notice, text = st.container(), st.container(), st.container()
    left, middle, side = st.columns([10, 12, 8], gap="medium")
    with left:
        head_pickers, heads = st.container(), st.container()
    with middle:
        cell_pickers, cells = st.container(), st.container()
    with side:
        why, take = st.container(key=WHY), st.container()
    effect = st.container()
    with st.sidebar:
        controls, bought = st.container(), st.container()
    page.how_it_works("attention")
    return Places(
        box, notice, text, head_pickers, heads, cell_pickers, cells, why, effect, bought, take, controls
    )  # fmt: skip


def show_blank(before: Trace, after: Trace, rule: Rule) -> None:
    """What the model says at the blank, beside the sentence it was made in: softly, and computed with the rule.

    The five likeliest tokens and their probabilities, a line for each run.
    """
    position = blank_position(before)
    if position is None:
        return
    runs_shown = [(t("before_soft"), before)]
    if after is not before:
        runs_shown.append((t("after_rule", rule=rule_title(rule)), after))
    lines = [
        [plain(name), *(f"**{plain(token)}** {chance(p)}" for token, p in run.predictions(position, top=5))]
        for name, run in runs_shown
    ]
    st.markdown(table([t("prediction_at"), *(str(place) for place in range(1, len(lines[0])))], lines))


def show_effect(before: Trace, after: Trace, rule: Rule) -> None:
    """Where the model sees words, and how far its outputs moved: softly, and computed with the rule."""
    left, right = st.columns(2, gap="medium")
    changed, position = after is not before, blank_position(before)
    with left:
        _words(before, after, rule, changed)
        if changed:
            show_shift(before, after, position)
        elif rule != as_rule(SOFT):
            st.caption(t("redraw_note"))
    with right:
        if position is None:
            st.caption(t("prediction_hint"))
        _offer_change()


def _words(before: Trace, after: Trace, rule: Rule, changed: bool) -> None:
    """The words that the word-boundary head sees, before and after."""
    if before.boundaries is None:
        return
    from attnviz.measures import words

    first = " / ".join(plain(word) for word in words(before)[:40])
    st.markdown(f"{t('words')}{t('colon')}**{first}**")
    if changed:
        second = " / ".join(plain(word) for word in words(after)[:40])
        name = plain(rule_title(rule))
        st.markdown(f"{name}{t('colon')}**{second}**" if second != first else f"{name}{t('colon')}{t('words_same')}")


def _offer_change() -> None:
    """A button that sets up a sentence whose prediction a hard rule changes; then what it set, and the way back."""
    st.button(t("try_change"), on_click=_set_change, icon=":material/swap_horiz:", type="tertiary")
    before = st.session_state.get(BEFORE)
    if before is None or st.session_state[KEY + "text"] != CHANGE["text"]:
        return
    st.caption(t("change_set"))
    back = t("change_back", text=plain(str(before["text"])[:MOST_OF_TEXT]))
    st.button(back, on_click=_take_back, icon=":material/undo:", type="tertiary", key=KEY + "change_back")


def _set_change() -> None:
    """A sentence with a blank that argmax attention in every layer fills with another word; its row is opened."""
    if st.session_state[KEY + "text"] != CHANGE["text"]:
        st.session_state[BEFORE] = {name: st.session_state.get(KEY + name) for name in CHANGE}
    _set(CHANGE)


def _take_back() -> None:
    """The sentence and all else as it was before."""
    _set(st.session_state.pop(BEFORE, None) or {})


def show_more_heads(name: str, text: str) -> None:
    """What 1, 2, 4 and 8 heads reach, and how different they are on this text."""
    st.caption(f"**{t('more_heads_title')}**", help=t("more_heads_help"))
    distances = runs.head_distances(text, MODELS)
    columns = ("col_heads", "col_masked_zh", "col_masked_en", "col_boundary", "col_distance")
    rows = []
    for model in MODELS:
        card = runs.card(model)
        figures = card.figures if card else {}
        numbers = [
            figure_text(figures.get(k)) for k in ("masked_accuracy_zh", "masked_accuracy_en", "boundary_f1_jieba")
        ]
        cells = [model.removeprefix("lab-"), *numbers, figure_text(distances[model])]
        rows.append(bold(cells, model == name))
    st.markdown(table([t(column) for column in columns], rows, "---:"))
    run = runs.trace(name, text, SOFT)
    width = run.attention(0).queries.shape[-1]
    st.caption(t("model_says", model=name, layers=run.n_layers, heads=run.n_heads, width=width))


def show_next(run: Trace, chosen: Selection, now: Choices, model: str) -> None:
    """A button for each of two or three things to try, with what it changes as its words."""
    habits = _habits(model, now.text, _inside(now), now.blank, run)
    offered = [one for one in (_head(habits, chosen), _rule(now), _blank(run, chosen, now, model)) if one]
    st.caption(t("next.title"))
    for number, (says, sets) in enumerate(offered):
        st.button(says, key=f"{KEY}next{number}", on_click=_set, args=(sets,), type="tertiary")


def _set(sets: Mapping[str, Value]) -> None:
    for name, value in sets.items():
        choose(KEY + name, value)


@runs.kept
def _habits(model: str, text: str, rule: RuleChoice, blank: int | None, _run: Trace) -> tuple[Habit, ...]:
    """What every head of a run does most; once a run, for it reads all of its weights."""
    from attnviz.measures import strongest

    return strongest([_run])


def _head(habits: Sequence[Habit], chosen: Selection) -> tuple[str, dict[str, Value]] | None:
    """The head with the clearest habit, of those that are not open; rather one that does something else."""
    found = [one for one in habits if one.share >= CLEAR and one.sink < MOSTLY_TEXT]
    open_now = (chosen.layer, chosen.head)
    own = next((one.name for one in found if (one.layer, one.head) == open_now), None)
    others = [one for one in found if (one.layer, one.head) != open_now]
    if not others:
        return None

    def clearest(one: Habit) -> tuple[bool, float]:
        return one.name != own, one.share

    best = max(others, key=clearest)
    share = f"{best.share:.0%}"
    says = t(f"next.{best.name}", layer=best.layer, head=best.head, share=share)
    return says, {"layer": best.layer, "head": best.head}


def _rule(now: Choices) -> tuple[str, dict[str, Value]]:
    """Hard where it is soft, with the model's own answer; soft again where it is not."""
    if now.rule != SOFT:
        return t("next.soft"), {"family": "soft", "temperature": 1.0}
    return t("next.hard"), {"family": "hard", "hard": "argmax", "renormalise": True, "scope": "run"}


def _blank(run: Trace, chosen: Selection, now: Choices, model: str) -> tuple[str, dict[str, Value]] | None:
    """Blank the token that asks; where there is a blank already, read it with more heads, or with one."""
    query = chosen.query
    if now.blank is None and not run.special[query] and runs.model(model).mask_id is not None:
        return t("next.blank", token=plain(run.tokens[query])), {"blank": query}
    more = "lab-1" if model == "lab-8" else "lab-8"
    return t(f"next.{more.replace('-', '_')}"), {"model": more}
