"""The family of attention: which page shows which member, what it comes from, and what its queries, keys and mask are.

Its words stand in ``messages/*/family.toml``, keys of each member: name, change, query, keys, mask, rule, many.
"""

from __future__ import annotations

from base64 import b64encode
from html import escape

import streamlit as st

from attnviz.ui import registry
from attnviz.ui.kit import Member, Screen, address, css_class, t
from attnviz.ui.pages.family.lines import BLUE, Lines, lines_of

FIRST = 6  # members of the source: soft, hard, target, self, multi-head, multi-layer; the others came later
EDGES = {(0, 1), (0, 4), (1, 2), (1, 5), (3, 4), (4, 5)}  # of the graph whose mask is drawn
ROLES = ("query", "keys", "mask", "rule", "many")
SIZE, CELLS = 54, 6  # pixels and tokens of the small drawing of a mask
STYLE = """
.family-facts { display: grid; grid-template-columns: repeat(5, 1fr); gap: 0.2rem 0.9rem; font-size: 0.88rem; }
.family-facts b { display: block; font-weight: 400; font-size: 0.78rem; opacity: 0.8; }
[data-testid="stMarkdownContainer"]:has(> .family-facts) { margin-bottom: 0; } /* or the next row begins in it */
[data-testid="stVerticalBlock"].st-key-family-map { gap: 0; } /* the lines run on */
.st-key-family-map button :is(div, p) { white-space: normal; text-align: start; }
@media (max-width: 900px) { .family-facts { grid-template-columns: repeat(2, 1fr); } }
"""


def draw_map() -> None:
    """A row for each member: what it comes from and what changes, its roles, and the way to its page."""
    st.markdown(t("family.formula"))
    pairs = registry.members()
    lines = lines_of([member for member, _ in pairs])
    st.html(_style(lines))
    with st.container(key="family.map"):
        for row, (member, screen) in enumerate(pairs):
            if row in (0, FIRST):
                with st.container(key=f"family.line-{row}"):
                    st.markdown(f"**{t('family.first' if row == 0 else 'family.then')}**")
            with st.container(key=f"family.row-{member.key}"):
                _row(member, screen)
    st.caption(t("family.drawn"))
    _others()


def _style(lines: Lines) -> str:
    """The lines of the map, as the grounds of its rows."""
    found = [STYLE]
    for row, member in enumerate(lines.members):
        name = css_class(f"family.row-{member.key}")
        found.append(f".{name}{{padding:0.3rem 0 0.5rem {lines.across}px;background:{lines.ground(row)}}}")
    through = css_class(f"family.line-{FIRST}")
    found.append(f".{through}{{padding:0.3rem 0 0.3rem {lines.across}px;background:{lines.between(FIRST)}}}")
    return f"<style>{''.join(found)}</style>"


def _row(member: Member, screen: Screen) -> None:
    """One member, and the way to the page that shows it."""
    name = t(f"family.{member.key}_name")
    title, drawing, facts, way = st.columns([5, 1.3, 11, 4], gap="small")
    with title:
        st.markdown(f"**{t('family.step', number=member.number, name=name)}**")
        st.caption(_comes_from(member))
    with drawing:
        source = "data:image/svg+xml;base64," + b64encode(_drawing(member.mask).encode()).decode()
        alt = escape(t(f"family.mask_{member.mask}"), quote=True)
        st.html(f"<img class='family-mask' width='{SIZE + 8}' alt='{alt}' src='{source}'>")
    with facts:
        said = "".join(f"<span><b>{t(f'family.{role}')}</b>{t(f'family.{member.key}_{role}')}</span>" for role in ROLES)
        st.markdown(f"<div class='family-facts'>{said}</div>", unsafe_allow_html=True)
    with way:
        pressed = st.button(
            t("family.open", name=name), key=f"family.{member.key}", icon=":material/arrow_forward:", type="tertiary",
            help=t(f"page_{screen.name}"),
        )  # fmt: skip
    if pressed:
        _open(member, screen)


def _comes_from(member: Member) -> str:
    """What is changed, and of which member."""
    if not member.of:
        return t("family.start")
    return t("family.from", parent=t(f"family.{member.of}_name"), change=t(f"family.{member.key}_change"))


def _open(member: Member, screen: Screen) -> None:
    """The member's page, in the state that is the member."""
    for key, value in {**member.choices, screen.shown_as: member.key}.items():
        st.session_state[key] = value
    # With the address as it is: Streamlit would first make an entry of its own that says nothing.
    st.switch_page(screen.file, query_params=address.now())


def _others() -> None:
    """The pages that show no one member, each with the question that it answers."""
    shown = {screen.name for _, screen in registry.members()} | {"family"}
    st.markdown(f"**{t('family.others')}**")
    for screen in registry.screens():
        if screen.name not in shown:
            way, asks = st.columns([4, 15], vertical_alignment="center", gap="small")
            with way:
                pressed = st.button(
                    t(f"page_{screen.name}"), key=f"family.page-{screen.name}", icon=screen.icon, type="tertiary"
                )
            asks.caption(t(screen.title or f"{screen.name}.title"))
            if pressed:
                st.switch_page(screen.file, query_params=address.now())


def _may_look(mask: str, query: int, key: int) -> bool:
    """Is the cell open in the drawing of that name?"""
    if mask == "causal":
        return key <= query
    if mask == "window":
        return abs(query - key) <= 1
    if mask == "blocks":
        return key // 2 == query
    if mask == "edges":
        return key == query or (min(query, key), max(query, key)) in EDGES
    return True


def _drawing(mask: str) -> str:
    """A mask as a small drawing, rows look and columns are looked at; several one behind the other for heads."""
    rows = {"one": 1, "blocks": 3, "cross": 4}.get(mask, CELLS)
    cell = SIZE / CELLS
    cells = "".join(
        f"<rect x='{key * cell:.0f}' y='{query * cell:.0f}' width='{cell - 1:.0f}' height='{cell - 1:.0f}' rx='1' "
        f"fill-opacity='{0.75 if _may_look(mask, query, key) else 0.12}'/>"
        for query in range(rows)
        for key in range(CELLS)
    )
    behind = "".join(
        f"<g transform='translate({shift},{-shift})' fill-opacity='.35'>"
        f"<rect width='{SIZE - 1}' height='{SIZE - 1}' rx='2' fill='none' stroke='{BLUE}' stroke-opacity='.8'/></g>"
        for shift in ((8, 4) if mask == "heads" else ())
    )
    height = rows * cell + (8 if mask == "heads" else 0)
    top = -8 if mask == "heads" else 0
    return (
        f"<svg width='{SIZE + 8}' height='{height:.0f}' viewBox='0 {top} {SIZE + 8} {height:.0f}' "
        f"xmlns='http://www.w3.org/2000/svg' fill='{BLUE}'>{behind}{cells}</svg>"
    )
