"""What the page on words for pictures shows: the verdict, the canvas, and the words, lighting up where they looked."""

from __future__ import annotations

import html
from functools import cache
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    Selection,
    bar_cell,
    bold,
    cell_table,
    chance,
    draw_heatmap,
    figure_text,
    joined,
    language,
    picture_address,
    place_boxes,
    plain,
    style_now,
    t,
    table,
    take_away,
    weights_sent,
)
from attnviz.ui.pages.captions import choices, scenes
from attnviz.ui.pages.captions.beside import component
from attnviz.ui.pages.captions.choices import FIGURES, KEY, Request, now
from attnviz.ui.pages.captions.scenes import HARD_MODEL, MODELS, SOFT_MODEL, Told

if TYPE_CHECKING:
    from attnviz.pictures import Picture
    from attnviz.systems.captions.scene import Scene
    from attnviz.trace import Trace

Runs = list[tuple[Request, "Trace", Told]]
BAR = 4  # rem of a share of 1
PARTS = ("one", "new", "pairs", "alone")
COLUMNS = {SOFT_MODEL: ("soft", "drawn", "argmax", "blind"), HARD_MODEL: ("drawn", "argmax", "soft", "blind")}
OPEN = ("label", "left", "top")  # filled in by the browser
STYLE = """<style>
.st-key-captions-samples img { height: 44px !important; max-height: none !important; border-radius: 3px; }
.st-key-captions-samples button { height: auto !important; padding: 3px !important; border-radius: 6px !important; }
.words-said td:first-child, .words-said td:last-child { white-space: nowrap; }
.words-said .wrong { text-decoration: underline wavy #d9480f 1.5px; text-underline-offset: 3px; }
.words-said { border-collapse: collapse; font-size: .85rem; }
.words-said :is(td, th) { padding: .2rem .7rem .2rem 0; text-align: left; font-weight: normal; vertical-align: top; }
.words-said th { opacity: .85; }
</style>"""


@cache  # 80 drawings of 24 pixels: 150 kB
def drawing(name: str) -> str:
    """A thing's drawing, inside the page itself."""
    from attnviz.pictures import open_picture
    from attnviz.systems.captions.names import BY_NAME
    from attnviz.systems.captions.system import load

    pixels = load(SOFT_MODEL).drawings[BY_NAME[name]].permute(1, 2, 0).numpy().copy()
    return picture_address(open_picture(pixels))


def draw_canvas() -> None:
    """The canvas on which a scene is made; a picture that was brought lies on it as it is."""
    st.html(STYLE)
    brought = choices.own() is not None
    things = () if brought else scenes.things_of(choices.text_now())
    spoken = language()
    shown = [
        {
            "name": one.name,
            "label": scenes.named(one.name, spoken),
            "left": one.left,
            "top": one.top,
            "image": drawing(one.name),
        }
        for one in things
    ]
    component("maker", "scene")(
        key=KEY + "maker",
        data={
            "things": shown, "side": 64, "drawn": 24, "active": st.session_state.get(KEY + "active"),
            "own": _brought() if brought else None, "words": _canvas_words(),
        },
        on_scene_change=choices.take_scene, on_pasted_change=choices.take_pasted,
    )  # fmt: skip
    with st.container():  # always there, or what stands below it would be closed when it comes
        if brought:
            st.caption(t("captions.not_in_link"))


def _brought() -> str | None:
    """The picture that was brought, as the models see it; None where it cannot be opened."""
    from attnviz.errors import AttnvizError

    try:
        given = choices.given_now()
    except AttnvizError:
        return None
    return None if given is None else picture_address(scenes.canvas(given))


def _canvas_words() -> dict[str, str]:
    """What the canvas says; what stands in braces the browser fills in itself."""
    open_ = {name: f"{{{name}}}" for name in OPEN}
    names = ("label", "own", "thing", "remove", "at", "taken", "blocked", "hint", "empty")
    return {name: t(f"captions.canvas_{name}", **open_) for name in names}


