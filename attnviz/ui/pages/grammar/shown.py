"""What the page on grammar shows: heads on pairs beside a fixed distance and chance, and what is the likelier sentence.

The verdict, its picture, one head on one sentence, every number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import Selection, bold, draw, draw_heatmap, offer_file, open_model, plain, style_now, t, table
from attnviz.ui.pages.grammar import choices
from attnviz.ui.pages.grammar.choices import KEY, Asked, Head

if TYPE_CHECKING:
    from attnviz.experiments.reading.find import Pair
    from attnviz.experiments.reading.grammar import Treebank
    from attnviz.experiments.reading.judged import Judged
    from attnviz.experiments.reading.marks import Minimal
    from attnviz.experiments.reading.minimal import Preferred, WithoutHeads
    from attnviz.figures.attribution.beside import Row

CHART, SETS_CHART, HEADS_CHART = KEY + "rows", KEY + "sets", KEY + "heads"
EVEN = 0.5  # chance, of two sentences
MOST_ROWS, MOST_HEADS, MOST_NAMED, MOST_SENTENCES, MOST_GONE = 16, 10, 4, 60, 12


def show_heads(asked: Asked, places: tuple[DeltaGenerator, DeltaGenerator]) -> None:
    """The verdict and its picture on the left, the chosen head on a sentence on the right."""
    left, right = places
    bank = choices.bank_of(asked)
    pairs = choices.pairs_of(asked, bank)
    from attnviz.experiments.reading.judged import in_order

    with left:
        found = choices.judged_of(asked, pairs)
        if found is None:
            return
        if not found:
            st.info(t("grammar.none_enough", least=asked.fewest))
            return
        ordered = in_order(found)
        if bank is not None:
            say_trees(asked, bank, ordered)
        else:
            say_pairs(asked, ordered[0])
        picture = st.container()
    with right:
        names = [one.name for one in ordered]
        chosen = choices.choose_relation(names, choices.relation_name) if bank is not None else names[0]
        one = next(one for one in ordered if one.name == chosen)
        head = choices.choose_head(_heads(one))
        show_head(asked, pairs[chosen], head)
    with picture:
        if bank is not None:
            draw_relations(ordered, chosen)
        else:
            draw_heads(one, head)
    with left, st.expander(t("grammar.table")):
        show_table(asked, ordered, chosen)


def _short(name: str) -> str:
    """A relation and its direction, as the picture has room for it."""
    key = "grammar.from_head" if name.endswith("<") else "grammar.to_head"
    return t(key, relation=name.removesuffix("<"))


def share(value: float) -> str:
    """A share; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.0%}"


def _place(head: Head) -> str:
    return f"{head[0]}.{head[1]}"


def say_trees(asked: Asked, bank: Treebank, found: Sequence[Judged]) -> None:
    """How many relations have a head that is clearly above a fixed distance, and which."""
    clear = [one for one in found if one.clear]
    words = {"model": plain(asked.name), "count": len(found), "sentences": len(bank.trees), "clear": len(clear)}
    st.markdown(t("grammar.verdict_some" if clear else "grammar.verdict_none", **words))
    for one in clear[:MOST_NAMED] or found[:1]:
        st.markdown("- " + _told(one, "grammar.relation_says", plain(choices.relation_name(one.name))))
    if len(clear) > MOST_NAMED:
        st.caption(t("grammar.more", count=len(clear) - MOST_NAMED))
    if bank.left_out:
        st.caption(t("grammar.left_out", count=bank.left_out))


def _told(one: Judged, key: str, name: str = "") -> str:
    """One relation in a sentence: its head, the best distance, chance."""
    return t(
        key, relation=name, hits=share(float(one.found.hits[one.found.best])), head=_place(one.found.best),
        held=share(one.held),
        distance=f"{one.found.offset:+d}".replace("-", "−"), offset=share(one.found.offset_hits),
        chance=share(one.found.chance), pairs=one.found.used,
    )  # fmt: skip


def say_pairs(asked: Asked, one: Judged) -> None:
    """Which head looks where the pairs say, and is it more than a fixed distance?"""
    key = "grammar.pairs_clear" if one.clear else "grammar.pairs_few" if math.isnan(one.held) else "grammar.pairs_not"
    st.markdown(t(key, model=plain(asked.name)) + " " + _told(one, "grammar.pairs_say"))
    if one.found.left_out:
        st.caption(t("grammar.pairs_left_out", count=one.found.left_out))


