"""What heads do on pairs: the verdict, every relation beside a fixed distance and chance, one head on one sentence."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from attnviz.ui.kit import Selection, bold, draw, draw_heatmap, offer_file, plain, style_now, t, table
from attnviz.ui.pages.grammar import choices, run
from attnviz.ui.pages.grammar.choices import KEY, Head
from attnviz.ui.pages.grammar.run import Asked

if TYPE_CHECKING:
    from attnviz.experiments.reading.find import Pair
    from attnviz.experiments.reading.judged import Judged

CHART = KEY + "rows"
MOST_ROWS, MOST_HEADS, MOST_NAMED, MOST_SENTENCES = 16, 10, 4, 60
KNOWN = (
    "nsubj", "obj", "iobj", "obl", "det", "amod", "advmod", "nmod", "case", "aux", "cop", "clf", "nummod", "mark",
    "acl", "advcl", "conj", "cc", "compound", "xcomp", "ccomp", "appos", "csubj", "flat", "parataxis", "discourse",
)  # fmt: skip


def show(asked: Asked, places: tuple[DeltaGenerator, DeltaGenerator]) -> None:
    """The verdict and its picture on the left, the chosen head on a sentence on the right."""
    left, right = places
    pairs = run.pairs_of(asked)
    with left:
        found = run.judged_of(asked)
        if found is None:
            return
        if not found:
            st.info(t("grammar.none_enough", least=asked.fewest))
            return
        ordered = in_order(found)
        (say_trees if asked.trees else say_pairs)(asked, ordered)
        picture = st.container()
    with right:
        names = [one.name for one in ordered]
        chosen = choices.choose_relation(names, relation_name) if asked.trees else names[0]
        one = next(one for one in ordered if one.name == chosen)
        head = choices.choose_head(_heads(one))
        show_head(asked, pairs[chosen], head)
    with picture:
        (draw_relations if asked.trees else draw_heads)(ordered, chosen, head)
    with left, st.expander(t("grammar.table")):
        show_table(asked, ordered, chosen)


def in_order(found: Sequence[Judged]) -> list[Judged]:
    """Those whose head is furthest above a fixed distance first, those that cannot be judged last."""
    return sorted(found, key=lambda one: math.inf if math.isnan(one.beyond) else -one.beyond)


def relation_name(name: str) -> str:
    """A relation and its direction, in words where it is a common one."""
    bare = name.removesuffix("<")
    said = t(f"grammar.rel_{bare}") if bare in KNOWN else ""
    key = "grammar.from_head" if name.endswith("<") else "grammar.to_head"
    return t(key, relation=f"{bare} {said}".strip())


def _short(name: str) -> str:
    """A relation and its direction, as the picture has room for it."""
    key = "grammar.from_head" if name.endswith("<") else "grammar.to_head"
    return t(key, relation=name.removesuffix("<"))


def share(value: float) -> str:
    """A share; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.0%}"


def _place(head: Head) -> str:
    return f"{head[0]}.{head[1]}"


def say_trees(asked: Asked, found: Sequence[Judged]) -> None:
    """How many relations have a head that is clearly above a fixed distance, and which."""
    bank = run.bank_of(asked)
    clear = [one for one in found if one.clear]
    words = {"model": plain(asked.name), "count": len(found), "sentences": len(bank.trees), "clear": len(clear)}
    st.markdown(t("grammar.verdict_some" if clear else "grammar.verdict_none", **words))
    for one in clear[:MOST_NAMED] or found[:1]:
        st.markdown("- " + _told(one, "grammar.relation_says", plain(relation_name(one.name))))
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


def say_pairs(asked: Asked, found: Sequence[Judged]) -> None:
    """Which head looks where the pairs say, and is it more than a fixed distance?"""
    one = found[0]
    key = "grammar.pairs_clear" if one.clear else "grammar.pairs_few" if math.isnan(one.held) else "grammar.pairs_not"
    st.markdown(t(key, model=plain(asked.name)) + " " + _told(one, "grammar.pairs_say"))
    if one.found.left_out:
        st.caption(t("grammar.pairs_left_out", count=one.found.left_out))


def draw_relations(found: Sequence[Judged], chosen: str, _head: Head) -> None:
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
        "grammar.alt_relations", rows=len(rows), first=relation_name(first.name), held=share(first.held),
        offset=share(first.found.offset_hits),
    )  # fmt: skip
    draw(figure, CHART, alt, on_point=partial(choices.take_row, CHART, "relation", names))
    st.caption(t("grammar.how_held"))


def draw_heads(found: Sequence[Judged], _chosen: str, head: Head) -> None:
    """The best heads as rows; a click chooses one."""
    from attnviz.figures.attribution.beside import Row, beside

    one = found[0]
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
    trace = run.trace(asked, pair.text)
    spans = trace.encoded.spans
    asks, looks = (
        [place for place, own in enumerate(spans) if own is not None and own[0] < end and own[1] > start]
        for start, end in (pair.asks, pair.looks)
    )
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
        link = run.link_of(asked, text) | {name: str(number) for name, number in place.items()}
        st.switch_page("pages/models.py", query_params=link)


COLUMNS = ("pairs", "best", "hits", "held", "distance", "offset", "chance")


def show_table(asked: Asked, found: Sequence[Judged], chosen: str) -> None:
    """Every relation with all of its numbers; as CSV too."""
    head = [t("grammar.relation"), *(t(f"grammar.col_{name}") for name in COLUMNS)]
    rows = [
        bold(
            [plain(relation_name(one.name)) if one.name else t("grammar.these_pairs"), *_cells(one)], one.name == chosen
        )
        for one in found
    ]
    st.html("<style>.st-key-grammar-all table{font-size:.8rem}</style>")
    with st.container(key=KEY + "all"):
        st.markdown(table(head, rows, "---:"))
    offer_file("csv", f"{file_stem(asked.name)}-grammar", partial(as_csv, found), KEY, t("grammar.take"))


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


def as_csv(found: Sequence[Judged]) -> bytes:
    """Every head of every relation, a head a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = ["layer", "head", "hits", "weight", "pairs", "offset", "offset_hits", "chance", "held", "held_error"]
    writer.writerow(["relation", *names])
    for one in found:
        told = one.found
        for layer, head in told.ranked:
            numbers = [float(told.hits[layer, head]), float(told.weights[layer, head])]
            tail = [told.offset_hits, told.chance, one.held, one.error]
            said = [f"{value:.6g}" for value in (*numbers, *tail)]
            writer.writerow([one.name, layer, head, *said[:2], told.used, told.offset, *said[2:]])
    return out.getvalue().encode("utf-8-sig")
