"""What the page on captions shows: what both models say, the scene with each word's look, and how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import Selection, asset, draw_heatmap, language, plain, style_now, t, take_away
from attnviz.ui.pages.captions import choices, run
from attnviz.ui.pages.captions.choices import KEY
from attnviz.ui.pages.captions.run import MODELS, Asked

if TYPE_CHECKING:
    from attnviz.systems.captions.scene import Scene
    from attnviz.trace import Trace

Said = Mapping[tuple[str, str], "Trace"]  # by model and language
LANGUAGES = ("zh", "en")
OPEN = ("word", "share", "name", "even", "most", "chance", "model", "text", "said")  # filled in by the browser
EVEN = (24 / 64) ** 2  # of the canvas, that a thing covers


def read_all(asked: Asked) -> Said:
    """What each model says in each language; nothing where nothing is on the canvas. Raises `AttnvizError`."""
    if not (asked.scene or asked.own):
        return {}
    picture = choices.picture()
    return {(name, spoken): run.read(name, asked, spoken, picture) for name in MODELS for spoken in LANGUAGES}


def scene(asked: Asked) -> Scene | None:
    """The scene that is looked at, None for a person's own picture. Raises `AttnvizError`."""
    return None if asked.own or not asked.scene else run.scene_of(asked.scene)


def say_verdict(asked: Asked, said: Said) -> None:
    """First of all: what both say, whether it is true, and how much of a name's weight lies on its thing."""
    if not said:
        st.markdown(t("captions.nothing"))
        return
    true = scene(asked)
    for name in MODELS:
        texts = {spoken: _quoted(said[name, spoken], true) for spoken in LANGUAGES}
        words = t("captions.says", model=t(f"captions.model_{name}"), **texts)
        st.markdown(words + (" " + _where(said, name, true) if true else ""))
    if true and any(trace.text != _spelled(true, spoken) for (_, spoken), trace in said.items()):
        st.caption(t("captions.truth", **{spoken: plain(_spelled(true, spoken)) for spoken in LANGUAGES}))


def _quoted(trace: Trace, true: Scene | None) -> str:
    """A sentence as it was said, and whether it is the true one, where that is known."""
    quoted = f"“{plain(trace.text)}”"
    if true is None:
        return quoted
    right = trace.text in {_spelled(true, spoken) for spoken in LANGUAGES}
    return f"{quoted} ({t('captions.right' if right else 'captions.wrong')})"


def _spelled(true: Scene, spoken: str) -> str:
    """The true sentence."""
    return ("" if spoken == "zh" else " ").join(word.text for word in true.sentence(spoken))


def _where(said: Said, name: str, true: Scene) -> str:
    """How much of the weight of the names lies inside their things."""
    from attnviz.systems.captions.system import names

    shares: list[float] = []
    for spoken in LANGUAGES:
        trace = said[name, spoken]
        weights = trace.weights(0, 0)
        of = enumerate(names(trace, true))
        shares += [float(true.inside(weights[word], number)) for word, number in of if number is not None]
    return t("captions.shares", share=f"{sum(shares) / max(1, len(shares)):.0%}", even=f"{EVEN:.1%}")


@cache  # one component with its script: at most 20 kB
def _component():  # type: ignore[no-untyped-def]
    return st.components.v2.component(
        "attnviz_captions", html='<div class="captions"></div>', css=asset("pages/captions/scene.css"),
        js=asset("pages/captions/scene.js"),
    )  # fmt: skip


def draw_scene(asked: Asked, said: Said) -> None:
    """The scene, and beside it both models with their words; pointing at a word shows its look without the server."""
    _component()(key=KEY + "picture", data=data_of(asked, said), on_scene_change=choices.take_scene)


def data_of(asked: Asked, said: Said) -> dict[str, Any]:
    """All that the browser needs."""
    true = scene(asked)
    picture = choices.picture()
    put = [] if asked.own else run.things(asked.scene)
    chosen = str(st.session_state.get(KEY + "thing") or next(iter(run.names("en"))))
    named = run.names(language())
    return {
        "image": run.address(run.canvas(asked, picture)) if said else "", "own": bool(asked.own),
        "things": [{"name": one, "left": left, "top": top} for one, left, top in put],
        "drawings": {one: run.drawing(one) for one in {chosen, *(one for one, _, _ in put)}},
        "names": {one: named[one] for one in {chosen, *(one for one, _, _ in put)}}, "chosen": chosen,
        "panels": [_panel(asked, said, name, true) for name in MODELS if said], "words": _words(),
    }  # fmt: skip


