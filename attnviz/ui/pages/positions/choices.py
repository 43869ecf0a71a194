"""The positions page: a sentence, an order of its tokens, an encoding; the runs of all five models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from attnviz.ui.kit import (
    RULE_PARAMS,
    Param,
    RuleChoice,
    as_rule,
    between,
    choose_head,
    choose_one,
    choose_token,
    one_of,
    plain,
    runs,
    t,
    value_of,
)

if TYPE_CHECKING:
    from attnviz.systems.positions.effect import Noticed
    from attnviz.systems.positions.system import Order, Positioned
    from attnviz.text.tokens import Encoded

KEY = "positions."
ENCODINGS = ("none", "sinusoidal", "learned", "rotary", "alibi")
CHANGES = ("shuffled", "unsaid", "both")
START = "南京市长江大桥"
SAMPLES = (
    START, "狗咬人。", "人咬狗。", "中华人民共和[MASK]成立", "The dog bites the man.", "She was born [MASK] London.",
)  # fmt: skip
MOST_SHOWN = 48  # tokens of the order that is written out
LAYERS, HEADS = 3, 4


def order_of(text: str) -> str:
    """An order in the link: token numbers joined by dots."""
    return ".".join(str(int(number)) for number in text.split(".")[:999])


PARAMS = {
    **RULE_PARAMS,
    "text": Param("text", KEY + "text", START, str),
    "shuffle": Param("shuffle", KEY + "shuffle", 1, between(0, 999_999, int)),
    "order": Param("order", KEY + "order", None, order_of),
    "encoding": Param("encoding", KEY + "encoding", "sinusoidal", one_of(*ENCODINGS)),
    "layer": Param("layer", KEY + "layer", None, between(0, LAYERS - 1, int)),
    "head": Param("head", KEY + "head", None, between(0, HEADS - 1, int)),
    "change": Param("change", KEY + "change", "shuffled", one_of(*CHANGES)),
}


def model(encoding: str) -> Positioned:
    """One of the five models, loaded once for all readers."""
    from attnviz.systems.positions.system import load

    return load(f"positions-{encoding}")


@runs.kept
def noticed(encoding: str, text: str, order: Order, rule: RuleChoice) -> Noticed:
    """What one model does with the sentence in order and reordered, with positions and without."""
    from attnviz.systems.positions import effect as positions_effect

    one = model(encoding)
    return positions_effect.noticed(one, one.encode(text), order, as_rule(rule))


def all_noticed(encoded: Encoded, order: Order, rule: RuleChoice) -> list[Noticed]:
    """What all five do."""
    return [noticed(encoding, encoded.text, order, rule) for encoding in ENCODINGS]


def forget_order() -> None:
    """An order belongs to its sentence."""
    st.session_state[KEY + "order"] = None


def order_now(encoded: Encoded) -> Order:
    """The order that is chosen: the reader's own, or a shuffle. Raises `TextError` where it is of another sentence."""
    from attnviz.systems.positions.system import reordered, shuffled

    written = st.session_state[KEY + "order"]
    if not written:
        return shuffled(encoded, int(st.session_state[KEY + "shuffle"]))
    order = tuple(int(number) for number in str(written).split("."))
    reordered(encoded, order)  # refuses what is no order of these tokens
    return order


def choose_order(text: str) -> tuple[Encoded, Order]:
    """Shuffle, swap two tokens, or back. Raises `AttnvizError` for a text that cannot be read."""
    mix, back, *swap = st.columns([3, 3, 3, 3, 2], vertical_alignment="bottom", gap="small")
    with mix:
        st.button(t("positions.shuffle"), key=KEY + "mix", icon=":material/shuffle:", on_click=_shuffle, type="primary")
    encoded = model("none").encode(text)
    with back:
        whole = tuple(range(len(encoded.ids)))
        st.button(t("positions.back"), key=KEY + "back", icon=":material/undo:", on_click=_put, args=(whole,))
    order = order_now(encoded)
    _choose_swap(encoded, order, swap)
    labels = [plain(encoded.labels[number]) for number in order if not encoded.special[number]]
    st.markdown(t("positions.order_now", tokens=" ".join(labels[:MOST_SHOWN] + ["…"] * (len(labels) > MOST_SHOWN))))
    return encoded, order


def _choose_swap(encoded: Encoded, order: Order, columns: list[st.delta_generator.DeltaGenerator]) -> None:
    """Two places of the order, and a button that exchanges what stands there."""
    from attnviz.systems.positions.system import swapped

    places = [place for place, number in enumerate(order) if not encoded.special[number]]
    picked = []
    for name, place, start in zip(("first", "second"), columns, (places[0], places[-1]), strict=False):
        if st.session_state.get(f"{KEY}swap_{name}") not in places:
            st.session_state[f"{KEY}swap_{name}"] = start
        with place:
            labels = [encoded.labels[number] for number in order]
            picked.append(choose_token(f"{KEY}swap_{name}", labels, t(f"positions.swap_{name}"), places))
    with columns[2]:
        st.button(
            t("positions.swap"), key=KEY + "swap", icon=":material/swap_horiz:", on_click=_put,
            args=(swapped(order, *picked),), disabled=picked[0] == picked[1],
        )  # fmt: skip


def _shuffle() -> None:
    """Another random order."""
    st.session_state[KEY + "shuffle"] = (int(st.session_state[KEY + "shuffle"]) + 1) % 1_000_000
    forget_order()


def _put(order: Order) -> None:
    """An order of the reader's own."""
    st.session_state[KEY + "order"] = ".".join(map(str, order))


def encoding_now() -> str:
    """Which of the five is looked at closely, also before its control is drawn?"""
    return value_of(PARAMS["encoding"])


def choose_encoding() -> str:
    """Which of the five is looked at closely?"""
    return choose_one(
        PARAMS["encoding"], ENCODINGS, t("positions.encoding"), name_of, on_change=_forget_head
    )  # fmt: skip


def _forget_head() -> None:
    """Another model has other heads."""
    for name in ("layer", "head"):
        st.session_state[KEY + name] = None


def choose_picture(one: Noticed) -> tuple[int, int, str]:
    """Layer and head (the one that shuffling changes most unless chosen), and what stands beside the run in order."""
    if None in (st.session_state[KEY + "layer"], st.session_state[KEY + "head"]):
        st.session_state[KEY + "layer"], st.session_state[KEY + "head"] = one.head("order", "shuffled")
    first, second, third = st.columns([1, 1, 4], gap="small", vertical_alignment="bottom")
    layer, head = choose_head(one.readings["order"].trace, KEY, (first, second))
    with third:
        change = st.segmented_control(
            t("positions.beside"), CHANGES, format_func=lambda name: t(f"positions.read_{name}"), key=KEY + "change",
            required=True, wrap=True, width="stretch",
        )  # fmt: skip
    return layer, head, str(change or CHANGES[0])


def name_of(encoding: str) -> str:
    """An encoding's name in the reader's language."""
    return t(f"positions.{encoding}")