def read_all(given: Scene | Picture, requests: list[Request]) -> Runs:
    """What each request gives."""
    scene = scenes.scene_in(given)
    found = [(request, choices.read(request, given)) for request in requests]
    return [(request, trace, scenes.told(trace, scene, request.language)) for request, trace in found]


def say_nothing_yet() -> None:
    """The canvas is empty."""
    st.info(t("captions.nothing_yet"), icon=":material/info:")


def say_verdict(runs: Runs, given: Scene | Picture) -> None:
    """First of all: what each says, whether it is right, and whether its words look where they should."""
    scene = scenes.scene_in(given)
    for request, trace, told in runs:
        found = [t("captions.says", model=request.name, how=choices.how(request), said=plain(trace.text))]
        if scene is not None:
            counts = {"wrong": told.wrong, "missing": len(told.missing)}
            found.append(t("captions.whole") if told.whole else t("captions.not_whole", **counts))
            found += [t("captions.saw_nothing")] if request.blind else _looked(request, told, scene)
        st.markdown(joined(found))
    _say_other(runs, given)


def _looked(request: Request, told: Told, scene: Scene) -> list[str]:
    """How much of the naming words' weight lies inside their things, and which word looks right and names wrong."""
    from attnviz.systems.captions.scene import SHARE

    found = [] if told.inside is None else [t("captions.inside", share=f"{told.inside:.0%}", canvas=f"{SHARE:.1%}")]
    for word in told.words:
        if word.thing and word.of is None and word.inside[word.most] > SHARE:
            thing = plain(scenes.named(scene.things[word.most].name, request.language))
            share = f"{word.inside[word.most]:.0%}"
            found.append(t("captions.misnamed", word=plain(word.text), share=share, thing=thing))
    return found


def _say_other(runs: Runs, given: Scene | Picture) -> None:
    """What the first says in the other language; and the true sentence where one was missed."""
    request = runs[0][0]
    other = "en" if request.language == "zh" else "zh"
    again = Request(request.name, request.seen, request.rule, other, request.blind)
    said = [t(f"captions.other_{other}", said=plain(choices.read(again, given).text))]
    scene = scenes.scene_in(given)
    if scene is not None and not all(told.whole for _, _, told in runs):
        said.insert(0, t("captions.true", said=plain(_joined(scene, request.language))))
    st.caption(joined(said))


def _joined(scene: Scene, spoken: str) -> str:
    """The true sentence of a scene."""
    return ("" if spoken == "zh" else " ").join(word.text for word in scene.sentence(spoken))


def draw_words(runs: Runs, given: Scene | Picture) -> None:
    """The sentences, the picture lit where the chosen word looked, every word small beside it."""
    scene = scenes.scene_in(given)
    things = [] if scene is None else [[one.left, one.top, one.left + 24, one.top + 24] for one in scene.things]
    picked = picked_of(runs)
    component("captions", "words")(
        key=KEY + "lit",
        data={
            "image": picture_address(scenes.canvas(given)), "width": 64, "height": 64,
            "boxes": place_boxes(runs[0][1].keys), "things": things, "picked": picked,
            "panels": [_panel(*one) for one in runs],
            "words": {"label": t("captions.words_label"), "tiles": t("captions.tiles")},
        },
        on_picked_change=choices.take_word,
    )  # fmt: skip
    drawn = any(request.hard for request, _, _ in runs)
    st.caption(joined([t("captions.colours"), *([t("captions.colours_drawn")] if drawn else [])]))


def picked_of(runs: Runs) -> int:
    """The word that is open: the chosen one, or else the first that names a thing."""
    words, found = runs[0][2].words, now("word")
    if found is not None:
        return min(int(found), len(runs[0][1].tokens) - 1)
    return next((number for number, word in enumerate(words) if word.thing), 0)


