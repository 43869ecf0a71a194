"""A model of the Hub or a folder that reads a picture and a text: what it is asked, what it writes, where it looked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    SOFT,
    Param,
    PictureClicks,
    Pictures,
    RuleChoice,
    Selection,
    as_rule,
    asset,
    bar_cell,
    between,
    cell_table,
    choose_any_model,
    choose_head,
    choose_one,
    choose_rule,
    draw_heatmap,
    model_store,
    offer_file,
    one_of,
    open_model,
    page,
    picture_address,
    plain,
    rule_now,
    rule_title,
    runs,
    say_notes,
    style_now,
    t,
    take_away,
    weights_sent,
)
from attnviz.ui.pages.captions import rows, scenes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from attnviz.pictures import Picture
    from attnviz.recording.things.towers import PatchText
    from attnviz.trace import Trace
    from attnviz.ui.pages.captions.rows import Compared, Words

KEY = "captions.beside."
BUILT_IN = "words"
VIEWS = ("all", "layer", "head")
BIG, BAR = 520, 6  # pixels of the picture's width; rem of a share of 1


def _sample(text: str) -> str:
    """A reader of one of the scenes to try."""
    return one_of(*scenes.samples())(text)


PARAMS = {
    "by": Param("by", KEY + "model", BUILT_IN, str),
    "picture": Param("picture", KEY + "sample", scenes.SAMPLE, _sample),
    "path": Param("file", KEY + "path", "", str),
    "question": Param("ask", KEY + "question", "", str),
    "most": Param("most", KEY + "most", 12, between(1, 60, int)),
    "view": Param("view", KEY + "view", "all", one_of(*VIEWS)),
    "layer": Param("layer", KEY + "layer", 0, between(0, 999, int)),
    "head": Param("head", KEY + "head", 0, between(0, 999, int)),
    "token": Param("token", KEY + "token", None, between(0, 99_999, int)),
}
CLICKS = PictureClicks(KEY, "view")


@dataclass(frozen=True)
class Request:
    """One run as caches know it: the picture by its fingerprint, the question, how many tokens at most, the rule."""

    name: str
    picture: str
    question: str
    most: int
    rule: RuleChoice = SOFT


def now(name: str) -> Any:
    """What is chosen, by its name in PARAMS."""
    return st.session_state[PARAMS[name].key]


@cache  # two components with their scripts: at most 30 kB
def component(name: str, script: str):  # type: ignore[no-untyped-def]
    """The canvas of the scene ("maker"), or the words that light up the picture ("captions")."""
    return st.components.v2.component(
        f"attnviz_{name}", html=f'<div class="{name}"></div>', css=asset("pages/captions/captions.css"),
        js=asset("kit/pictures/picture.js") + asset(f"pages/captions/{script}.js"),
    )  # fmt: skip


def choose_model() -> str:
    """In the sidebar: the models that come with the project, any Hub id or folder."""
    with st.sidebar:
        titles = {BUILT_IN: t("captions.built_in")}
        return choose_any_model(KEY + "model", titles, _forget, start=BUILT_IN, about=t("captions.beside_help"))


def _forget() -> None:
    """What belonged to the other words."""
    st.session_state[KEY + "token"] = None


def pictures() -> Pictures:
    """How the picture is chosen: a scene, a file, the camera's, one pasted."""
    return Pictures(
        KEY, _samples, scenes.sample, t("captions.beside_samples"), t("captions.beside_samples_help"), _forget
    )


def _samples() -> dict[str, str]:
    """Scenes to try, each seen small."""
    return {text: f"![]({picture_address(scenes.sample(text))})" for text in scenes.samples()}


def take_pasted() -> None:
    """A picture was pasted, anywhere on the page."""
    if found := CLICKS.heard("pasted"):
        pictures().paste(found)


def show(name: str) -> None:
    """The whole page for a model from elsewhere."""
    with st.sidebar:
        choose_rule()
    page.how_it_works("captions", "captions.how")
    left, right = st.columns([4, 8], gap="medium")
    with page.reader_errors():
        with left:
            verdict = st.container()
            picture = pictures().choose()
            say_notes(picture)
            _choose_question()
            length = st.container()
        model = open_model(name)
        request = Request(name, picture.fingerprint, str(now("question")).strip(), int(now("most")), rule_now())
        if getattr(model, "texts", None) or getattr(model, "silent", None):
            return _show_towers(request, picture, verdict, right)
        with length:
            st.slider(t("captions.most"), 1, 60, key=KEY + "most", help=t("captions.most_help"), on_change=_forget)
        trace = read(request, picture)
        with verdict:
            _say(trace, request)
        with right:
            place = st.container()
            head = _choose_map(trace)
            words = _words(request, str(now("view")), *head, trace)
            with place:
                _draw(picture, trace, words)
            _shares(trace, words)
            _numbers(trace, head)


