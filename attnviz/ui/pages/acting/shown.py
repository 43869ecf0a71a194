"""What the page on acting shows: whether the agent arrives, what it looks at on its way, what each head is worth."""

from __future__ import annotations

import html
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attnviz.ui.kit import (
    SOFT,
    Selection,
    as_rule,
    choose_head,
    draw_heatmap,
    file_name,
    joined,
    lit_picture,
    open_folders,
    page,
    plain,
    rule_now,
    rule_title,
    style_now,
    t,
    table,
    take_away,
)
from attnviz.ui.pages.acting import choices, decided, run, told
from attnviz.ui.pages.acting.choices import KEY, now, thing_name
from attnviz.ui.pages.acting.sent import data_of

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from attnviz.trace import Trace
    from attnviz.ui.pages.acting.run import Played, Request
    from attnviz.ui.pages.acting.told import Lead, Phase

View = tuple[int, int | None]  # a layer, and a head of it or None for their mean
CHART, OWN = KEY + "map", KEY + "own."
MUCH = 0.5  # of a head's weight: most of it
PARTS = ("verdict", "picture", "asking", "rest")  # from above to below where all stands in one column
ORDER = "".join(
    f"[data-testid='stLayoutWrapper']:has(> .st-key-acting-{name}) {{ order: {place}; }}"
    for place, name in enumerate(PARTS)
)
BELOW = "[data-testid='stHorizontalBlock']:has(.st-key-acting-verdict) > [data-testid='stColumn']"
NARROW = f"""<style>@media (max-width: 640px) {{
{BELOW}, {BELOW} > [data-testid='stVerticalBlock'] {{ display: contents; }}
{ORDER} }}</style>"""
STYLE = """<style>
.acting-shares { overflow-x: auto; }
.acting-shares table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
.acting-shares :is(td, th) { padding: .12rem .55rem; font-weight: normal; text-align: right; }
.acting-shares th[scope="colgroup"] { text-align: center; border-bottom: 1px solid rgba(128, 128, 128, .5); }
.acting-shares th[scope="row"] { text-align: left; white-space: nowrap; }
.acting-shares .last { padding-right: 1.3rem; }
.acting-shares .most { font-weight: 700; text-decoration: underline; text-underline-offset: 3px; }
</style>"""


def part(name: str) -> DeltaGenerator:
    """A part of the page: on a phone the picture stands before what is asked."""
    made = st.container(key=f"acting-{name}")
    if name == PARTS[0]:
        made.html(NARROW)
    return made


def mission(request: Request) -> str:
    """What is to be done, in the reader's language."""
    scene = run.world(request)
    names = [thing_name(".".join(pair)) for pair in scene.mission.wanted]
    return t(f"acting.mission_{request.task}", **dict(zip(("what", "beside"), names, strict=False)))


def say_verdict(request: Request, played: Played) -> None:
    """First of all: does it arrive, in how many steps, after a change also before it; which head looks where."""
    st.markdown(t("acting.to_do", mission=plain(mission(request))))
    own = run.play(request.untouched)
    if request.decides:
        st.markdown(_asked(request, played))
    if not request.changed:
        st.markdown(t(f"acting.ends_{_end(request, played)}", agent=request.who, **_counts(played)))
    else:
        words = {**_counts(played), "how": _how(request, played), "before": _before(request, own)}
        st.markdown(t(f"acting.now_{_end(request, played)}", **words))
    _say_way(request, played)
    if request.decides:
        st.markdown(joined(_most_of(played)))
    else:
        st.markdown(joined([_lead(one) for one in told.leads(played, request.task)]))


def _asked(request: Request, played: Played) -> str:
    """What was asked for beside what came of it, and beside what cannot be."""
    words = {"asked": -request.asked, "steps": played.episode.steps}
    shortest = run.way(played.episode.scenes[0])
    if not played.episode.reached:
        return t("acting.asked_lost", **words)
    if shortest is not None and -request.asked < shortest and not request.changed:
        return t("acting.asked_impossible", shortest=shortest, **words)
    return t("acting.asked_kept" if -request.asked == played.episode.steps else "acting.asked_other", **words)


def _most_of(played: Played) -> list[str]:
    """Which head looks most at the return, and which at what was earlier, in the mean of all steps."""
    of, found = decided.shares(played), []
    for name in ("return", "state", "earlier"):
        parts = [one for part, one in of.items() if part == name or (name == "earlier" and part.startswith(name))]
        if not played.episode.steps:
            continue
        means = np.sum([one.mean(0) for one in parts], axis=0)
        layer, head = np.unravel_index(int(means.argmax()), means.shape)
        words = {"head": choices.head_name((int(layer), int(head)), True), "share": f"{means[layer, head]:.2f}"}
        found.append(t(f"acting.most_{name}", **words))
    return found


