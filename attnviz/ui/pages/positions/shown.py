"""What the positions page shows: who notices, the encoding and its similarity, one head before and after, held-out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    Selection,
    bold,
    chance,
    dark,
    draw,
    draw_heatmap,
    figure_text,
    language,
    plain,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.positions.choices import ENCODINGS, KEY, choose_picture, model, name_of

if TYPE_CHECKING:
    from attnviz.figures import Figure
    from attnviz.systems.positions.effect import Noticed

LEAST = 5e-4  # movements below this are written as 0.000; rounding of float32 gives about 1e-7
SHOWN = 64  # positions of the pictures of vectors and angles
BIASED = 24  # of the pictures of biases
HEIGHT = 330


def show_who(found: Sequence[Noticed], chosen: str) -> None:
    """The table: how far each model's outputs moved, its word beginnings that changed, its words before and after."""
    rows = []
    for one in found:
        moved = one.moved("order", "shuffled")
        name = name_of(one.encoding)
        cells = [
            name, t("positions.yes" if moved >= LEAST else "positions.no"), f"{moved:.3f}",
            f"{one.moved('unsaid', 'both'):.3f}", str(one.changed("order", "shuffled")),
            *(_cut(one.readings[reading].words) for reading in ("order", "shuffled")),
        ]  # fmt: skip
        rows.append(bold(cells[:1], one.encoding == chosen) + cells[1:])
    columns = ("model", "notices", "moved", "moved_unsaid", "changed", "words_order", "words_shuffled")
    st.markdown(table([t(f"positions.col_{column}") for column in columns], rows))
    st.caption(t("positions.legend"))


def _cut(words: Sequence[str]) -> str:
    """Words with strokes between them, the first thirty."""
    return " / ".join(plain(word) for word in words[:30]) + (" …" if len(words) > 30 else "")


def show_answers(found: Sequence[Noticed]) -> None:
    """What fills the blank, where the sentence has one: in order, shuffled, without positions."""
    if not found[0].readings["order"].answers:
        st.caption(t("positions.blank_hint"))
        return
    ways = ("order", "shuffled", "unsaid")
    rows = [
        [
            name_of(one.encoding),
            *(
                t("listed").join(f"**{plain(token)}** {chance(p)}" for token, p in one.readings[way].answers[:3])
                for way in ways
            ),
        ]
        for one in found
    ]
    st.markdown(table([t("positions.col_blank"), *(t(f"positions.read_{way}") for way in ways)], rows))


def draw_beginnings(found: Sequence[Noticed]) -> None:
    """Where every model sees a word begin, token by token, in order and shuffled."""
    import torch

    from attnviz.figures.positions import beginnings

    first = found[0].readings["order"].trace
    text = [place for place, special in enumerate(first.special) if not special]
    rows, chances = [], []
    for one in found:
        for way in ("order", "shuffled"):
            marks = one.readings[way].trace.boundaries
            assert marks is not None
            rows.append(f"{name_of(one.encoding)} · {t(f'positions.read_{way}')}")
            chances.append(marks[text])
    st.caption(t("positions.begins_title"))
    figure = beginnings(torch.stack(chances), rows, [first.tokens[place] for place in text], style_now())
    most = max(found, key=lambda one: one.changed("order", "shuffled"))
    draw(
        figure, key=KEY + "begins",
        alt=t("positions.begins_alt", model=name_of(most.encoding), count=most.changed("order", "shuffled")),
    )  # fmt: skip


def draw_encoding(encoding: str) -> None:
    """The encoding itself."""
    from attnviz.core import positions as say_where
    from attnviz.figures import positions as figures
    from attnviz.systems.positions import effect

    one = model(encoding)
    st.markdown(t(f"positions.what_{encoding}"))
    figure: Figure | None = None
    style = style_now(height=HEIGHT)
    if encoding in ("sinusoidal", "learned"):
        figure = figures.vectors(effect.vectors(one, SHOWN), style)
    elif encoding == "rotary":
        figure = figures.turns(effect.angles(one, SHOWN), style)
    elif encoding == "alibi":
        slopes = say_where.slopes(one.network.shape.heads).tolist()
        figure = figures.biases(effect.bias(one, BIASED), slopes, style)
    if figure is not None:
        draw(figure, key=KEY + "encoding_map", alt=t(f"positions.alt_{encoding}"))


