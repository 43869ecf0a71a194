"""The picture of each step, before the answer is known and after, and one thing to try."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import RuleChoice, as_rule, draw, plain, style_now, t, table
from attnviz.ui.pages.lesson import choices
from attnviz.ui.pages.lesson.questions import compared, number, percent
from attnviz.ui.pages.lesson.run import Asked, hidden

if TYPE_CHECKING:
    from torch import Tensor

    from attnviz.figures.teaching.asking import Asking
    from attnviz.trace import Trace

TWO, ONE = 118, 100  # pixels: two strips, and that of their products, which has a scale of its own
TOP = 5  # of the model's words
MOSTLY = 0.5  # of what a head leaves on the text: more than that on the neighbours is its habit


def _asking(asked: Asked, weights: Tensor | None, caption: str = "", labels: list[str] | None = None) -> Asking:
    """The sentence with what one token gives each other."""
    from attnviz.figures.teaching.asking import Asking

    tokens, names = asked.text_tokens, labels or asked.labels
    query = names[asked.look.query]
    if weights is None:
        alt = t("lesson.alt_asking", query=query)
    else:
        best = weights.topk(min(3, len(tokens) - 1)).indices.tolist()
        said = t("lesson.comma").join(f"{names[at]} {percent(float(weights[at]))}" for at in best)
        alt = t("lesson.alt_looks", query=query, said=said)
    return Asking(
        [names[at] for at in tokens], asked.spaced(tokens), tokens.index(asked.look.query),
        None if weights is None else weights[tokens], alt, caption,
    )  # fmt: skip


def _gallery(*pictures: Asking) -> None:
    """Pictures of the sentence side by side."""
    from attnviz.figures.teaching.asking import gallery

    st.html(gallery(pictures, style_now()))


def draw_asking(asked: Asked, known: bool) -> None:
    """Arcs over the sentence: dashed while it asks, then as thick as the weights."""
    _gallery(_asking(asked, asked.row if known else None))
    if known:
        layer, head = asked.look.place
        rest = percent(float(1 - asked.row.sum()))
        st.caption(
            t("lesson.drawn_1", layer=layer, head=head, rest=rest, heads=asked.trace.n_heads * asked.trace.n_layers)
        )


def draw_scores(asked: Asked, known: bool) -> None:
    """The query and three keys as strips; then the query, a key and their products, with the numbers."""
    from attnviz.figures.strips import Strip, strips
    from attnviz.measures.steps import Steps

    found = Steps.of(asked.trace.attention(*asked.look.place), asked.look.query)
    names, query = asked.labels, f"q {asked.labels[asked.look.query]}"
    if not known:
        drawn = [Strip(query, found.query), *(Strip(f"k {names[at]}", found.keys[at]) for at in compared(asked))]
        draw(strips(drawn, style_now()), choices.KEY + "strips", t("lesson.alt_keys", **asked.names))
        st.caption(t("lesson.drawn_2"))
        return
    key = choices.key_now(names, asked.look.key)
    drawn = [Strip(query, found.query), Strip(f"k {names[key]}", found.keys[key])]
    product = [Strip("q × k", found.query * found.keys[key])]
    values = {
        "query": asked.names["query"], "key": plain(names[key]), "product": number(float(found.products[key])),
        "width": len(found.query), "score": number(float(found.masked[key])),
    }  # fmt: skip
    draw(strips(drawn, style_now(height=TWO)), choices.KEY + "strips", t("lesson.alt_two", **values))
    draw(strips(product, style_now(height=ONE)), choices.KEY + "product", t("lesson.sum_2", **values))
    st.markdown(t("lesson.sum_2", **values))


def draw_rules(asked: Asked, known: bool) -> None:
    """Softmax and hard side by side; then also softmax at the temperature that is tried."""
    from attnviz.figures.teaching.columns import Column, columns

    layer, head = asked.look.place

    def column(name: str, rule: RuleChoice) -> Column:
        return Column(name, asked.trace.weights(layer, head, as_rule(rule))[asked.look.query])

    rules = [column("softmax", RuleChoice("soft", 1.0, False))]
    if known:
        tried = choices.temperature_now()
        rules.append(column(f"softmax, T = {tried:g}", RuleChoice("soft", tried, False)))
    rules.append(column(t("lesson.hard"), RuleChoice("argmax", None, True)))
    chosen = int(asked.whole_row.argmax())
    st.html(columns(asked.labels, (t("lesson.score"), asked.scores), rules, chosen, style_now()))


def draw_heads(asked: Asked, known: bool) -> None:
    """The head that was seen; then all heads of a layer side by side."""
    if not known:
        look = asked.look
        _gallery(_asking(asked, asked.row, t("lesson.head", layer=look.layer, head=look.head)))
        return
    layer = choices.layer_now(asked.trace.open_layers, asked.look.layer)
    heads = range(asked.trace.attention(layer).n_heads)
    _gallery(*(_asking(asked, asked.shares[layer, head], _caption(asked, layer, head)) for head in heads))
    _say_habit(asked)


def _say_habit(asked: Asked) -> None:
    """Where the head that was seen first goes by place alone, in this sentence, that is said."""
    from attnviz.measures import strongest

    habit = next(one for one in strongest([asked.trace]) if (one.layer, one.head) == asked.look.place)
    if habit.name in ("previous", "next") and habit.share >= MOSTLY:
        values = {"layer": habit.layer, "head": habit.head, "share": percent(habit.share)}
        st.caption(t(f"lesson.habit_{habit.name}", **values))


def _caption(asked: Asked, layer: int, head: int) -> str:
    """A head, and whom the token looks at most there."""
    row = asked.shares[layer, head]
    key, named = int(row.argmax()), t("lesson.head", layer=layer, head=head)
    query = asked.labels[asked.look.query]
    return f"{named}{t('lesson.colon')}{query} → {asked.labels[key]} {percent(float(row[key]))}"


def draw_layers(asked: Asked, known: bool) -> None:
    """What the hidden token looks at in every layer; then also what the model says there."""
    from attnviz.measures import looks

    at = asked.look.query
    run = hidden(asked.trace.text, at)
    shares = looks(run, at)
    layers = range(run.n_layers)
    _gallery(*(_asking(asked, shares[n].mean(0), t("lesson.layer", layer=n), run.tokens) for n in layers))
    st.caption(t("lesson.drawn_5"))
    if known:
        _draw_words(run, at)


def _draw_words(run: Trace, at: int) -> None:
    """The model's first words for the hidden token, with their probabilities."""
    rows = [[plain(token), percent(chance)] for token, chance in run.predictions(at, top=TOP)]
    st.markdown(table([t("lesson.word"), t("lesson.chance")], rows, "---:"))


def try_one(asked: Asked) -> None:
    """Another token asks."""
    choices.choose_asking(asked.labels, asked.text_tokens)


def try_key(asked: Asked) -> None:
    """Another key."""
    choices.choose_key(asked.labels, asked.look.key)


def try_temperature(_: Asked) -> None:
    """Another temperature."""
    choices.choose_temperature()


def try_layer(asked: Asked) -> None:
    """Another layer."""
    choices.choose_layer(asked.trace.open_layers)


PICTURES: tuple[Callable[[Asked, bool], None], ...] = (draw_asking, draw_scores, draw_rules, draw_heads, draw_layers)
TRIALS: tuple[Callable[[Asked], None], ...] = (try_one, try_key, try_temperature, try_layer, try_one)