def _panel(request: Request, trace: Trace, told: Told) -> dict[str, Any]:
    """What the browser is given of one scenes."""
    from attnviz.core.rules import Soft

    chances = trace.weights(0, 0, Soft())
    words = [
        {
            "text": word.text,
            "mark": mark(word),
            "says": _status(word),
            "of": word.of,
            "look": _look(request, trace, number, word),
        }
        for number, word in enumerate(told.words)
    ]
    for number in range(len(told.words), len(trace.tokens)):
        end = scenes.Word(t("captions.end"))
        words.append(
            {"text": end.text, "mark": "end", "says": "", "of": None, "look": _look(request, trace, number, end)}
        )
    return {
        "title": t("captions.panel", model=request.name, how=choices.how(request)), "words": words,
        "weights": weights_sent(trace.weights(0, 0).numpy()),
        "chances": weights_sent(chances.numpy()) if request.hard else None,
    }  # fmt: skip


def mark(word: scenes.Word) -> str:
    """The classes that paint a word."""
    return " ".join([*(["names"] if word.thing else []), *(["wrong"] if word.right is False else [])])


def _status(word: scenes.Word) -> str:
    """Is it right or wrong, in a word; "" where that is not known."""
    return "" if word.right is None else t("captions.right" if word.right else "captions.wrong")


def _look(request: Request, trace: Trace, number: int, word: scenes.Word) -> str:
    """Where a word looked, in a sentence."""
    found = [] if request.blind or not word.thing or not word.inside else [_look_inside(request, word)]
    if request.hard:
        from attnviz.systems.captions.system import path

        step = path(trace)[number]
        place = trace.keys.labels[step.place]
        found.append(t("captions.look_drawn", place=place, chance=chance(step.probability)))
    else:
        row = trace.weights(0, 0)[number]
        places = [
            (trace.keys.labels[place], f"{row[place]:.2f}") for place in row.argsort(descending=True)[:3].tolist()
        ]
        most = t("captions.comma").join(
            t("captions.look_place", place=place, weight=weight) for place, weight in places
        )
        found.append(t("captions.look_most", most=most))
    return t("captions.look_word", word=word.text, looked=t("captions.semicolon").join(found))


def _look_inside(request: Request, word: scenes.Word) -> str:
    """How much of a naming word's weight lies inside what it names, or inside what it looked at instead."""
    if word.of is not None:
        return t("captions.look_own", share=f"{word.inside[word.of]:.0%}")
    thing = scenes.named(scenes.things_of(request.seen)[word.most].name, request.language)
    return t("captions.look_other", share=f"{word.inside[word.most]:.0%}", thing=thing)


def show_shares(runs: Runs, given: Scene | Picture) -> None:
    """Each word that names a thing, with the share of its weight inside that thing, or the one that it looked at."""
    from attnviz.systems.captions.scene import SHARE

    rows, scene = [], scenes.scene_in(given)
    if scene is None:
        return
    for request, _, told in runs:
        for word in told.words:
            if word.thing and word.inside:
                inside = word.most if word.of is None else word.of
                thing = scenes.named(scene.things[inside].name, request.language)
                who = f"{request.name} · " * (len(runs) > 1) + _marked(word.text, word.right)
                rows.append(
                    (
                        who,
                        [
                            f"<td>{html.escape(thing)}</td>",
                            bar_cell(word.inside[inside], "after", BAR),
                            f"<td>{SHARE:.3f}</td>",
                        ],
                    )
                )
    if rows:
        st.html(
            cell_table(
                [t("captions.col_word"), t("captions.col_thing"), t("captions.col_inside"), t("captions.col_canvas")],
                rows,
            )
        )


def _marked(text: str, right: bool | None) -> str:
    """A word as plain text, one that is wrong with its sign."""
    return f"✗ {text}" if right is False else text