def _show_towers(request: Request, picture: Picture, verdict: Any, right: Any) -> None:
    """The rest of the page for a model of two towers: a text, and how alike each patch is to it."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        found = _alike(replace(request, most=0), picture)
    with right:
        place = st.container()
        head = _choose_map(found.trace)
        compared = rows.compared(found, str(now("view")), *head)
        with verdict:
            _say_alike(found, compared, request)
        with place:
            _draw_towers(picture, request, compared)
        offer_file(
            "csv",
            t("captions.towers_name"),
            rows.cosine_table(found).encode,
            KEY + "cosines_",
            t("captions.towers_csv"),
        )
        _numbers(found.trace, head)


@runs.kept
def _alike(request: Request, _picture: Picture) -> PatchText:
    """The patches and the text; `_picture` is the one of the request's fingerprint. Raises `AttnvizError`."""
    from attnviz.recording.things.towers import patch_text

    return patch_text(model_store().take(request.name), _picture, request.question, rule=as_rule(request.rule))


def _say_alike(found: PatchText, compared: Compared, request: Request) -> None:
    """First of all: how alike picture and text are as a whole, where most, and that this is no attention."""
    (most, high), (least, low) = compared.most, compared.least
    said = t(
        "captions.towers_says", model=plain(request.name), text=plain(found.text.text), whole=f"{compared.whole:.3f}",
        most=most, high=f"{high:.3f}", least=least, low=f"{low:.3f}",
    )  # fmt: skip
    st.markdown(said)
    st.caption(t("captions.towers_no_attention"))


