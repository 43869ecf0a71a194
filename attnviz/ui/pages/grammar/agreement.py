"""Does the model make its words agree? How often the right one of two is the likelier, and without which head."""

from __future__ import annotations

import csv
import io
import math
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import Selection, draw, draw_heatmap, offer_file, open_model, plain, style_now, t, table
from attnviz.ui.pages.grammar import choices, run
from attnviz.ui.pages.grammar.choices import KEY, SETS, Head
from attnviz.ui.pages.grammar.run import Asked
from attnviz.ui.pages.grammar.shown import file_stem, open_in_models, share

if TYPE_CHECKING:
    from attnviz.experiments.reading.marks import Minimal
    from attnviz.experiments.reading.minimal import Preferred, WithoutHeads
    from attnviz.figures.attribution.beside import Row

CHANCE = 0.5
MOST_HEADS = 12
SET_CHART, HEAD_CHART = KEY + "sets", KEY + "heads"


def sets_of(own: Asked) -> dict[str, Asked]:
    """The minimal pairs by set; one's own where there are any."""
    table = tomllib.loads(run.sample("agreement.toml"))
    found = {name: replace(own, content=table[name]) for name in SETS if name in table}
    return found | ({"own": own} if str(st.session_state[KEY + "minimal"]).strip() else {})


def show(own: Asked, places: tuple[DeltaGenerator, DeltaGenerator]) -> None:
    """The verdict and its picture on the left, a head on a sentence on the right."""
    left, right = places
    asked = sets_of(own)
    run.minimal_of(own)  # what was written is said to be wrong before a model is opened
    with left:
        chosen = choices.choose_set("own" in asked)
        verdict = st.container()
        open_model(own.name)
        with st.spinner(t("running", model=plain(own.name)), show_time=True):
            found = {name: run.preferred_of(one) for name, one in asked.items()}
        with verdict:
            say_verdict(own.name, chosen, found[chosen])
        draw_sets(found, chosen)
        gone = run.without_of(asked[chosen]) if choices.choose_without() else None
        picture = st.container()
    pairs = run.minimal_of(asked[chosen])
    with right:
        head = show_sentence(asked[chosen], pairs, gone)
    if gone is not None:
        with picture:
            say_without(own.name, gone)
            draw_without(gone, head)
    with left, st.expander(t("grammar.pairs_table")):
        show_pairs(asked[chosen], pairs, found[chosen], gone)


def say_verdict(name: str, chosen: str, found: Preferred) -> None:
    """In how many the right one is the likelier, beside chance."""
    from attnviz.experiments.reading.minimal import interval

    low, high = interval(found.right, found.judged)
    key = "above" if low > CHANCE else "below" if high < CHANCE else "chance"
    words = {
        "set": t(f"grammar.set_{chosen}"),
        "right": found.right,
        "count": found.judged,
        "share": share(found.share),
    }
    st.markdown(t(f"grammar.agrees_{key}", model=plain(name), low=share(low), high=share(high), **words))
    if key == "below" and chosen == "attracted":
        st.caption(t("grammar.nearer"))
    left = len(found.margins) - found.judged
    if left:
        st.caption(t("grammar.not_judged", count=left))


def draw_sets(found: dict[str, Preferred], chosen: str) -> None:
    """Every set as a row with its interval, beside chance; a click chooses it."""
    from attnviz.figures.attribution.beside import beside

    names = list(found)
    rows = [_row(t(f"grammar.short_{name}"), one) for name, one in found.items()]
    marks = t("grammar.mark_right"), "", t("grammar.mark_chance")
    figure = beside(rows, marks, t("grammar.axis_right"), chosen=names.index(chosen), style=style_now())
    told = t("grammar.comma").join(f"{one.name} {share(one.value)}" for one in rows)
    draw(
        figure, SET_CHART, t("grammar.alt_sets", told=told), on_point=partial(choices.take_row, SET_CHART, "set", names)
    )


def _row(name: str, found: Preferred, simpler: float = math.nan) -> Row:
    from attnviz.experiments.reading.minimal import interval
    from attnviz.figures.attribution.beside import Row

    low, high = interval(found.right, found.judged)
    return Row(name, found.share, share(found.share), simpler, CHANCE, low, high)


def say_without(name: str, gone: WithoutHeads) -> None:
    """Without which head the right one is less preferred, and by how much."""
    first = gone.heads[0]
    mean, error = gone.change(*first)
    lower = sum(gone.lowers(*place) for place in gone.heads)
    st.markdown(
        t(
            "grammar.without_says" if lower else "grammar.without_none", model=plain(name), head=_place(first),
            before=share(gone.before.share), after=share(gone.without(*first).share),
            bits=f"{mean:+.2f}".replace("-", "−"), error=f"{error:.2f}", lower=lower, heads=len(gone.heads),
        )
    )  # fmt: skip


