"""How well the taught model holds two readings of stretches that it never saw: the figures of its card, in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import figure_text, plain, t, table
from attnviz.ui.pages.readings.choices import TAUGHT

Figures = Mapping[str, Any]
COLUMNS = (
    "stretches", "held", "exact", "held_by_independent_heads", "exact_by_independent_heads", "opposite", "clear_first",
    "clear_second",
)  # fmt: skip
BESIDE = {  # what is kept of another run, and the message that names it
    "held": "held", "exact": "exact", "new held": "new_held", "new exact": "new_exact", "outside": "right",
    "bridge": "bridge", "masked": "masked", "f1": "f1",
}  # fmt: skip


def figures() -> Figures:
    """What the card's command measured; {} where it has not been run."""
    return shipped.figures(TAUGHT)


def shares_read_off() -> dict[str, str]:
    """Of how many held-out Chinese stretches, and of how many new ones, can both readings be read off two heads?"""
    tables = figures()["zh"]["tables"]
    return {name: f"{tables[group]['exact']:.0%}" for name, group in (("exact", "all"), ("new", "new"))}


def show_held_out() -> None:
    """Each language by length and by how likely the second reading is; other runs beside it; three failures."""
    found = figures()
    st.caption(t("held.about"))
    for language in ("zh", "en"):
        if language in found:
            _show_language(language, found[language])
    if found.get("beside"):
        _show_runs(found["beside"])


def _show_language(language: str, one: Figures) -> None:
    """The figures of one language, what its heads chose, and failures as they are."""
    st.markdown(f"**{t(f'held.{language}')}** &ensp;{t('held.outside', share=figure_text(one['outside']))}")
    rows = [
        (_group(name), *(_cell(group, column) for column in COLUMNS))
        for name, group in one["tables"].items()
        if group["stretches"]
    ]
    st.markdown(table([t("held.group"), *(t(f"held.{column}") for column in COLUMNS)], rows, "---:"))
    heads = [
        (str(at), *(figure_text(head[key]) for key in ("first", "second"))) for at, head in enumerate(one["heads"])
    ]
    st.markdown(table([t(f"held.{name}") for name in ("head", "spells_first", "spells_second")], heads, "---:"))
    if one["failures"]:
        st.markdown(table([t(f"held.{name}") for name in ("failure", "readings", "heads")], _failed(one["failures"])))


def _failed(failures: Sequence[Figures]) -> list[tuple[str, str, str]]:
    """Sentences whose two readings no two heads hold: the readings, and what each head spells instead."""
    return [
        (
            plain(one["text"]),
            " · ".join(plain("/".join(one[side])) for side in ("first", "second")),
            " · ".join(map(plain, one["heads"])),
        )
        for one in failures
    ]


def _show_runs(runs: Figures) -> None:
    """Other seeds, and the controls, on the same stretches."""
    names = [t("held.run"), *(t(f"held.{column}") for column in BESIDE.values())]
    rows = [(plain(name), *(_cell(one, column) for column in BESIDE)) for name, one in runs.items()]
    st.markdown(f"**{t('held.runs')}**")
    st.markdown(table(names, rows, "---:"))


def _cell(group: Figures, column: str) -> str:
    """A count, or a share; a dash where it was not measured."""
    value = group.get(column)
    return str(int(value)) if column == "stretches" and value is not None else figure_text(value)


def _group(name: str) -> str:
    """The name of a group of stretches: all, new, of a length, with a second reading so much less likely."""
    kind, _, span = name.partition(" ")
    if span == "likelier":
        return t("held.second_likelier")
    return t(f"held.{kind}", span=span.replace("-", "–")) if span else t(f"held.{kind}")
