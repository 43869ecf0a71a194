"""The figures of an agent's card: how often it arrives, and of each head its weight beside what its loss costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from attnviz import shipped
from attnviz.ui.kit import bold, t, table
from attnviz.ui.pages.acting import run

if TYPE_CHECKING:
    from attnviz.ui.pages.acting.run import Request

WAYS = ("likeliest", "hard", "drawn")
UNSEEN = " unseen"  # ends the name of a group of worlds whose words were never met together
MOMENTS = {  # what is sought at which moment
    "doorkey": {"before": "key", "carrying": "door", "open": "goal"},
    "putnext": {"putnext": "target", "putnext carrying": "beside"},
}


def show_figures(request: Request) -> None:
    """How often it arrives, and which head matters; printed by a command."""
    name = request.who
    figures = shipped.figures(name)
    if not figures:
        return
    if request.decides:
        return _show_asked(figures, name)
    with st.expander(t("acting.figures")):
        st.markdown(_arrived(figures, request))
        st.caption(t("acting.figures_say", worlds=figures["worlds"], agent=name))
        group = "8" if request.task == "doorkey" else request.task
        if group in figures["without"]:
            st.markdown(t("acting.weighed", what=t(f"acting.part_{_first(request.task)}")))
            st.markdown(_heads(figures, request.task, group))
            st.markdown(_all_hidden(figures["without"][group]["all"]))
            st.caption(t("acting.weighed_say", worlds=figures.get("fewer", figures["worlds"])))


def _show_asked(figures: dict[str, Any], name: str) -> None:
    """What came of each return that was asked for, with something changed too, and which head matters."""
    with st.expander(t("acting.figures")):
        st.markdown(_returns(figures))
        st.caption(t("acting.asked_figures_say", worlds=figures["worlds"], agent=name, **_alike(figures)))
        heads = [t("acting.col_changed"), t("acting.col_came")]
        rows = [[t(f"acting.way_{way}"), _came(told)] for way, told in figures["ways"].items()]
        st.markdown(table(heads, rows, "---:"))
        st.markdown(t("acting.weighed_tokens"))
        st.markdown(_token_heads(figures))
        st.caption(t("acting.weighed_say", worlds=figures["fewer"]))


def _came(told: list[float]) -> str:
    return f"{told[0]:.3f} · {told[1]:.1f}"


def _alike(figures: dict[str, Any]) -> dict[str, str]:
    """How the return that comes goes with the one that is asked for."""
    of = figures["correlation"]
    return {"possible": f"{of['possible']:.2f}", "blind": f"{of['return hidden']:.2f}"}


def _returns(figures: dict[str, Any]) -> str:
    """A row a return; the agent that it learnt from and the shortest ways beside."""
    rows = [[asked.replace("-", "−"), _came(found)] for asked, found in figures["asked"].items()]
    rows.append([run.DOORKEY, _came(figures["learnt"])])
    rows.append([t("acting.row_shortest"), _came([1.0, figures["shortest"]])])
    return table([t("acting.asked"), t("acting.col_came")], rows, "---:")


def _token_heads(figures: dict[str, Any]) -> str:
    """A row a head: where its weight lies, and what is left without it."""
    parts, rows = list(figures["shares"]), []
    for layer, left in enumerate(figures["without"]):
        for head, told in enumerate(left):
            shares = [f"{figures['shares'][part][layer][head]:.2f}" for part in parts]
            rows.append([t("acting.head_of", layer=layer, head=head), *shares, _came(told)])
    rows.append([t("acting.row_whole"), *[""] * len(parts), _came(figures["whole"])])
    heads = [t("acting.col_which"), *(t(f"acting.lane_{part}") for part in parts), t("acting.col_without")]
    return table(heads, rows, "---:")


def _first(task: str) -> str:
    """What is hidden from one head alone."""
    return "key" if task == "doorkey" else "target"


def _arrived(figures: dict[str, Any], request: Request) -> str:
    """A row for each size or task: success and steps, soft, hard, and with actions drawn."""
    known = [way for way in WAYS if all(way in ways for ways in figures["ways"].values())]
    heads, rows = [t("acting.col_group")] + [t(f"acting.col_{way}") for way in known], []
    for group, ways in figures["ways"].items():
        cells = [f"{ways[way][0]:.3f} · ×{ways[way][1]:.3f}" for way in known]
        own = group == str(request.size) if request.task == "doorkey" else group == _group(request)
        rows.append(bold([_group_name(group), *cells], own))
    return table(heads, rows, "---:")


def _group(request: Request) -> str:
    return request.task + (UNSEEN if request.unseen else "")


def _group_name(group: str) -> str:
    """A size of DoorKey, or a task, met in training or not."""
    if group.isdigit():
        return t("acting.group_size", size=group)
    task = t(f"acting.task_{group.removesuffix(UNSEEN)}")
    return t("acting.group_unseen", task=task) if group.endswith(UNSEEN) else task


def _heads(figures: dict[str, Any], task: str, group: str) -> str:
    """A row a head: the shares of its weight by moment, and the success that is left without it."""
    moments, without, first = MOMENTS.get(task, {task: "target"}), figures["without"][group], _first(task)
    heads = [t("acting.col_which")] + [
        t("acting.col_share", part=t(f"acting.part_{part}"), moment=t(f"acting.moment_{_moment(moment, task)}"))
        for moment, part in moments.items()
    ]  # fmt: skip
    heads += [t("acting.col_one", part=t(f"acting.part_{first}")), t("acting.col_removed")]
    shares, rows = figures["shares"], []
    for head in range(figures["heads"]):
        cells = [shares.get(moment, {}).get(part, {head: 0.0})[head] for moment, part in moments.items()]
        cells += [without["one"][head], without["removed"][head]]
        rows.append([t("acting.head", head=head), *(f"{cell:.3f}" for cell in cells)])
    return table(heads, rows, "---:")


def _moment(moment: str, task: str) -> str:
    """A moment by the name of its words."""
    return moment.replace(" ", "_") if task in MOMENTS else "whole"


def _all_hidden(left: dict[str, float]) -> str:
    """The success that is left where something is hidden from all heads."""
    found = [t("acting.hidden_one", part=t(f"acting.part_{part}"), left=f"{one:.3f}") for part, one in left.items()]
    return t("acting.hidden_all", parts=t("acting.comma").join(found))