def _draw_towers(picture: Picture, request: Request, compared: Compared) -> None:
    """The picture lit by the cosines, and beside it where the class token of the tower looked."""
    (most, high), (least, low) = compared.most, compared.least
    text = t(
        "captions.towers_look", text=request.question, most=most, high=f"{high:.3f}", least=least, low=f"{low:.3f}"
    )
    panels = [_panel("captions.towers_panel", [(request.question, True, text)], compared.light)]
    if compared.looks is not None:
        look = t("captions.towers_class_look")
        panels.append(_panel("captions.towers_class", [("[CLS]", True, look)], compared.looks))
    _draw_panels(picture, compared.boxes, panels, 0, BIG // 2)
    st.caption(t("captions.towers_colours"))


def _draw_panels(
    picture: Picture, boxes: list[list[float]], panels: list[dict[str, Any]], picked: int, big: int
) -> None:
    """The picture, once for each panel; pointing asks no server."""
    component("captions", "words")(
        key=KEY + "picture",
        data={
            "image": picture_address(picture), "width": picture.width, "height": picture.height, "boxes": boxes,
            "things": [], "picked": picked, "big": big, "pastes": True, "panels": panels,
            "words": {"label": t("captions.words_label"), "tiles": t("captions.tiles")},
        },
        on_picked_change=partial(CLICKS.take_number, "picked", "token"), on_pasted_change=take_pasted,
    )  # fmt: skip


def _panel(title: str, words: list[tuple[str, bool, str]], weights: NDArray[np.float32]) -> dict[str, Any]:
    """One picture lit by the rows of some words: each with its text, whether the model wrote it, and how it looked."""
    sent = [
        {"text": text, "mark": "names" if new else "end", "says": "", "of": None, "look": look}
        for text, new, look in words
    ]
    return {"title": t(title), "words": sent, "weights": weights_sent(weights), "chances": None}


def _choose_question() -> None:
    """What the model is asked, or compares the picture with."""
    st.text_input(
        t("captions.question"), key=KEY + "question", help=t("captions.question_help"), on_change=_forget,
        placeholder=t("captions.question_placeholder"),
    )  # fmt: skip


def read(request: Request, picture: Picture) -> Trace:
    """What the model writes, kept for everyone who asks the same. Raises `AttnvizError`."""
    with st.spinner(t("running", model=plain(request.name)), show_time=True):
        return _written(request, picture)


@runs.kept
def _written(request: Request, _picture: Picture) -> Trace:
    """The same; `_picture` is the one of the request's fingerprint."""
    from attnviz.errors import ModelError
    from attnviz.models import VisionLanguageModel
    from attnviz.recording.generate import generate

    model = model_store().take(request.name)
    if not isinstance(model, VisionLanguageModel):
        raise ModelError("picture_beside", model=request.name)
    return generate(
        model, request.question or None, picture=_picture, most=request.most, rule=as_rule(request.rule)
    )  # fmt: skip


@runs.kept
def _words(request: Request, view: str, layer: int, head: int, _trace: Trace) -> Words:
    """Where each word looked by a map; `_trace` is the one of the request. A click on a word asks for it again."""
    return rows.words(_trace, view, layer, head)


@runs.kept
def _mean_shares(request: Request, _trace: Trace) -> tuple[float, ...]:
    """The shares of picture, prompt and answer in what was written, in all heads."""
    return rows.mean_shares(_trace)


def _say(trace: Trace, request: Request) -> None:
    """First of all: what it says, and how much of its weight lay on the picture."""
    how = plain(rule_title(as_rule(request.rule)))
    said = t("captions.beside_says", model=plain(request.name), how=how, said=plain(rows.said(trace)) or "–")
    st.markdown(said + " " + _share(trace, request))


def _share(trace: Trace, request: Request) -> str:
    """How much of the weight of what was written went to the picture, in all heads; how BLIP's words look."""
    if trace.part == "self":
        picture, prompt, answer = (f"{share:.0%}" for share in _mean_shares(request, trace))
        places = len(getattr(trace.keys, "pictured", ()))
        return t(
            "captions.beside_row", picture=picture, prompt=prompt, answer=answer, places=places, tokens=len(trace.keys)
        )  # fmt: skip
    return t("captions.beside_asks" if "asked" in trace.parts else "captions.beside_across")


def _choose_map(trace: Trace) -> tuple[int, int]:
    """One head, the mean of its layer or of all; which layer and head."""
    view = choose_one(PARAMS["view"], VIEWS, t("captions.view"), lambda name: t(f"captions.view_{name}"))
    return choose_head(trace, KEY, off={"head": (), "layer": ("head",), "all": ("layer", "head")}[view])


def _draw(picture: Picture, trace: Trace, words: Words) -> None:
    """The words of prompt and answer, the picture lit where the chosen one looked, every word small beside it."""
    cells, weights = rows.laid(trace, words, (picture.width, picture.height))
    token = now("token")
    picked = words.first if token is None else min(int(token), len(words.texts) - 1)
    looks = [_look(words, number) for number in range(len(words.texts))]
    shown = [*zip(words.texts, words.written, looks, strict=True)]
    _draw_panels(picture, cells, [_panel("captions.beside_panel", shown, weights)], picked, BIG)
    st.caption(t("captions.beside_colours"))


def _look(words: Words, number: int) -> str:
    """Where a word looked, in a sentence."""
    most = t("captions.comma").join(f"{name} {weight:.3f}" for name, weight in words.most[number])
    word = words.texts[number]
    if words.shares:
        picture, prompt, answer = (f"{share:.0%}" for share in words.shares[number])
        return t("captions.beside_look", word=word, picture=picture, prompt=prompt, answer=answer, most=most)
    key = "captions.beside_through" if words.through[number] else "captions.beside_look_across"
    return t(key, word=word, most=most)


def _shares(trace: Trace, words: Words) -> None:
    """The shares of picture, prompt and answer in each word that was written."""
    table = [
        (words.texts[number], [bar_cell(share, "after", BAR) for share in shares])
        for number, shares in enumerate(words.shares)
        if words.written[number]
    ]
    if table:
        heads = ("word", "picture", "prompt", "answer")
        st.html(cell_table([t(f"captions.col_{name}") for name in heads], table))


def _numbers(trace: Trace, head: tuple[int, int]) -> None:
    """The open head as a map of numbers, and what can be taken away."""
    selection, style = Selection(*head, query=len(trace.tokens) - 1), style_now("row", 460)
    with st.expander(t("captions.numbers", model=plain(trace.model))):
        draw_heatmap(trace, selection, style, key=KEY + "map")
        take_away(trace, selection, style, chart=KEY + "map")