def draw_relations(found: Sequence[Judged], chosen: str) -> None:
    """Every relation as a row; a click chooses it."""
    from attnviz.figures.attribution.beside import Row, beside

    shown = [one for one in found if not math.isnan(one.held)][:MOST_ROWS]
    if not shown:
        st.info(t("grammar.none_judged"))
        return
    rows = [
        Row(_short(one.name), one.held, _place(one.found.best), one.found.offset_hits, one.found.chance)
        for one in shown
    ]
    names = [one.name for one in shown]
    marks = t("grammar.mark_held"), t("grammar.mark_offset"), t("grammar.mark_chance")
    figure = beside(
        rows, marks, t("grammar.axis"), chosen=names.index(chosen) if chosen in names else -1, style=style_now()
    )
    first = shown[0]
    alt = t(
        "grammar.alt_relations", rows=len(rows), first=choices.relation_name(first.name), held=share(first.held),
        offset=share(first.found.offset_hits),
    )  # fmt: skip
    draw(figure, CHART, alt, on_point=partial(choices.take_row, CHART, "relation", names))
    st.caption(t("grammar.how_held"))


def draw_heads(one: Judged, head: Head) -> None:
    """The best heads as rows; a click chooses one."""
    from attnviz.figures.attribution.beside import Row, beside

    heads = one.found.ranked[:MOST_HEADS]
    rows = [Row(_place(at), float(one.found.hits[at]), "", one.found.offset_hits, one.found.chance) for at in heads]
    marks = t("grammar.mark_head"), t("grammar.mark_offset"), t("grammar.mark_chance")
    figure = beside(
        rows, marks, t("grammar.axis"), chosen=heads.index(head) if head in heads else -1, style=style_now()
    )
    alt = t("grammar.alt_heads", rows=len(rows), head=_place(heads[0]), hits=share(rows[0].value))
    draw(figure, CHART, alt, on_point=partial(choices.take_row, CHART, "head", [_place(at) for at in heads]))


def _heads(one: Judged) -> dict[Head, str]:
    """The heads, the best first, with their shares."""
    return {at: share(float(one.found.hits[at])) for at in one.found.ranked}


def show_head(asked: Asked, pairs: Sequence[Pair], head: Head) -> None:
    """One head on one sentence: what it should look at, and what it does look at."""
    texts = list(dict.fromkeys(pair.text for pair in pairs))[:MOST_SENTENCES]
    text = choices.choose_sentence(texts)
    pair = next(pair for pair in pairs if pair.text == text)
    draw_pair(asked, pair, head)


def draw_pair(asked: Asked, pair: Pair, head: Head) -> None:
    """The words and the weights of one pair in one head."""
    trace = choices.trace(asked, pair.text)
    asks, looks = (trace.encoded.holding(stretch) for stretch in (pair.asks, pair.looks))
    if not asks or not looks:
        st.caption(t("grammar.not_read"))
        return
    rows = trace.weights(*head)[asks].mean(0)
    inside = [place for place, special in enumerate(trace.key_special) if not special]
    most = max(inside, key=lambda place: float(rows[place]))
    who, what = (plain(word) for word in pair.words)
    weight, largest = (f"{float(one):.2f}" for one in (rows[looks].sum(), rows[most]))
    st.markdown(
        t(
            "grammar.pair_hit" if most in looks else "grammar.pair_miss", head=_place(head), who=who, what=what,
            weight=weight, most=plain(trace.tokens[most]), largest=largest,
        )
    )  # fmt: skip
    selection = Selection(*head, query=asks[0], key=looks[0])
    draw_heatmap(trace, selection, style_now("unit", 330), key=KEY + "heatmap")
    open_in_models(asked, pair.text, head, (asks[0], looks[0]))


def open_in_models(asked: Asked, text: str, head: Head, cell: tuple[int, int]) -> None:
    """A button that opens this head on the page *Any model*."""
    if st.button(t("grammar.open"), key=KEY + "open", icon=":material/open_in_new:"):
        place = {"layer": head[0], "head": head[1], "query": cell[0], "key": cell[1]}
        link = choices.link_of(asked, text) | {name: str(number) for name, number in place.items()}
        st.switch_page("pages/models.py", query_params=link)


COLUMNS = ("pairs", "best", "hits", "held", "distance", "offset", "chance")


def show_table(asked: Asked, found: Sequence[Judged], chosen: str) -> None:
    """Every relation with all of its numbers; as CSV too."""
    head = [t("grammar.relation"), *(t(f"grammar.col_{name}") for name in COLUMNS)]
    rows = [
        bold(
            [plain(choices.relation_name(one.name)) if one.name else t("grammar.these_pairs"), *_cells(one)],
            one.name == chosen,
        )
        for one in found
    ]
    st.html("<style>.st-key-grammar-all table{font-size:.8rem}</style>")
    with st.container(key=KEY + "all"):
        st.markdown(table(head, rows, "---:"))
    offer_file("csv", f"{file_stem(asked.name)}-grammar", partial(_heads_csv, found), KEY, t("grammar.take"))


def file_stem(name: str) -> str:
    """A model's name as that of a file."""
    return "".join(one if one.isalnum() or one in "-." else "-" for one in name)


def _cells(one: Judged) -> list[str]:
    found = one.found
    return [
        str(found.used), _place(found.best), share(float(found.hits[found.best])),
        share(one.held) + (" ✓" if one.clear else ""), f"{found.offset:+d}".replace("-", "−"),
        share(found.offset_hits), share(found.chance),
    ]  # fmt: skip