def draw_alike(encoding: str) -> None:
    """The similarity by distance that the encoding itself brings."""
    from attnviz.figures import Line, lines
    from attnviz.systems.positions import effect

    found = effect.alike(model(encoding))
    st.markdown(t(f"positions.alike_{encoding}"))
    if not found:
        return
    drawn = [
        Line("" if head is None else t("positions.head_line", head=head), *points) for head, points in found.items()
    ]
    figure = lines(
        drawn, x_title=t("positions.offset"), y_title=t(f"positions.y_{encoding}"), dark=dark(),
        language=language(), height=HEIGHT,
    )  # fmt: skip
    draw(figure, key=KEY + "alike", alt=t("positions.alt_alike", encoding=name_of(encoding)))


def draw_near() -> None:
    """The mean weight by distance in all five models, on held-out sentences."""
    from attnviz.figures import Line, lines
    from attnviz.systems.positions.effect import held_out

    told = {encoding: held_out(f"positions-{encoding}") for encoding in ENCODINGS}
    drawn = []
    for encoding, one in told.items():
        if one is not None:
            weights = one["weight_by_distance"]
            reach = len(weights) // 2
            drawn.append(Line(name_of(encoding), list(range(-reach, reach + 1)), weights))
    if not drawn:
        return
    st.markdown(t("positions.near"))
    figure = lines(
        drawn, x_title=t("positions.offset"), y_title=t("positions.y_near"), dark=dark(), language=language(),
        height=HEIGHT,
    )  # fmt: skip
    draw(figure, key=KEY + "near", alt=t("positions.near").replace("*", ""))


def draw_heads(found: Sequence[Noticed], encoding: str) -> None:
    """One head of the chosen model: in order, and beside it shuffled or without positions, in the same order."""
    st.markdown(t("positions.heads_title", encoding=name_of(encoding)))
    one = next(one for one in found if one.encoding == encoding)
    layer, head, change = choose_picture(one)
    pair = ("order", change)
    before, after = (one.readings[way].trace.weights(layer, head) for way in pair)
    most = float((before - after).abs().max())
    said = t("positions.heads_same" if most < LEAST else "positions.heads_differ", most=f"{most:.3f}")
    for way, column in zip(pair, st.columns(2, gap="medium"), strict=True):
        trace = one.readings[way].trace
        with column:
            st.caption(f"**{t(f'positions.read_{way}')}** · {t('positions.head_of', layer=layer, head=head)}")
            key, selection = f"{KEY}head_{'before' if way == 'order' else 'after'}", Selection(layer, head)
            draw_heatmap(trace, selection, style_now(), key=key)
            take_away(trace, selection, style_now(), chart=key)
    st.caption(said)


def show_held_out() -> None:
    """What was measured on held-out sentences, from the models' own figures."""
    from attnviz.systems.positions.effect import held_out

    told = {encoding: held_out(f"positions-{encoding}") for encoding in ENCODINGS}
    shown = {encoding: one for encoding, one in told.items() if one is not None}
    if not shown:
        return
    counts = next(iter(shown.values()))["sentences"]
    st.markdown(t("positions.held_out", **counts))
    keys = (
        "masked_accuracy_both", "masked_accuracy_shuffled_both", "masked_accuracy_unsaid_both", "boundary_f1_zh",
        "boundary_f1_shuffled_zh", "boundary_f1_unsaid_zh", "moved_shuffled_both", "moved_unsaid_shuffled_both",
    )  # fmt: skip
    columns = ("model", "masked", "masked_shuffled", "masked_unsaid", "f1", "f1_shuffled", "f1_unsaid", "moved_held",
               "moved_held_unsaid")  # fmt: skip
    rows = [
        [name_of(encoding), *(figure_text(one["figures"].get(key)) for key in keys)] for encoding, one in shown.items()
    ]
    st.markdown(table([t(f"positions.col_{column}") for column in columns], rows, "---:"))


def show_lengths() -> None:
    """Masked accuracy on texts longer than any of the training."""
    from attnviz.systems.positions.effect import held_out

    told = {encoding: held_out(f"positions-{encoding}") for encoding in ENCODINGS}
    found = {encoding: one["masked_accuracy_by_length"] for encoding, one in told.items() if one is not None}
    if not found:
        return
    lengths = sorted({int(length) for one in found.values() for length in one})
    st.markdown(t("positions.lengths"))
    rows = [
        [name_of(encoding), *(figure_text(one.get(str(length))) for length in lengths)]
        for encoding, one in found.items()
    ]
    st.markdown(table([t("positions.col_length"), *map(str, lengths)], rows, "---:"))