def draw_without(gone: WithoutHeads, head: Head) -> None:
    """The share without each of the heads that matter most; a click chooses one."""
    from attnviz.figures.attribution.beside import beside

    heads = gone.heads[:MOST_HEADS]
    rows = [_row(t("grammar.without_head", head=_place(at)), gone.without(*at), gone.before.share) for at in heads]
    rows = [replace(row, low=math.nan, high=math.nan) for row in rows]
    marks = t("grammar.mark_without"), t("grammar.mark_with"), t("grammar.mark_chance")
    at = heads.index(head) if head in heads else -1
    figure = beside(rows, marks, t("grammar.axis_right"), chosen=at, style=style_now())
    alt = t("grammar.alt_without", rows=len(rows), head=_place(heads[0]), share=share(rows[0].value))
    taken = [_place(one) for one in heads]
    draw(figure, HEAD_CHART, alt, on_point=partial(choices.take_row, HEAD_CHART, "head", taken))


def _place(head: Head) -> str:
    return f"{head[0]}.{head[1]}"


def show_sentence(asked: Asked, pairs: Sequence[Minimal], gone: WithoutHeads | None) -> Head:
    """A head on the right one of a pair, the word that differs framed with what the head looks at most there."""
    text = choices.choose_sentence(list(dict.fromkeys(one.right for one in pairs)))
    pair = next(one for one in pairs if one.right == text)
    trace = run.trace(asked, text)
    heads = gone.heads if gone else [(layer, at) for layer in trace.open_layers for at in range(trace.n_heads)]
    head = choices.choose_head({at: _said(at, gone) for at in heads})
    start, end = pair.span
    asks = [at for at, own in enumerate(trace.encoded.spans) if own is not None and own[0] < end and own[1] > start]
    if not asks:
        st.caption(t("grammar.not_read"))
        return head
    row = trace.weights(*head)[asks[0]]
    inside = [at for at, special in enumerate(trace.key_special) if not special and at != asks[0]]
    most = max(inside, key=lambda at: float(row[at]), default=asks[0])
    word = plain(pair.right[slice(*pair.span)])
    st.markdown(t("grammar.word_looks", head=_place(head), word=word, most=plain(trace.tokens[most]),
                  weight=f"{float(row[most]):.2f}"))  # fmt: skip
    draw_heatmap(trace, Selection(*head, query=asks[0], key=most), style_now("unit", 330), key=KEY + "heatmap")
    open_in_models(asked, text, head, (asks[0], most))
    return head


def _said(head: Head, gone: WithoutHeads | None) -> str:
    """What stands beside a head in the list."""
    if gone is None:
        return t("grammar.head_not_tried")
    return t("grammar.head_change", bits=f"{gone.change(*head)[0]:+.2f}".replace("-", "−"))


def show_pairs(asked: Asked, pairs: Sequence[Minimal], found: Preferred, gone: WithoutHeads | None) -> None:
    """Every pair with what it came to, those that go wrong first; as CSV too."""
    margins = found.margins.tolist()
    order = sorted(range(len(pairs)), key=lambda at: math.inf if math.isnan(margins[at]) else margins[at])
    rows = [[_marked(pairs[at]), *_margin(margins[at])] for at in order]
    st.html("<style>.st-key-grammar-pairs table{font-size:.8rem}</style>")
    with st.container(key=KEY + "pairs_all", height=320, border=False):
        st.markdown(table([t("grammar.col_sentence"), t("grammar.col_margin"), t("grammar.col_right")], rows, "---:"))
    name = f"{file_stem(asked.name)}-agreement"
    offer_file("csv", name, partial(as_csv, pairs, found, gone), KEY + "pairs_", t("grammar.take_pairs"))


def _marked(pair: Minimal) -> str:
    """The right sentence with the wrong word beside the right one."""
    (start, end), other = pair.span, pair.wrong[slice(*pair.other)]
    parts = plain(pair.right[:start]), plain(pair.right[start:end]), plain(other), plain(pair.right[end:])
    return "{}**{}** (~~{}~~){}".format(*parts)


def _margin(value: float) -> tuple[str, str]:
    if math.isnan(value):
        return "–", "–"
    return f"{value:+.2f}".replace("-", "−"), "✓" if value > 0 else "✗"


def as_csv(pairs: Sequence[Minimal], found: Preferred, gone: WithoutHeads | None) -> bytes:
    """A pair a line: both sentences, by how many bits the right one is the likelier, and the same without each head."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    heads = sorted(gone.heads) if gone else []
    writer.writerow(["right", "wrong", "bits", *(f"without {_place(at)}" for at in heads)])
    for number, pair in enumerate(pairs):
        values = [found.margins[number], *(gone.margins[at][number] for at in heads if gone)]
        writer.writerow([pair.right, pair.wrong, *(f"{float(value):.6g}" for value in values)])
    return out.getvalue().encode("utf-8-sig")