def _end(request: Request, played: Played) -> str:
    """How it ended, by the name of its sentence."""
    if played.episode.ended == "reached":
        return "mine" if played.mine and played.episode.steps - 1 in played.mine else "reached"
    return "circle" if played.circle else played.episode.ended


def _counts(played: Played) -> dict[str, Any]:
    first, again = played.circle or (0, 0)
    shortest = run.way(played.episode.scenes[0])
    found = {"steps": played.episode.steps, "first": first, "again": again}
    return {**found, "shortest": "–" if shortest is None else shortest}


def _before(request: Request, own: Played) -> str:
    """How it was without any change."""
    return t(f"acting.before_{_end(request, own)}", **_counts(own))


def _how(request: Request, played: Played) -> str:
    """What was changed, in a few words."""
    found = [t("acting.how_edits", count=len(request.edits))] if request.edits else []
    if played.mine:
        found.append(t("acting.how_moves", count=len(played.mine)))
    heads = t("acting.from_all") if not request.of else t("acting.from_head", head=request.of[0])
    if request.blind:
        found.append(t("acting.how_blind", part=t(f"acting.part_{request.blind}"), heads=heads))
    if request.hidden:
        found.append(t("acting.how_hidden", count=len(request.hidden), heads=heads))
    if request.without:
        gone = [f"{layer}.{head}" if request.decides else str(head) for layer, head in request.without]
        found.append(t("acting.how_without", heads=t("listed").join(gone)))
    if request.rule != SOFT:
        found.append(t("acting.how_rule", rule=plain(rule_title(as_rule(request.rule)))))
    if request.inner and request.since:
        found.append(t("acting.how_since", step=request.since))
    return t("acting.comma").join(found) or t("acting.how_held")


def _say_way(request: Request, played: Played) -> None:
    """After what a person did: how far it still was, or that there is no way at all."""
    if not (request.edits or request.moves) or played.after.ended:
        return
    left = run.way(played.after)
    st.markdown(t("acting.no_way") if left is None else t("acting.way_left", count=left))


def _lead(one: Lead) -> str:
    """Which head looks most at what comes next, in a phase."""
    words = {"part": t(f"acting.part_{one.part}"), "head": one.head, "share": f"{one.share:.2f}"}
    return t(f"acting.lead_{one.phase}", **words)


def draw_picture(request: Request, played: Played, view: View) -> None:
    """The world, step by step, in the browser."""
    st.session_state[KEY + "request"] = request
    before = run.play(request.untouched) if request.changed else None
    lit_picture("acting", "world", "tokens", "stage")(
        key=KEY + "picture", data=data_of(request, played, view, before, int(now("step"))),
        on_picked_change=choices.take_step, on_head_change=choices.take_head,
        on_hidden_change=choices.CLICKS.take_hidden, on_done_change=choices.take_done,
    )  # fmt: skip
    st.caption(t("acting.shown_tokens" if request.decides else "acting.shown", agent=request.who))


def show_shares(request: Request, played: Played) -> None:
    """The share of its weight that each head gives what matters, in each phase."""
    if request.decides:
        return _show_tokens(played)
    of, phases = told.shares(played, request.task), told.phases(played, request.task)
    if not phases:
        return
    st.markdown(f"**{t('acting.shares')}**")
    names = [*run.lanes(request.task), "rest"]
    over = "".join(f"<th colspan='{len(names)}' scope='colgroup'>{_phase_name(one)}</th>" for one in phases)
    parts = "".join(f"<th scope='col'>{html.escape(t(f'acting.part_{name}'))}</th>" for _ in phases for name in names)
    rows = []
    for head in range(of["rest"].shape[1]):
        means = [(name, float(of[name][list(one.steps), head].mean())) for one in phases for name in names]
        cells = "".join(f"<td class='{_kind(name, share)}'>{share:.2f}</td>" for name, share in means)
        rows.append(f"<tr><th scope='row'>{html.escape(t('acting.head', head=head))}</th>{cells}</tr>")
    _table(f"<tr><td rowspan='2'></td>{over}</tr><tr>{parts}</tr>{''.join(rows)}")
    st.caption(t("acting.shares_say"))


def _show_tokens(played: Played) -> None:
    """The share of its weight that each head gives each kind of token as an action is chosen."""
    of = decided.shares(played)
    if not played.episode.steps:
        return
    st.markdown(f"**{t('acting.shares_tokens')}**")
    top = "".join(f"<th scope='col'>{html.escape(t(f'acting.lane_{part}'))}</th>" for part in of)
    rows = []
    for one in np.ndindex(*next(iter(of.values())).shape[1:]):
        cells = "".join(
            f"<td class='{_kind('', share)}'>{share:.2f}</td>" for share in (p.mean(0)[one] for p in of.values())
        )
        name = html.escape(choices.head_name((one[0], one[1]), True))
        rows.append(f"<tr><th scope='row'>{name}</th>{cells}</tr>")
    _table(f"<tr><td></td>{top}</tr>{''.join(rows)}")
    st.caption(t("acting.shares_tokens_say"))


