"""What the page on detectors says in words: what was found, how it agrees with what is there, what a change did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import SOFT, cell_table, plain, rule_title, t
from attnviz.ui.pages.finding import run, told

if TYPE_CHECKING:
    from attnviz.trace import Trace
    from attnviz.ui.pages.finding.run import Request

FEW = 5  # kinds of thing named in the first sentence


def say_found(after: told.Seen, before: told.Seen, true: Sequence[told.True_], request: Request, least: float) -> None:
    """First of all: what was found, and of a picture that is known, how much of what is there."""
    words = {"model": plain(request.name), "least": f"{least:.0%}"}
    if true:
        st.markdown(t("finding.verdict", **words, **_counts(after, true, request.name)))
    elif after.shown:
        kinds = Counter(run.named(one.label, request.name) for one in after.shown).most_common(FEW)
        listed = t("finding.comma").join(t("finding.kind", label=plain(label), count=count) for label, count in kinds)
        st.markdown(t("finding.found", **words, count=len(after.shown), kinds=listed))
    else:
        st.markdown(t("finding.found_nothing", **words))
    if request.changed and true:
        st.caption(t("finding.verdict_before", **_counts(before, true, request.name)))


def _counts(seen: told.Seen, true: Sequence[told.True_], model: str) -> dict[str, object]:
    """How many true things were found, in all and of each kind; misses, doubles, and boxes with nothing under them."""
    hits = Counter(true[one.of][1] for one in seen.shown if one.mark == "hit" and one.of is not None)
    kinds = Counter(label for _, label in true).most_common()
    each = [
        t("finding.of", label=plain(run.named(label, model)), found=hits[label], true=count) for label, count in kinds
    ]
    return {
        "found": hits.total(), "true": len(true), "kinds": t("finding.comma").join(each), "missed": len(seen.missed),
        "twice": seen.marked("twice"), "nothing": seen.marked("nothing"),
    }  # fmt: skip


def say_change(before: told.Seen, after: told.Seen, trace: Trace, request: Request) -> None:
    """What a change did to the boxes, in a sentence."""
    if not request.changed:
        return
    moved, how = told.moved(before, after), _how(trace, request)
    same = not (moved.gone or moved.new or moved.renamed) and moved.most < 0.5
    st.markdown(t(
        "finding.changed_nothing" if same else "finding.changed", how=how, stayed=moved.stayed, gone=moved.gone,
        new=moved.new, renamed=moved.renamed, mean=f"{moved.mean:.1f}", most=f"{moved.most:.1f}",
    ))  # fmt: skip


def _how(trace: Trace, request: Request) -> str:
    """What was changed, in a few words."""
    found = [] if request.rule == SOFT else [plain(rule_title(trace.rule))]
    found += [t("finding.how_without", count=len(request.without))] if request.without else []
    hidden = "finding.how_painted" if request.painted else "finding.how_hidden"
    found += [t(hidden, count=len(request.hidden))] if request.hidden else []
    return t("finding.comma").join(found)


def show_table(seen: told.Seen, looks: Sequence[tuple[float, str]], size: tuple[int, int], model: str) -> None:
    """Every thing that was found: how sure, how much of its look lies inside its box, what it turned out to be."""
    head = [t(f"finding.col_{name}") for name in ("thing", "confidence", "inside", "area", "best", "agrees")]
    rows = []
    for one, (inside, best) in zip(seen.shown, looks, strict=True):
        cells = [f"{one.confidence:.0%}", f"{inside:.0%}", f"{told.area(one.box, *size):.1%}", best, _mark(one)]
        rows.append((called(one, model), [f"<td>{cell}</td>" for cell in cells]))
    st.html(cell_table(head, rows))


def _mark(thing: told.Thing) -> str:
    return t(f"finding.mark_{thing.mark}") if thing.mark else ""


def called(thing: told.Thing, model: str) -> str:
    """What a query's thing is called, with the query's number."""
    if not thing.shown:
        return t("finding.query_nothing", slot=thing.slot)
    return t("finding.query", label=run.named(thing.label, model), slot=thing.slot)
