"""What the page on hierarchical attention shows: the document in colour, the prediction, deletions, both maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz.ui.kit import (
    RuleChoice,
    Selection,
    after_the_score,
    bold,
    dark,
    draw,
    draw_heatmap,
    head_picture,
    language,
    place_in_row,
    plain,
    rule_title,
    short,
    signed,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.hierarchical.choices import KEY, Reading, class_name, without_word

if TYPE_CHECKING:
    from attnviz.figures.documents import Painted
    from attnviz.systems.hierarchical.effect import Deletion
    from attnviz.systems.hierarchical.system import Coloured

FEW = 12  # bars of one sentence's words
LARGEST_MAP = 60_000  # cells: sentences x words
WRONG = 0.5  # less of the words known than that, and the weights say little


def notices(reading: Reading) -> None:
    """What the reader must know before the pictures: another language, words not known, a document cut short."""
    from attnviz.systems.hierarchical.system import MOST_SENTENCES, MOST_WORDS
    from attnviz.systems.hierarchical.text import language_of

    system, trace = reading.system, reading.trace
    found = language_of(trace.text)
    if found not in (None, system.language):
        st.warning(
            t(f"hierarchical.wrong_{system.language}", known=f"{reading.known:.0%}"), icon=":material/translate:"
        )
    elif reading.known < WRONG:
        st.warning(t("hierarchical.unknown", known=f"{reading.known:.0%}"), icon=":material/help:")
    cut = trace.queries.cut
    if cut is not None:
        tail = plain(trace.text[cut:].strip()[:24])
        numbers = {"sentences": MOST_SENTENCES, "words": MOST_WORDS, "read": cut, "characters": len(trace.text)}
        st.warning(t("hierarchical.cut", tail=tail, **numbers), icon=":material/content_cut:")


def draw_document(reading: Reading, sentence: int, word: int) -> None:
    """The document: a bar for each sentence, each word on a ground of word weight x sentence weight."""
    from attnviz.figures.documents import Row, document

    most = max(product for one in reading.colours for product in one.products)
    tallest = max(one.weight for one in reading.colours) or 1.0
    rows = [
        Row(
            _painted(reading.trace.text, one, most, word if number == sentence else None), one.weight / tallest,
            f"{number + 1}: {one.weight:.1%}", number == sentence,
        )
        for number, one in enumerate(reading.colours)
    ]  # fmt: skip
    st.html(document(rows, style_now()))
    st.caption(t("hierarchical.coloured", most=short_plain(most), count=len(reading.colours)))


def _painted(text: str, one: Coloured, most: float, chosen: int | None) -> list[Painted]:
    """The stretches of one sentence: its words, and what stands between them."""
    from attnviz.figures.documents import Painted

    found, end = [], one.span[0]
    for place, ((start, stop), weight, product) in enumerate(
        zip(one.words, one.word_weights, one.products, strict=True)
    ):
        found.append(Painted(text[end:start]))
        said = f"{short_plain(weight)} × {short_plain(one.weight)} = {short_plain(product)}"
        found.append(Painted(text[start:stop], product / most if most else 0.0, said, place == chosen))
        end = stop
    return [*found, Painted(text[end : one.span[1]])]


def short_plain(number: float) -> str:
    """A weight outside a formula: four decimals."""
    return f"{number:.4f}"


def draw_prediction(reading: Reading) -> None:
    """The class probabilities."""
    probabilities = reading.above.probabilities(0).tolist()
    names = [class_name(name) for name in reading.system.classes]
    best = max(range(len(names)), key=probabilities.__getitem__)
    rule = plain(rule_title(reading.trace.rule))
    st.markdown(t("hierarchical.prediction", label=names[best], share=f"{probabilities[best]:.1%}", rule=rule))
    cells = [bold([f"{p:.3f}"], n == best)[0] for n, p in enumerate(probabilities)]
    st.markdown(table(names, [cells], "---"))


def draw_effect(reading: Reading, choice: RuleChoice, model: str, text: str, sentence: int, word: int) -> None:
    """What the prediction does when a sentence or a word is deleted."""
    st.markdown(f"**{t('hierarchical.effect_title')}**")
    if not reading.deletions:
        st.caption(t("hierarchical.effect_one"))
        return
    labels, places = reading.trace.tokens, {"most": reading.heaviest, "least": reading.lightest, "chosen": sentence}
    if sentence in (reading.heaviest, reading.lightest):
        del places["chosen"]
    rows = [
        (t(f"hierarchical.without_{name}", name=plain(labels[place])), reading.deletions[place])
        for name, place in places.items()
    ]
    number = reading.first_word(sentence) + word
    without = without_word(model, text, choice, number)
    if without is not None:
        rows.append((t("hierarchical.without_word", name=plain(reading.trace.key_tokens[number])), without))
    st.markdown(_deletions(reading, rows))
    most = max(reading.deletions, key=lambda one: one.moved)
    st.caption(t("hierarchical.effect_most", name=plain(labels[most.number]), moved=f"{most.moved:.3f}"))


def _deletions(reading: Reading, rows: Sequence[tuple[str, Deletion]]) -> str:
    """Deletions as a table: weight, probability of the told class before and after, what is told."""
    names = [class_name(name) for name in reading.system.classes]
    told = rows[0][1].told
    head = [
        "",
        t("hierarchical.col_weight"),
        t("hierarchical.col_share", label=names[told]),
        t("hierarchical.col_change"),
    ]
    lines = [[t("hierarchical.as_read"), "", f"{rows[0][1].before[told]:.3f}", ""]]
    for name, one in rows:
        after = max(range(len(names)), key=one.after.__getitem__)
        verdict = signed(one.change, 3) + (f" → **{names[after]}**" if one.flips else "")
        lines.append([name, short_plain(one.weight), f"{one.after[told]:.3f}", verdict])
    return table(head, lines, "---:")


def draw_sentence(reading: Reading, sentence: int, word: int) -> None:
    """The heaviest words of one sentence as bars."""
    from attnviz.figures import bars

    one, first = reading.colours[sentence], reading.first_word(sentence)
    order = sorted(range(len(one.words)), key=lambda place: (-one.word_weights[place], place))[:FEW]
    labels = [reading.trace.key_tokens[first + place] for place in order]
    said = "hierarchical.words_few" if len(one.words) > FEW else "hierarchical.words_all"
    st.caption(t(said, name=plain(reading.trace.tokens[sentence]), few=FEW, count=len(one.words)))
    draw(
        bars(
            labels, [one.word_weights[place] for place in order], title=t("hierarchical.word_weight"), dark=dark(),
            language=language(), chosen=order.index(word) if word in order else None,
        ),
        KEY + "bars", t("hierarchical.alt_bars", name=reading.trace.tokens[sentence], word=labels[0]),
    )  # fmt: skip


def draw_why(reading: Reading, sentence: int, word: int) -> None:
    """The formula of one word's weight and of its sentence's, with their numbers, and the colour."""
    number, one = reading.first_word(sentence) + word, reading.colours[sentence]
    st.caption(t("hierarchical.shown", model=reading.system.name, rule=rule_title(reading.trace.rule)))
    below, above = reading.trace.cell(0, 0, sentence, number), reading.above.cell(0, 0, 0, sentence)
    for level, cell in (("word", below), ("sentence", above)):
        names = {"word": plain(cell.key_label), "weight": short_plain(cell.weight)}
        lines = [
            t(f"hierarchical.why_{level}", **names, place=place_in_row(cell)),
            t(f"hierarchical.why_{level}_score", score=short(cell.score)),
            *after_the_score(cell),
        ]
        st.markdown("\n\n".join(lines))
    numbers = [short(value) for value in (one.word_weights[word], one.weight, one.products[word])]
    st.markdown(t("hierarchical.why_colour", word=numbers[0], sentence=numbers[1], product=numbers[2]))


def draw_maps(reading: Reading, sentence: int, word: int) -> None:
    """Both levels as maps: the document over its sentences, the sentences over their words."""
    above, below = reading.above, reading.trace
    st.markdown(f"**{t('hierarchical.map_sentences')}**")
    figure, _ = head_picture(above, Selection(query=0, key=sentence), style_now("row", 230))
    figure.update_yaxes(title_text="")  # one row, which says who looks; the words would be cut off
    figure.update_traces(colorbar={"tickvals": [0, 1], "ticktext": ["0", "100%"]}, selector={"type": "heatmap"})
    draw(
        figure,
        KEY + "map_sentences",
        t("hierarchical.alt_sentences", count=len(below.tokens), name=below.tokens[reading.heaviest]),
    )  # fmt: skip
    st.markdown(f"**{t('hierarchical.map_words')}**")
    if len(below.tokens) * len(below.key_tokens) > LARGEST_MAP:
        st.caption(t("hierarchical.map_large", sentences=len(below.tokens), words=len(below.key_tokens)))
        return
    selection = Selection(query=sentence, key=reading.first_word(sentence) + word)
    style = style_now("row", min(620, 190 + 22 * len(below.tokens)))
    alt = t("hierarchical.alt_words", sentences=len(below.tokens), words=len(below.key_tokens))
    draw_heatmap(below, selection, style, key=KEY + "map_words", alt=alt)
    take_away(below, selection, style, chart=KEY + "map_words")


def draw_against(reading: Reading) -> None:
    """Weight against effect, a point for each sentence of this document."""
    from attnviz.figures import Line, lines
    from attnviz.measures.ranks import spearman

    if len(reading.deletions) < 3:
        return
    weights, moved = [one.weight for one in reading.deletions], [one.moved for one in reading.deletions]
    st.markdown(f"**{t('hierarchical.against_title')}**")
    rho = spearman(weights, moved)
    said = "–" if rho != rho else signed(rho)
    draw(
        lines(
            [Line("", weights, moved, points=True)], x_title=t("hierarchical.sentence_weight"),
            y_title=t("hierarchical.moved"), dark=dark(), language=language(), height=260,
        ),
        KEY + "against", t("hierarchical.alt_against", rho=said),
    )  # fmt: skip
    st.caption(t("hierarchical.against", rho=said, count=len(weights)))


def draw_held_out(model: str) -> None:
    """The same deletions over all held-out documents, and what they say of attention."""
    from attnviz.figures import Line, lines
    from attnviz.systems.hierarchical.system import held_out

    found = held_out(model)
    own, (low, high) = found["sentences"], found["interval"]
    st.markdown(f"**{t('hierarchical.held_title', documents=found['documents'])}**")
    st.caption(
        t("hierarchical.held_accuracy", accuracy=f"{found['accuracy']:.1%}", low=f"{low:.1%}", high=f"{high:.1%}")
    )
    head = ["", *(t(f"hierarchical.col_{name}") for name in ("weight", "moved", "change", "flips"))]
    rows = []
    for level, name in ((level, name) for level in ("sentences", "words") for name in ("most", "least", "random")):
        part = found[level][name]
        cells = [
            f"{part['weight']:.3f}",
            f"{part['moved']:.4f}",
            signed(part["change"], 4),
            f"{part['flips']:.1%}",
        ]
        rows.append([t(f"hierarchical.{level}_{name}"), *cells])
    st.markdown(table(head, rows, "---:"))
    ranks, mean = list(range(1, len(own["by_rank"]) + 1)), own["random"]["moved"]
    drawn = [
        Line(t("hierarchical.by_rank"), ranks, own["by_rank"]),
        Line(t("hierarchical.by_chance"), [ranks[0], ranks[-1]], [mean, mean], dashed=True),
    ]
    draw(
        lines(
            drawn, x_title=t("hierarchical.rank"), y_title=t("hierarchical.moved"), dark=dark(), language=language(),
            height=270,
        ),
        KEY + "ranks", t("hierarchical.alt_ranks"),
    )  # fmt: skip
    st.markdown(_verdict(found))


def _verdict(found: dict[str, Any]) -> str:
    """What the deletions say of the weights."""
    own, words = found["sentences"], found["words"]
    most, least, mean = (own[name]["moved"] for name in ("most", "least", "random"))
    said = {
        "hit": f"{own['most_attended_is_most_effective']:.0%}", "chance": f"{own['by_chance']:.0%}",
        "rho": f"{own['rank_correlation']:.2f}",
    }  # fmt: skip
    verdict = "hierarchical.held_yes" if most > least else "hierarchical.held_no"
    says = [
        t(verdict, most=f"{most / mean:.1f}", least=f"{least / mean:.1f}"),
        t("hierarchical.held_words", times=f"{words['most']['moved'] / words['random']['moved']:.1f}"),
        t("hierarchical.held_says", **said),
    ]
    return "\n\n".join(says)
