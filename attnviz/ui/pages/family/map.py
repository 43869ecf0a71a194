"""The family of attention: which page shows which member, and what its queries, keys, values, mask and rule are.

The words stand in ``messages/*/family.toml``, a group of keys for each member: name, query, keys, mask, rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import streamlit as st

from attnviz.ui.kit import address
from attnviz.ui.kit.controls import PARAMS as SHARED
from attnviz.ui.kit.language import t

PARAMS = {"lang": SHARED["lang"]}
ACROSS = 3  # cards beside each other
SIZE, CELLS = 54, 6  # pixels and tokens of the small drawing of a mask
BLUE = "#3f7fb8"  # seen on light and on dark ground alike


@dataclass(frozen=True)
class Screen:
    """One page: its file in pages/ without the ending, its sign in the navigation."""

    name: str
    icon: str

    @property
    def file(self) -> str:
        """The file, seen from app.py."""
        return f"pages/{self.name}.py"


@dataclass(frozen=True)
class Member:
    """One member of the family: its key in the messages, the page that shows it, its mask's shape.

    `choices` are session values that the page is opened with; `mask` names a drawing of `_may_look`.
    """

    key: str
    page: str
    mask: str = "all"
    choices: Mapping[str, str] = field(default_factory=dict)


# In the order of the navigation; the group without a name stands open. The first of all is where the app opens.
SECTIONS: dict[str, tuple[Screen, ...]] = {
    "": (
        Screen("attention", ":material/grid_view:"),
        Screen("readings", ":material/call_split:"),
        Screen("models", ":material/deployed_code:"),
        Screen("long", ":material/zoom_in:"),
        Screen("family", ":material/account_tree:"),
    ),
    "family": (
        Screen("scaled", ":material/calculate:"),
        Screen("target", ":material/my_location:"),
        Screen("positions", ":material/straighten:"),
        Screen("translation", ":material/translate:"),
        Screen("directions", ":material/swap_horiz:"),
        Screen("hierarchical", ":material/segment:"),
        Screen("sparse", ":material/grid_4x4:"),
        Screen("limits", ":material/rule:"),
    ),
}

# The source's order: soft, hard, target, self, multi-head, multi-layer.
FIRST = (
    Member("soft", "attention", choices={"attention.family": "soft"}),
    Member("hard", "attention", choices={"attention.family": "hard"}),
    Member("target", "target", "one"),
    Member("self", "scaled"),
    Member("multi_head", "attention", "heads", {"attention.family": "soft"}),
    Member("multi_layer", "hierarchical", "blocks"),
)
THEN = (
    Member("positions", "positions"),
    Member("rnn", "translation", "cross"),
    Member("bert", "directions"),
    Member("gpt", "directions", "causal"),
    Member("cross", "models", "cross"),
    Member("sparse", "sparse", "window"),
)


def draw_map() -> None:
    """A card for each member: query, keys and values, mask, rule, and the way to its page."""
    st.markdown(t("family.formula"))
    number = 0
    for title, members in (("family.first", FIRST), ("family.then", THEN)):
        st.markdown(f"**{t(title)}**")
        for start in range(0, len(members), ACROSS):
            for place, member in zip(st.columns(ACROSS, gap="small"), members[start : start + ACROSS], strict=False):
                number += 1
                with place, st.container(border=True, height="stretch"):
                    _card(member, number)
    st.caption(t("family.drawn"))


def _card(member: Member, number: int) -> None:
    """One member."""
    name = t(f"family.{member.key}_name")
    words, drawing = st.columns([5, 1], vertical_alignment="center", gap="small")
    with words:
        st.markdown(f"**{t('family.step', number=number, name=name)}**")
    with drawing:
        st.image(_drawing(member.mask), width=SIZE + 8)
    rows = [
        f"| {t(f'family.{role}')} | {t(f'family.{member.key}_{role}')} |" for role in ("query", "keys", "mask", "rule")
    ]
    st.markdown("\n".join([rows[0], "|---|---|", *rows[1:]]))
    pressed = st.button(
        t("family.open"), key=f"family.{member.key}", icon=":material/arrow_forward:", help=t(f"page_{member.page}")
    )
    if pressed:
        for key, value in member.choices.items():
            st.session_state[key] = value
        # With the address as it is: Streamlit would first make an entry of its own that says nothing.
        st.switch_page(f"pages/{member.page}.py", query_params=address.now())


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