def _table(rows: str) -> None:
    """A table that can be gone to by keys and scrolled."""
    named = html.escape(t("acting.shares"), quote=True)
    frame = f"class='acting-shares' tabindex='0' role='region' aria-label='{named}'"
    st.html(f"{STYLE}<div {frame}><table>{rows}</table></div>")


def _phase_name(phase: Phase) -> str:
    """A phase and how many steps it has."""
    return html.escape(t("acting.phase_steps", phase=t(f"acting.phase_{phase.name}"), count=len(phase.steps)))


def _kind(name: str, share: float) -> str:
    """How a share is written: the last of a phase ends it, most of the weight stands out."""
    return f"{'last' if name == 'rest' else ''} {'most' if share >= MUCH else ''}".strip()


def show_numbers(request: Request, played: Played, view: View) -> None:
    """The whole episode as a map of numbers, and what can be taken away."""
    if not played.episode.steps:
        return
    (layer, head), step = view, min(int(now("step")), played.episode.steps - 1)
    trace, row = played.episode.trace, 3 * step + 1 if request.decides else step
    selection, style = Selection(layer, head or 0, query=row), style_now("row", 420)
    with st.expander(t("acting.numbers")):
        draw_heatmap(trace, selection, style, key=CHART)
        st.caption(t("acting.tokens_say" if request.decides else "acting.map_say", layer=layer, head=head or 0))
        take_away(trace, selection, style, chart=CHART)
    _take_files(request, played, head, file_name(trace, selection))


def _take_files(request: Request, played: Played, head: int | None, name: str) -> None:
    """The episode as a film, and the shares by step as a table."""
    first, second = st.columns(2, gap="small")
    first.download_button(
        t("acting.take_gif"), lambda: played.episode.gif(head), f"{name}.gif", "image/gif", key=KEY + "take_gif",
        on_click="ignore", width="stretch", icon=":material/movie:",
    )  # fmt: skip
    second.download_button(
        t("acting.take_shares"), lambda: "\n".join(_lines(request, played)).encode("utf-8-sig"),
        f"{name}-shares.csv", "text/csv", key=KEY + "take_shares", on_click="ignore", width="stretch",
        icon=":material/table:",
    )  # fmt: skip


def _lines(request: Request, played: Played) -> list[str]:
    return decided.csv_lines(played) if request.decides else told.csv_lines(played, request.task)


def show_own() -> None:
    """Folded: a folder, a file, and the map of what it read; nothing where no folder may be named."""
    if not open_folders():
        return
    with st.expander(t("acting.own")):
        st.markdown(t("acting.own_say"))
        left, right = st.columns([3, 2], gap="small", vertical_alignment="bottom")
        left.text_input(
            t("acting.own_folder"), key=OWN + "folder", placeholder="decision-transformer-gym-hopper-medium"
        )
        with right.popover(t("acting.own_file"), icon=":material/upload_file:", width="stretch"):
            file = st.file_uploader(t("acting.own_arrays"), ["npz"], key=OWN + "file")
        name = str(st.session_state[OWN + "folder"] or "").strip()
        if not name or file is None:
            return
        with page.reader_errors():
            content = file.getvalue()
            _show_own(run.read_own(name, sha256(content).hexdigest(), rule_now(), content))


def _show_own(trace: Trace) -> None:
    """What the states give each part, the map of a head, and what can be taken away."""
    layer, head = choose_head(trace, OWN)
    shares = decided.mean_shares(trace, layer)
    most = max(decided.PARTS, key=lambda part: float(shares[part][head]))
    steps = len(trace.tokens[1::3])
    st.markdown(
        t(
            "acting.own_verdict", model=plain(trace.model), steps=steps, layer=layer, head=head,
            part=t(f"acting.lane_{most}"), share=f"{float(shares[most][head]):.0%}",
        )
    )  # fmt: skip
    selection, style = Selection(layer, head), style_now("unit", 420)
    draw_heatmap(trace, selection, style, key=OWN + "map")
    each = np.stack([shares[part] for part in decided.PARTS], axis=1)  # [head, part]
    rows = [[str(one), *(f"{share:.2f}" for share in row)] for one, row in enumerate(each.tolist())]
    st.markdown(table([t("acting.own_head"), *(t(f"acting.lane_{part}") for part in decided.PARTS)], rows, "---:"))
    take_away(trace, selection, style, chart=OWN + "map")