def show_ways(given: Scene | Picture) -> None:
    """What the sentence becomes: each model as it was trained, made hard or soft, at its likeliest place, and blind."""
    with st.expander(t("captions.ways"), expanded=True):
        rows = [_way(request, given) for request in choices.ways(given)]
        head = "".join(f"<th>{t(f'captions.col_{name}')}</th>" for name in ("model", "how", "sentence", "path"))
        st.html(f"<table class='words-said'><tr>{head}</tr>{''.join(rows)}</table>")
        st.caption(t("captions.ways_say"))


def _way(request: Request, given: Scene | Picture) -> str:
    """A row: the model, its rule, its sentence with what is wrong marked, how many words, the path's probability."""
    trace = choices.read(request, given)
    told = scenes.told(trace, scenes.scene_in(given), request.language)
    sentence = sentence_html(told, request.language)
    path = scenes.likely(scenes.chance_of(trace)) if request.hard else "–"
    cells = (request.name, choices.how(request), sentence, path)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def sentence_html(told: Told, spoken: str) -> str:
    """A sentence, its wrong words under a wave and with a cross; how many words of the true one are left out."""
    parts = [f"<span class='{mark(word)}'>{html.escape(_marked(word.text, word.right))}</span>" for word in told.words]
    said = ("" if spoken == "zh" else " ").join(parts)
    if told.true:
        said += " " + (f"<b>{t('captions.way_whole')}</b>" if told.whole else _counted(told))
    return said


def _counted(told: Told) -> str:
    """How many words are wrong, how many left out."""
    return t("captions.way_wrong", wrong=told.wrong, missing=len(told.missing))


def show_held_out() -> None:
    """The figures of the card, of scenes kept from training, and where hard attention trails."""
    with st.expander(t("captions.held")):
        found, spoken = scenes.figures(), choices.spoken()
        parts = {name: found[name]["parts"] for name in MODELS}
        alone = {name: parts[name]["alone"][way][spoken] for name, way in ((SOFT_MODEL, "soft"), (HARD_MODEL, "drawn"))}
        soft, hard = found[SOFT_MODEL], alone[HARD_MODEL]
        st.markdown(t(
            "captions.trails", soft=figure_text(alone[SOFT_MODEL]["sentence"]), hard=figure_text(hard["sentence"]),
            things=figure_text(hard["things"]), inside=figure_text(hard["inside"]),
        ))  # fmt: skip
        st.selectbox(
            t("captions.figure"), FIGURES, key=KEY + "figure", format_func=lambda name: t(f"captions.figure_{name}")
        )
        st.markdown(
            table(
                [t("captions.col_model"), t("captions.col_how"), *(t(f"captions.part_{part}") for part in PARTS)],
                _figure_rows(spoken),
                "---:",
            )
        )
        st.caption(
            t(
                "captions.held_say",
                scenes=soft["scenes"],
                canvas=f"{soft['share']:.1%}",
                neighbour=figure_text(soft["neighbour"]),
            )
        )


def _figure_rows(spoken: str) -> list[list[str]]:
    """A row for each model and way, the way that it was trained for in bold."""
    figure, found = str(now("figure") or "sentence"), scenes.figures()
    rows = []
    for name, names in COLUMNS.items():
        for way in names:
            values = [found[name]["parts"][part][way][spoken][figure] for part in PARTS]
            said = [f"{value:.1f}" if figure == "bleu" else figure_text(value) for value in values]
            rows.append(bold([name, t(f"captions.held_{way}"), *said], way == names[0]))
    return rows


def draw_numbers(runs: Runs) -> None:
    """Each run as a map of numbers, words by places, and what can be taken away."""
    for request, trace, _ in runs:
        _numbers(request, trace, picked_of(runs))


def _numbers(request: Request, trace: Trace, picked: int) -> None:
    chart = f"{KEY}map-{request.name}"
    selection, style = Selection(0, 0, query=min(picked, len(trace.tokens) - 1)), style_now("row", 420)
    with st.expander(t("captions.numbers", model=plain(request.name))):
        draw_heatmap(trace, selection, style, key=chart)
        take_away(trace, selection, style, chart=chart)
