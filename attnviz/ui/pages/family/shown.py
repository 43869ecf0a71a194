"""The family of attention: which page shows which member, and what its queries, keys, values, mask and rule are.

The words stand in ``messages/*/family.toml``, a group of keys for each member: name, query, keys, mask, rule.
"""

from __future__ import annotations

import streamlit as st

from attnviz.ui import registry
from attnviz.ui.kit import Member, Screen, address, t

FIRST = 6  # members of the source: soft, hard, target, self, multi-head, multi-layer; the others came later
ACROSS = 3  # cards beside each other
SIZE, CELLS = 54, 6  # pixels and tokens of the small drawing of a mask
BLUE = "#3f7fb8"  # seen on light and on dark ground alike


def draw_map() -> None:
    """A card for each member: query, keys and values, mask, rule, and the way to its page."""
    st.markdown(t("family.formula"))
    members = registry.members()
    for title, group in (("family.first", members[:FIRST]), ("family.then", members[FIRST:])):
        st.markdown(f"**{t(title)}**")
        for start in range(0, len(group), ACROSS):
            for place, pair in zip(st.columns(ACROSS, gap="small"), group[start : start + ACROSS], strict=False):
                with place, st.container(border=True, height="stretch"):
                    _card(*pair)
    st.caption(t("family.drawn"))


def _card(member: Member, screen: Screen) -> None:
    """One member, and the way to the page that shows it."""
    name = t(f"family.{member.key}_name")
    words, drawing = st.columns([5, 1], vertical_alignment="center", gap="small")
    with words:
        st.markdown(f"**{t('family.step', number=member.number, name=name)}**")
    with drawing:
        st.image(_drawing(member.mask), width=SIZE + 8)
    rows = [
        f"| {t(f'family.{role}')} | {t(f'family.{member.key}_{role}')} |" for role in ("query", "keys", "mask", "rule")
    ]
    st.markdown("\n".join([rows[0], "|---|---|", *rows[1:]]))
    pressed = st.button(
        t("family.open"), key=f"family.{member.key}", icon=":material/arrow_forward:", help=t(f"page_{screen.name}")
    )
    if pressed:
        for key, value in member.choices.items():
            st.session_state[key] = value
        # With the address as it is: Streamlit would first make an entry of its own that says nothing.
        st.switch_page(screen.file, query_params=address.now())


def _may_look(mask: str, query: int, key: int) -> bool:
    """Is the cell open in the drawing of that name?"""
    if mask == "causal":
        return key <= query
    if mask == "window":
        return abs(query - key) <= 1
    if mask == "blocks":
        return key // 2 == query
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
