"""The pictures and numbers of the page on reading attention: the verdict, the text by every way, what agrees."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.errors import AttnvizError
from attnviz.ui.kit import (
    Steps,
    as_csv,
    cell_table,
    chance,
    correlation,
    dark,
    draw,
    file_name,
    language,
    of_top,
    offer_file,
    plain,
    ranked,
    shared_top,
    style_now,
    t,
)
from attnviz.ui.pages.reasons import run
from attnviz.ui.pages.reasons.choices import KEY

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.experiments.reading.attributions import Attributions
    from attnviz.figures.attribution.rows import Way
    from attnviz.trace import Trace

WAYS = (
    "head", "weights", "largest", "rollout", "flow", "norms", "norms_residual", "alti", "gradient_attention",
    "relevance", "value_zeroing", "integrated_gradients",
)  # fmt: skip
FEWEST = 4  # places that can reach the prediction: among fewer any order is soon the same
TOP = 3
MOST_SENTENCES = 50
SHAKY = 0.1  # rank correlations that lie closer than this are not told apart on one sentence
SIDE = "clamp(64px, 10vw, 136px)"  # beside the lines
USUAL = "weights"


def name_of(way: str, asked: run.Asked | None = None) -> str:
    """What a way of reading is called; the head with its numbers."""
    head = "" if asked is None or asked.head is None else "{}.{}".format(*asked.head)
    return t(f"reasons.way_{way}", head=head)


def say_verdict(asked: run.Asked, found: Attributions, yardstick: str) -> None:
    """Which way read this prediction best, by how much, and what the mean of the weights came to."""
    order = ranked(found, yardstick)
    seen = int(found.seen.sum())
    if not order:
        st.info(t("reasons.no_yardstick", reason=found.missing[yardstick].say(language(), plain)))
        return
    if seen < FEWEST or math.isnan(order[0][1].spearman):
        st.markdown(t("reasons.too_few", seen=seen))
        return
    best, told = order[0]
    near = [name_of(way, asked) for way, one in order[1:] if told.spearman - one.spearman < SHAKY]
    said = t(
        "reasons.verdict", way=name_of(best, asked), rank=correlation(told.spearman), top=of_top(told, seen),
        yardstick=name_of(yardstick),
    )  # fmt: skip
    if near:
        said += " " + t("reasons.verdict_near", ways=t("reasons.comma").join(near))
    usual = dict(order).get(USUAL)
    if usual is not None and best != USUAL:
        said += " " + t("reasons.verdict_weights", rank=correlation(usual.spearman), top=of_top(usual, seen))
    st.markdown(said)
    st.caption(t("reasons.no_winner"))


def say_explained(asked: run.Asked, found: Attributions, ran: Trace) -> None:
    """What is explained, and its number."""
    token = plain(ran.tokens[found.at])
    key = "explained" if asked.against is None else "explained_against"
    st.caption(t(f"reasons.{key}", model=plain(asked.name), token=token, value=f"{found.value:.3f}"))


def ways_of(asked: run.Asked, found: Attributions, yardstick: str) -> list[Way]:
    """The rows in the order in which they are shown: the yardstick, then the best of the others first."""
    from attnviz.figures.attribution.rows import Way

    order = ranked(found, yardstick)
    first = [Way(name_of(yardstick), found.rows[yardstick])] if yardstick in found.rows else []
    if not first:
        return [Way(name_of(way, asked), row) for way, row in found.rows.items() if way in WAYS]
    return [*first, *(Way(name_of(way, asked), found.rows[way], told.spearman) for way, told in order)]


def show_text(asked: run.Asked, found: Attributions, yardstick: str) -> None:
    """The text once for each way, its tokens on a ground of what they count."""
    from attnviz.figures.attribution.rows import lines
    from attnviz.figures.documents import document

    labels = [one.replace("\n", "↵") for one in found.labels]
    st.caption(t("reasons.lines", yardstick=name_of(yardstick)))
    st.html(document(lines(ways_of(asked, found, yardstick), labels, found.own), style_now(height=2_000), SIDE))


def draw_rows(asked: run.Asked, found: Attributions, ran: Trace, yardstick: str) -> None:
    """The same as a picture, every place below itself, with signs."""
    from attnviz.figures.attribution.rows import rows

    ways = ways_of(asked, found, yardstick)
    figure = rows(ways, found.labels, found.seen, asked=found.own, style=style_now())
    strongest = [plain(found.labels[int(way.values.abs().argmax())]) for way in ways[:2]]
    alt = t("reasons.alt_rows", ways=len(ways), first=plain(ways[0].name), strongest=strongest[0])
    draw(figure, key=KEY + "rows", alt=alt)
    column, _ = st.columns([1, 3])
    with column:
        offer_file("csv", file_name(ran) + "-reasons", partial(as_csv, found), KEY, t("reasons.take"))


def show_table(asked: run.Asked, found: Attributions, yardstick: str) -> None:
    """Each way: how well it foresees the yardstick here, what it looks at, and what it leaves out, with its paper."""
    top = min(TOP, int(found.seen.sum()))
    head = [t("reasons.col_way"), t("reasons.col_rank"), t("reasons.col_top", top=top), t("reasons.col_about")]
    rows = [
        (
            name_of(way, asked),
            [_cell(correlation(told.spearman)), _cell(f"{shared_top(told, top)} / {top}"), _about(way)],
        )
        for way, told in ranked(found, yardstick)
    ]
    st.html(f"<div style='overflow-x:auto' tabindex='0'>{cell_table(head, rows)}</div>")
    for way, reason in found.missing.items():
        st.caption(t("reasons.missing", way=name_of(way, asked), reason=reason.say(language(), plain)))


def _cell(text: str) -> str:
    return f"<td>{text}</td>"


def _about(way: str) -> str:
    return f"<td style='white-space:normal;min-width:min(14rem, 40vw)'>{t(f'reasons.about_{way}')}</td>"


def draw_agreement(asked: run.Asked, found: Attributions) -> None:
    """How alike are every two rows?"""
    import torch

    from attnviz.figures.attribution.rows import alike

    names = list(found.rows)
    values = torch.eye(len(names), dtype=torch.float64)
    for (one, other), told in found.agreements.items():
        a, b = names.index(one), names.index(other)
        values[a, b] = values[b, a] = told.spearman
    figure = alike([name_of(way, asked) for way in names], values, style_now())
    draw(figure, key=KEY + "alike", alt=t("reasons.alt_alike", ways=len(names)))


def show_lens(asked: run.Asked, found: Attributions, ran: Trace) -> None:
    """What each layer would say, were it the last: its likeliest piece, and the probability of the one explained."""
    if ran.logits is None or ran.answer is not None:
        return
    st.caption(t("reasons.lens_look"))
    if not st.toggle(t("reasons.lens"), key=KEY + "lens"):
        return
    piece = int(ran.logits[found.at].argmax()) if asked.piece is None else asked.piece
    try:
        shares = run.lens_of(asked, found.at).double().softmax(-1)
    except AttnvizError as reason:
        st.caption(reason.say(language(), plain))
        return
    head = [t("reasons.col_layer"), t("reasons.col_likeliest")]
    head += [t("reasons.col_piece", piece=plain(ran.name_piece(piece))), t("reasons.col_place")]
    st.html(cell_table(head, [_lens_row(layer, row, piece, ran) for layer, row in enumerate(shares)]))


def _lens_row(layer: int, shares: Tensor, piece: int, ran: Trace) -> tuple[str, list[str]]:
    """One layer of the lens, the states below the first one being row 0."""
    best = int(shares.argmax())
    place = int((shares > shares[piece]).sum()) + 1
    said = f"{plain(ran.name_piece(best))} · {chance(float(shares[best]))}"
    name = t("reasons.lens_below") if not layer else str(layer - 1)
    return name, [_cell(one) for one in (said, chance(float(shares[piece])), str(place))]


def many(name: str, yardstick: str, texts: Sequence[str]) -> None:
    """The same over many sentences: how well each way foresees the yardstick on the mean, watched and stopped."""
    taken = texts[:MOST_SENTENCES]
    if len(texts) > len(taken):
        st.caption(t("reasons.sentences_cut", most=MOST_SENTENCES, left=len(texts) - len(taken)))
    work = Steps(KEY + "many", repr((name, yardstick, taken)))
    work.buttons(t("reasons.many_go", count=len(taken)))
    bar, place = st.empty(), st.empty()
    _draw_many(place, work.found, yardstick)
    steps = [
        (t("reasons.many_step", number=at + 1, count=len(taken), text=plain(text[:40])),
         partial(_one_of_many, name, text, yardstick))
        for at, text in enumerate(taken)
    ]  # fmt: skip
    for so_far in work.run(steps, bar):
        _draw_many(place, so_far, yardstick)


def _one_of_many(name: str, text: str, yardstick: str) -> Mapping[str, float] | None:
    """One sentence; None where it cannot be read: a bad line costs a line."""
    try:
        return run.of_sentence(name, text, yardstick)
    except AttnvizError:
        return None


def means(found: Sequence[Mapping[str, float] | None]) -> list[tuple[str, float, float, int]]:
    """Each way's mean rank correlation, the share of sentences in which it is the best, and of how many; best first."""
    told = [one for one in found if one is not None and any(not math.isnan(value) for value in one.values())]
    ways = list(dict.fromkeys(way for one in told for way in one))
    best = [max(one, key=lambda way, one=one: -2.0 if math.isnan(one[way]) else one[way]) for one in told]  # type: ignore[misc]
    rows = []
    for way in ways:
        values = [one[way] for one in told if way in one and not math.isnan(one[way])]
        if values:
            rows.append((way, sum(values) / len(values), best.count(way) / len(told), len(values)))
    return sorted(rows, key=lambda row: -row[1])


def _draw_many(place: object, found: Sequence[Mapping[str, float] | None], yardstick: str) -> None:
    """The means so far."""
    rows = means(found)
    if not rows:
        return
    from attnviz.figures import bars

    with place.container():  # type: ignore[attr-defined]
        best = rows[0]
        bad = sum(one is None for one in found)
        st.markdown(t(
            "reasons.many_verdict", way=name_of(best[0]), rank=correlation(best[1]), count=len(found) - bad,
            share=f"{max(row[2] for row in rows):.0%}", often=name_of(max(rows, key=lambda row: row[2])[0]),
        ))  # fmt: skip
        if bad:
            st.caption(t("reasons.many_bad", bad=bad))
        figure = bars(
            [name_of(row[0]) for row in rows], [row[1] for row in rows], dark=dark(), language=language(),
            title=t("reasons.many_axis", yardstick=name_of(yardstick)), form=".2f",
        )  # fmt: skip
        draw(figure, key=f"{KEY}means{len(found)}", alt=t("reasons.alt_many", count=len(found), way=name_of(best[0])))
