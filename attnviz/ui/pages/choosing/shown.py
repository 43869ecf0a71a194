"""What the page on choosing shows: what comes next, the history lit by each film that asks, what a change does."""

from __future__ import annotations

import html
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import (
    SOFT,
    Selection,
    bold,
    draw_heatmap,
    figure_text,
    joined,
    plain,
    rule_title,
    signed,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.choosing import run
from attnviz.ui.pages.choosing.choices import KEY, Asked, label
from attnviz.ui.pages.choosing.run import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from attnviz.systems.recommendation.system import Ranking
    from attnviz.trace import Trace
    from attnviz.ui.pages.choosing.run import Head, Request

CHART = KEY + "heatmap"
LISTED, BAR = 10, 14  # films of the ranking; rem of a bar whose share is 1, of which most are far from
WAYS = ("popular", "popular_lately", "pairs", *reversed(NETWORKS), "popular_now")
STYLE = """<style>
.lit-films { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.6rem, 1fr)); gap: .35rem;
  list-style: none; margin: .3rem 0 .9rem !important; padding: 0 !important; }
.lit-films li { min-height: 4.8rem; border-radius: .4rem; padding: .35rem .45rem; margin: 0 !important;
  box-sizing: border-box; font-size: .78rem; line-height: 1.2; display: flex; flex-direction: column;
  justify-content: space-between; border: 1px solid rgba(128, 128, 128, .45); overflow-wrap: anywhere; }
.lit-films li.out { border-style: dashed; }
.lit-films li.most { outline: 2px solid currentColor; outline-offset: -4px; }
.lit-films b { font-size: .95rem; font-variant-numeric: tabular-nums; }
.lit-films small { font-size: .72rem; }
.lit-asks { font-size: .95rem; margin: 0; } .lit-asks b { font-size: 1.05rem; }
.next { border-collapse: collapse; font-size: .87rem; width: 100%; }
.next :is(td, th) { padding: .18rem .6rem .18rem 0; text-align: left; font-weight: normal; vertical-align: top; }
.next th { opacity: .75; white-space: nowrap; }
.next td:first-child { font-variant-numeric: tabular-nums; width: 2rem; }
.next td.asks { font-weight: 600; } .next small { opacity: .75; display: block; }
.next i { display: inline-block; height: .6rem; border-radius: 2px; background: currentColor; margin-right: .4rem; }
.next .before i { opacity: .35; } .next .after i { opacity: .8; } .next td:not(:nth-child(2)) { white-space: nowrap; }
@media (max-width: 640px) { .next i { display: none; } .next :is(td, th) { padding-right: .4rem; } }
</style>"""


def name_of(network: str) -> str:
    """A network in a few words."""
    return t(f"choosing.net_{network}")


def genres(film: int) -> str:
    """The genres of a film in the reader's language."""
    keys = (one.lower().replace("-", "_") for one in run.films()[film].genres)
    return t("choosing.comma").join(t(f"choosing.genre_{key}") for key in keys)


def percent(share: float) -> str:
    """A share with two digits after the point; one that is smaller is not 0."""
    return "<0.01%" if 0 < share < 0.0001 else f"{share:.2%}"


def how(found: Asked) -> str:
    """What was changed, in a few words."""
    after, parts = found.after, []
    if found.out is not None:
        parts.append(t("choosing.how_out", film=plain(label(found.out))))
    if found.swapped is not None:
        first, second = (plain(label(one)) for one in found.swapped)
        parts.append(t("choosing.how_swap", first=first, second=second))
    if after.forbidden is not None:
        who, what = (plain(label(one)) for one in after.forbidden)
        parts.append(t("choosing.how_forbid", who=who, what=what))
    if after.heads:
        parts.append(t("choosing.how_heads", heads=plain(" ".join(f"{a}.{b}" for a, b in after.heads))))
    if after.rule != SOFT:
        parts.append(t("choosing.how_rule", rule=plain(rule_title(run.trace(after).rule))))
    return t("choosing.comma").join(parts)


def say_verdict(found: Asked) -> None:
    """First of all: what comes next; after a change, whether that is still first, and what moved."""
    before, after = run.ranking(found.before), run.ranking(found.after)
    first, now = before.first(1)[0], after.first(1)[0]
    words = {
        "network": plain(name_of(found.before.name)), "count": len(found.before.films), "film": plain(label(first)),
        "share": percent(before.share(first)),
    }  # fmt: skip
    if not found.changed:
        st.markdown(t("choosing.says", **words))
    else:
        over = "still" if first == now else "turns"
        words |= {"how": how(found), "told": plain(label(now)), "chance": percent(after.share(now))}
        st.markdown(t(f"choosing.{over}", **words))
    _say_moved(found, before, after)
    _notes(found)


def _say_moved(found: Asked, before: Ranking, after: Ranking) -> None:
    """What each film that asks gets."""
    for one in found.before.candidates:
        place, share = before.place(one), percent(before.share(one))
        if not found.changed:
            st.markdown(t("choosing.stands", film=plain(label(one)), place=place, share=share))
        else:
            words = {"film": plain(label(one)), "place": place, "share": share}
            now, chance = after.place(one), percent(after.share(one))
            st.markdown(t("choosing.moves", now=now, chance=chance, **words))


def _notes(found: Asked) -> None:
    """What was left out of the history, and films that nobody had rated."""
    request = found.before
    if found.unknown:
        st.caption(
            t("choosing.note_unknown", films=plain(t("listed").join(found.unknown[:3])), count=len(found.unknown))
        )
    if found.again:
        st.caption(t("choosing.note_again", count=found.again))
    if found.earlier:
        st.caption(t("choosing.note_earlier", read=len(request.films), count=found.earlier + len(request.films)))
    rare = [one for one in (*request.films, *request.candidates) if run.films()[one].counted == 0]
    if rare:
        st.caption(t("choosing.note_rare", films=plain(t("choosing.comma").join(map(label, rare[:3])))))


def show_next(found: Asked, order: str) -> None:
    """The first ten with genres and probabilities, before and after a change: the likeliest, or the most raised."""
    before, after = run.ranking(found.before), run.ranking(found.after)
    top = run.most_raised(after, LISTED) if order == "raised" else after.first(LISTED)
    wide = BAR / max(*(one.share(film) for film in top for one in (before, after)), 0.0001) / 3
    columns = ["place", "film", *(("before", "was") if found.changed else ()), "after" if found.changed else "share"]
    head = "".join(f"<th scope='col'>{html.escape(t(f'choosing.col_{name}'))}</th>" for name in [*columns, "raised"])
    rows = []
    for film in top:
        name = f"<td class='{'asks' if film in found.after.candidates else ''}'>{html.escape(label(film))}"
        cells = [f"<td>{after.place(film)}</td>", f"{name}<small>{html.escape(genres(film))}</small></td>"]
        if found.changed:
            cells += [f"<td>{before.place(film) or '–'}</td>", _share_cell(before.share(film), "before", wide)]
        cells += [_share_cell(after.share(film), "after", wide), f"<td>×{after.raised(film):.1f}</td>"]
        rows.append("".join(cells))
    st.html(f"{STYLE}<table class='next'><tr>{head}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>")
    st.caption(t(f"choosing.next_{order}", films=f"{len(run.films()):,}", least=run.LEAST))


def _share_cell(share: float, name: str, wide: float) -> str:
    """A share as a bar and in percent."""
    return f"<td class='{name}'><i style='width:{wide * share:.2f}rem'></i>{html.escape(percent(share))}</td>"


def show_lit(found: Asked, head: Head) -> None:
    """The films of the history as cards, lit by the weight that each film that asks gives them."""
    request = found.after
    trace, own = run.trace(request), run.trace(found.before)
    layer, number = head
    weights, before = trace.weights(layer, number), own.weights(layer, number)
    rows = list(enumerate(request.candidates)) if request.asks else [(len(request.films) - 1, request.films[-1])]
    top = float(max(weights[row].max() for row, _ in rows)) or 1.0
    st.markdown(f"**{t('choosing.lit' if request.asks else 'choosing.lit_last')}**")
    drawn = []
    for row, film in rows:
        was = _weights_before(found, before[row if request.asks else -1])
        drawn.append(_asks(film, weights[row], trace) + _cards(found, weights[row], top, was))
    st.html(STYLE + "".join(drawn))
    st.caption(t(f"choosing.weights_{_kind(request)}"))


def _kind(request: Request) -> str:
    """What the weights of a run are, for the sentence under them."""
    if request.name == "sasrec-films-mean":
        return "mean"
    return "gate" if request.name == "din-films" and request.rule == SOFT else "softmax"


def _weights_before(found: Asked, row: Tensor) -> dict[int, float]:
    """What each film had before a change; {} where there is none."""
    if not found.changed:
        return {}
    return dict(zip(found.before.films, row.tolist(), strict=True))


def _asks(film: int, row: Tensor, trace: Trace) -> str:
    """Who asks, and the sum of what it gives."""
    total = t("choosing.total", total=f"{float(row.sum()):.2f}")
    return f"<p class='lit-asks'><b>{html.escape(label(film))}</b> · {html.escape(total)}</p>"


def _cards(found: Asked, row: Tensor, top: float, before: dict[int, float]) -> str:
    """The history as one strip of cards; a film that was taken out is a card without light."""
    from attnviz.figures.strips import fills

    films, weights = found.after.films, row.tolist()
    most = max(range(len(films)), key=weights.__getitem__)
    cards = []
    for place, (film, weight, (ground, ink)) in enumerate(
        zip(films, weights, fills(row / top, style_now()), strict=True)
    ):
        was = f" <small>{t('choosing.was', weight=f'{before[film]:.2f}')}</small>" if film in before else ""
        kind = " class='most'" if place == most and weight > 0 else ""
        name = html.escape(label(film))
        cards.append(
            f"<li{kind} style='background:{ground};color:{ink}'>{name}<span><b>{weight:.2f}</b>{was}</span></li>"
        )
    if found.out is not None:
        cards.append(f"<li class='out'>{html.escape(label(found.out))}<span>{t('choosing.taken_out')}</span></li>")
    return f"<ol class='lit-films'>{''.join(cards)}</ol>"


def show_map(found: Asked, head: Head) -> None:
    """The weights as a map, and what can be taken away."""
    request, (layer, number) = found.after, head
    trace = run.trace(request)
    asking = 0 if request.asks else len(request.films) - 1
    selection, style = Selection(layer, number, query=asking), style_now("unit", 420)
    with st.expander(t("choosing.numbers"), expanded=request.name == "sasrec-films"):
        weights = trace.weights(layer, number)
        row, column = divmod(int(weights.argmax()), weights.shape[-1])
        alt = t(
            "choosing.alt_map", queries=len(trace.tokens), keys=len(trace.key_tokens), query=trace.tokens[row],
            key=trace.key_tokens[column], weight=f"{float(weights.max()):.2f}",
        )  # fmt: skip
        draw_heatmap(trace, selection, style, key=CHART, alt=alt)
        st.caption(t("choosing.map_asks" if request.asks else "choosing.map_self"))
        take_away(trace, selection, style, chart=CHART)


def show_importance(found: Asked, head: Head) -> None:
    """Each film taken out in turn: does the weight say what counts?"""
    request = found.before.plain
    if not request.asks:
        request = replace(request, candidates=tuple(run.ranking(request).first(run.MANY)))
    with st.expander(t("choosing.importance")):
        costs = run.without_each(request)
        if not costs:
            st.caption(t("choosing.importance_one"))
            return
        weights = run.trace(found.before).weights(*head)
        if not request.asks:  # all are asked for by the last film
            weights = weights[-1:].expand(len(request.candidates), -1)
        st.markdown(_costs(request, costs, weights))
        st.markdown(_agree(request, costs, weights))


def _costs(request: Request, costs: Sequence[Sequence[float]], weights: Tensor) -> str:
    """A row a film: what each film that asks gives it, and what its loss costs that film."""
    names, rows = [plain(label(one)) for one in request.candidates], []
    heads = [t("choosing.col_film")]
    if not request.asks:
        heads.append(t("choosing.col_last"))
    for name in names:
        heads += [t("choosing.col_weight", film=name)] * request.asks + [t("choosing.col_cost", film=name)]
    for place, film in enumerate(request.films):
        cells = [plain(label(film))] + [f"{float(weights[0, place]):.2f}"] * (not request.asks)
        for number, cost in enumerate(costs[place]):
            cells += [f"{float(weights[number, place]):.2f}"] * request.asks + [signed(-100 * cost)]
        rows.append(cells)
    return table(heads, rows, "---:")


def _agree(request: Request, costs: Sequence[Sequence[float]], weights: Tensor) -> str:
    """Is the film with the most weight the one whose loss costs most?"""
    said = []
    for number, one in enumerate(request.candidates):
        heaviest = int(weights[number].argmax())
        dearest = max(range(len(costs)), key=lambda place: costs[place][number])
        words = {name: plain(label(film)) for name, film in (
            ("film", one), ("heaviest", request.films[heaviest]), ("dearest", request.films[dearest]))}  # fmt: skip
        said.append(t("choosing.agree" if heaviest == dearest else "choosing.differ", **words))
    return joined(said)


def show_figures(found: Asked) -> None:
    """How often each way has the next film among the first ten: the card's figures."""
    with st.expander(t("choosing.figures")):
        figures = shipped.figures(NETWORKS[0])
        rows = []
        for way in WAYS:
            one = figures["ways"][way]
            name = name_of(way) if way in NETWORKS else t(f"choosing.way_{way}")
            cells = [name, *(figure_text(one[key]) for key in ("hit", "ndcg"))]
            rows.append(bold(cells, way == found.before.name))
        st.markdown(table([t("choosing.col_way"), "HR@10", "NDCG@10"], rows, "---:"))
        words = {name: f"{figures[name]:,}" for name in ("questions", "unseen", "films")}
        st.caption(t("choosing.figures_say", **words))