def _heads_csv(found: Sequence[Judged]) -> bytes:
    from attnviz.experiments.reading.judged import as_csv

    return as_csv(found).encode("utf-8-sig")


def show_agreement(own: Asked, places: tuple[DeltaGenerator, DeltaGenerator]) -> None:
    """The verdict and its picture on the left, a head on a sentence on the right."""
    left, right = places
    asked = choices.sets_of(own)
    choices.minimal_of(own)  # what was written is said to be wrong before a model is opened
    with left:
        chosen = choices.choose_set("own" in asked)
        verdict = st.container()
        open_model(own.name)
        with st.spinner(t("running", model=plain(own.name)), show_time=True):
            found = {name: choices.preferred_of(one) for name, one in asked.items()}
        with verdict:
            say_verdict(own.name, chosen, found[chosen])
        draw_sets(found, chosen)
        gone = choices.without_of(asked[chosen]) if choices.choose_without() else None
        picture = st.container()
    pairs = choices.minimal_of(asked[chosen])
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
    key = "above" if low > EVEN else "below" if high < EVEN else "chance"
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
    rows = [_set_row(t(f"grammar.short_{name}"), one) for name, one in found.items()]
    marks = t("grammar.mark_right"), "", t("grammar.mark_chance")
    figure = beside(rows, marks, t("grammar.axis_right"), chosen=names.index(chosen), style=style_now())
    told = t("grammar.comma").join(f"{one.name} {share(one.value)}" for one in rows)
    draw(
        figure,
        SETS_CHART,
        t("grammar.alt_sets", told=told),
        on_point=partial(choices.take_row, SETS_CHART, "set", names),
    )


def _set_row(name: str, found: Preferred) -> Row:
    from attnviz.experiments.reading.minimal import interval
    from attnviz.figures.attribution.beside import Row

    low, high = interval(found.right, found.judged)
    return Row(name, found.share, share(found.share), chance=EVEN, low=low, high=high)


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
    from attnviz.figures.attribution.beside import Row, beside

    heads = gone.heads[:MOST_GONE]
    left = [gone.without(*at).share for at in heads]
    rows = [
        Row(t("grammar.without_head", head=_place(at)), right, share(right), gone.before.share, EVEN)
        for at, right in zip(heads, left, strict=True)
    ]
    marks = t("grammar.mark_without"), t("grammar.mark_with"), t("grammar.mark_chance")
    at = heads.index(head) if head in heads else -1
    figure = beside(rows, marks, t("grammar.axis_right"), chosen=at, style=style_now())
    alt = t("grammar.alt_without", rows=len(rows), head=_place(heads[0]), share=share(rows[0].value))
    taken = [_place(one) for one in heads]
    draw(figure, HEADS_CHART, alt, on_point=partial(choices.take_row, HEADS_CHART, "head", taken))


def show_sentence(asked: Asked, pairs: Sequence[Minimal], gone: WithoutHeads | None) -> Head:
    """A head on the right one of a pair, the word that differs framed with what the head looks at most there."""
    text = choices.choose_sentence(list(dict.fromkeys(one.right for one in pairs)))
    pair = next(one for one in pairs if one.right == text)
    trace = choices.trace(asked, text)
    every = [(layer, at) for layer in trace.open_layers for at in range(trace.attention(layer).n_heads)]
    heads = gone.heads if gone else every
    head = choices.choose_head({at: _said(at, gone) for at in heads})
    asks = trace.encoded.holding(pair.span)
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
    st.html("<style>.st-key-grammar-pairs_all table{font-size:.8rem}</style>")
    with st.container(key=KEY + "pairs_all"):
        st.markdown(table([t("grammar.col_sentence"), t("grammar.col_margin"), t("grammar.col_right")], rows, "---:"))
    name = f"{file_stem(asked.name)}-agreement"
    offer_file("csv", name, partial(_pairs_csv, pairs, found, gone), KEY + "pairs_", t("grammar.take_pairs"))


def _marked(pair: Minimal) -> str:
    """The right sentence with the wrong word beside the right one."""
    (start, end), other = pair.span, pair.wrong[slice(*pair.other)]
    parts = plain(pair.right[:start]), plain(pair.right[start:end]), plain(other), plain(pair.right[end:])
    return "{}**{}** (~~{}~~){}".format(*parts)


def _margin(value: float) -> tuple[str, str]:
    if math.isnan(value):
        return "–", "–"
    return f"{value:+.2f}".replace("-", "−"), "✓" if value > 0 else "✗"


def _pairs_csv(pairs: Sequence[Minimal], found: Preferred, gone: WithoutHeads | None) -> bytes:
    from attnviz.experiments.reading.minimal import as_csv

    return as_csv(pairs, found, gone).encode("utf-8-sig")
