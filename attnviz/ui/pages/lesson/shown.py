"""What the first lesson shows: where a step stands in the block, its picture, its question and the model's answer."""

from __future__ import annotations

from functools import cache

import streamlit as st

from attnviz.ui.kit import address, asset, style_now, t
from attnviz.ui.pages.lesson import choices
from attnviz.ui.pages.lesson.pictures import PICTURES, TRIALS
from attnviz.ui.pages.lesson.questions import QUESTIONS, Question
from attnviz.ui.pages.lesson.run import Asked

PARTS = ("embedding", "qkv", "weights", "heads", "joined", "output", "word")  # of the block, in their order
HERE = ((0,), (1,), (2,), (3, 4), (5, 6))  # the parts that each step speaks of
APP, MAP = "pages/attention.py", "pages/family.py"


def draw_way() -> None:
    """The steps to choose among, and the way out; Back undoes each."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            t("lesson.steps"), choices.STEPS, key=choices.KEY + "step", required=True, wrap=True,
            label_visibility="collapsed",
        )  # fmt: skip
        leave = st.button(t("lesson.skip"), key=choices.KEY + "skip", icon=":material/skip_next:", type="tertiary")
    if leave:
        st.switch_page(APP, query_params={"lang": address.now().get("lang", "")})


def draw_block(asked: Asked | None) -> None:
    """The whole block, with the parts filled that this step speaks of."""
    from attnviz.figures.teaching.block import Part, block

    heads, layers = (asked.trace.n_heads, asked.trace.n_layers) if asked else (4, 4)
    names = [t(f"lesson.part_{name}", heads=heads, layers=layers) for name in PARTS]
    here = HERE[choices.step_now() - 1]
    alt = t("lesson.alt_block", parts=" → ".join(names), here=t("lesson.comma").join(names[at] for at in here))
    parts = [Part(name, heads if key == "heads" else 1) for name, key in zip(names, PARTS, strict=True)]
    st.html(block(parts, here, alt, style_now()))


def draw_step(asked: Asked) -> None:
    """Two sentences, a question, the picture, the answer once somebody has guessed, and one thing to try."""
    step = choices.step_now()
    head, about = t(f"lesson.name_{step}"), {"width": asked.trace.attention(0).queries.shape[-1]}
    st.html(f"<h2 id='lesson-step' tabindex='-1' style='font-size:1.25rem;padding:0;margin:0'>{step}. {head}</h2>")
    st.markdown(t(f"lesson.say_{step}", **asked.names, **about, layers=asked.trace.n_layers))
    question, answer = QUESTIONS[step - 1](asked), choices.answer_now(step)
    known = answer is not None
    st.markdown(f"**{question.asks}**")
    _offer(step, question, answer)
    if answer is not None:
        _tell(question, answer)
    PICTURES[step - 1](asked, known)
    if known:
        with st.container(border=True, key=choices.KEY + "try"):
            st.markdown(t("lesson.try"))
            TRIALS[step - 1](asked)


def say_alone() -> None:
    """A sentence of one token has nobody to ask."""
    st.info(t("lesson.alone"), icon=":material/info:")


def _offer(step: int, question: Question, answer: int | None) -> None:
    """A button for each answer, the given one marked; and one for those who would rather look."""
    with st.container(horizontal=True, key=choices.KEY + "options", gap="small"):
        for option, name in (*question.options, (choices.SHOW, t("lesson.show"))):
            st.button(
                name, key=f"{choices.KEY}{step}.{option}", on_click=choices.give, args=(step, option),
                type="primary" if option == answer else "tertiary" if option == choices.SHOW else "secondary",
            )  # fmt: skip


def _tell(question: Question, answer: int) -> None:
    """Right or not, and what the model does."""
    if answer == question.right:
        st.success(f"{t('lesson.right')} {question.said}", icon=":material/check:")
    elif answer in dict(question.options):
        st.info(
            f"{t('lesson.other', guess=dict(question.options)[answer])} {question.said}", icon=":material/lightbulb:"
        )
    else:
        st.info(question.said, icon=":material/lightbulb:")


def draw_ends() -> None:
    """To the step before and the next; after the last to the map."""
    step = choices.step_now()
    with st.container(horizontal=True):
        if step > choices.STEPS[0]:
            st.button(t("lesson.back"), key=choices.KEY + "back", on_click=choices.go, args=(step - 1,))
        if step < choices.STEPS[-1]:
            st.button(t("lesson.next"), key=choices.KEY + "next", type="primary", on_click=choices.go, args=(step + 1,))
        elif st.button(t("lesson.to_map"), key=choices.KEY + "map", type="primary", icon=":material/account_tree:"):
            st.switch_page(MAP, query_params={"lang": address.now().get("lang", "")})
    _component()(key=choices.KEY + "focus", data={"step": step})


@cache  # one component with its script: 1 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component("attnviz_lesson", html="<span></span>", js=asset("pages/lesson/step.js"))