def _panel(asked: Asked, said: Said, name: str, true: Scene | None) -> dict[str, Any]:
    """One model: its sentences with where each word looked."""
    found = [_sentence(said[name, spoken], spoken, true) for spoken in LANGUAGES]
    return {"title": t(f"captions.model_{name}"), "drawn": _drawn(name, asked.look), "sentences": found}


def _drawn(name: str, look: str) -> bool:
    """Does it draw a place?"""
    return look == "drawn" or (look == "trained" and name.endswith("hard"))


def _sentence(trace: Trace, spoken: str, true: Scene | None) -> dict[str, Any]:
    """A sentence word by word: its weights, the thing that it names, the share inside, the chance of its place."""
    from attnviz.systems.captions.system import names, path, path_probability

    weights, steps = trace.weights(0, 0), path(trace)
    of = names(trace, true) if true else [None] * len(steps)
    words = [
        {
            "text": t("captions.end") if trace.special[at] else label,
            "weights": [round(float(weight), 4) for weight in weights[at]], "of": number,
            "inside": None if number is None or true is None else float(true.inside(weights[at], number)),
            "chance": steps[at].probability,
        }
        for at, (label, number) in enumerate(zip(trace.tokens, of, strict=True))
    ]  # fmt: skip
    title = t(f"captions.language_{spoken}")
    return {"language": spoken, "title": title, "words": words, "path": path_probability(steps), "text": trace.text}


def _words() -> dict[str, str]:
    """What the browser says; what stands in braces it fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN} | {"even": f"{EVEN:.1%}"}
    names = (
        "label", "label_own", "full", "covered", "picked", "empty", "word_inside", "word_looks", "word_drawn",
        "word_hit", "path", "alt",
    )  # fmt: skip
    return {name: t(f"captions.{name}", **open_) for name in names}


def show_figures() -> None:
    """How good both are on held-out scenes, in each way to look."""
    found = {name: shipped.figures(name) for name in MODELS}
    first = found[MODELS[0]]
    with st.expander(t("captions.figures")):
        words = {"count": first["scenes"], "even": f"{EVEN:.1%}", "neighbour": f"{first['neighbour']:.1%}"}
        st.caption(t("captions.figures_intro", **words))
        head = [t(f"captions.col_{one}") for one in ("kind", "model", "look", "sentence", "words", "inside")]
        rows = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        rows += [
            _row(part, name, way, two)
            for part in ("one", "new", "pairs", "alone")
            for name in MODELS
            for way, two in found[name]["parts"][part].items()
        ]
        st.markdown("\n".join(rows))


def _row(part: str, name: str, way: str, two: Mapping[str, Mapping[str, float]]) -> str:
    """A line of the table: both languages of one way to look."""
    pairs = [
        ", ".join(f"{two[spoken][key]:.3f}" for spoken in LANGUAGES) for key in ("sentence", "next_right", "inside")
    ]
    cells = [t(f"captions.part_{part}"), t(f"captions.model_{name}"), t(f"captions.way_{way}"), *pairs]
    return "| " + " | ".join(cells) + " |"


def show_numbers(said: Said) -> None:
    """One of the maps as numbers, and what can be taken away."""
    if not said:
        return
    with st.expander(t("captions.numbers")):
        options = {f"{name}.{spoken}": (name, spoken) for name, spoken in said}
        which = st.segmented_control(
            t("captions.which"), list(options), key=KEY + "which", required=True, default=next(iter(options)),
            format_func=lambda one: _map_name(*options[one]),
        )  # fmt: skip
        trace = said[options[which or next(iter(options))]]
        selection, style, chart = Selection(0, 0, query=0), style_now("row", 420), KEY + "map"
        draw_heatmap(trace, selection, style, key=chart)
        take_away(trace, selection, style, chart=chart)


def _map_name(name: str, spoken: str) -> str:
    """Which model in which language, in words."""
    return f"{t(f'captions.model_{name}')} · {t(f'captions.language_{spoken}')}"
