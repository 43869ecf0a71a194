"""Sums of a corpus are the same to the bit whatever the order of the texts and however they are split."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from attnviz.experiments.corpus import exact
from attnviz.experiments.corpus.exact import ONE, Adding, Column, Sums, joined, whole
from attnviz.text.tokens import Encoded

VALUES = st.lists(st.floats(0, 1e5, allow_nan=False, width=32), min_size=1, max_size=30)


def of(value: float) -> Sums:
    """One text of one head."""
    return Sums((1, 1), {"entropy": Column((int(whole(torch.tensor(value))),), (3,))}, 1, 3)


@given(VALUES, st.randoms(use_true_random=False))
def test_any_order_and_any_split_into_parts_sum_up_to_the_same_bits(values: list[float], dice) -> None:  # type: ignore[no-untyped-def]
    straight: Sums | None = None
    for value in values:
        straight = joined(straight, of(value))
    turned = list(values)
    dice.shuffle(turned)
    parts = [of(value) for value in turned]
    while len(parts) > 1:  # any two of them, as parts arrive
        one, other = (parts.pop(dice.randrange(len(parts))) for _ in range(2))
        parts.append(one + other)
    assert parts == [straight]


@given(VALUES)
def test_a_mean_is_that_of_the_values_themselves_but_for_their_last_place(values: list[float]) -> None:
    total: Sums | None = None
    for value in values:
        total = joined(total, of(value))
    assert total is not None
    exact = sum((Fraction(value) for value in values), Fraction(0)) / (3 * len(values))
    mean = float(total.columns["entropy"].tally((1, 1)).mean[0, 0])
    assert math.isclose(mean, float(exact), rel_tol=1e-12, abs_tol=1.0 / ONE)


def test_sums_beyond_sixty_four_bits_are_exact_and_survive_json() -> None:
    large = Sums((1, 1), {"reach": Column((2**90 + 1,), (2**40,))}, 2**40, 2**41)
    assert (large + large).columns["reach"].totals == (2**91 + 2,)
    assert Sums.of_plain(large.plain()) == large


def test_sums_of_other_heads_or_measures_do_not_add_up() -> None:
    other = Sums((1, 1), {"reach": Column((1,), (1,))}, 1, 1)
    with pytest.raises(ValueError, match="reach"):
        of(1.0) + other
    with pytest.raises(ValueError, match="as long"):
        Sums.of_plain(of(1.0).plain() | {"size": [2, 1]})


def test_a_number_is_the_nearest_whole_one_and_texts_and_tokens_add_up() -> None:
    assert whole(torch.tensor([0.4, 0.6, 1.5001], dtype=torch.float64) / ONE).tolist() == [0, 1, 2]
    both = of(1.0) + of(2.0)
    assert (both.texts, both.tokens) == (2, 6)


@given(st.lists(st.integers(0, 2**55), min_size=1, max_size=12), st.integers(1, 100))
def test_tables_add_up_in_64_bits_or_beyond_to_the_same(totals: list[int], room: int) -> None:
    text = Encoded("abc", (1, 2, 3), ("a", "b", "c"), ((0, 1), (1, 2), (2, 3)), (False, False, True), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "ROOM", room)
        adding = Adding(("entropy",))
        assert adding.sums() is None
        for total in totals:
            adding.add(torch.tensor([total, 2]).reshape(2, 1, 1, 1), [text])
    columns = {"entropy": Column((sum(totals),), (2 * len(totals),))}
    assert adding.sums() == Sums((1, 1), columns, len(totals), 2 * len(totals)) == adding.sums()


def test_what_64_bits_cannot_hold_is_not_lost() -> None:
    long = Encoded("a", (1,) * 2**15, ("a",) * 2**15, ((0, 1),) * 2**15, (False,) * 2**15, None)
    adding = Adding(("reach",))
    for _ in range(3):  # each is as much as its number can be: all of its tokens look as far as they can
        adding.add(torch.tensor([2**30 * ONE, 2**15]).reshape(2, 1, 1, 1), [long])
    found = adding.sums()
    assert found is not None and found.columns["reach"].totals == (3 * 2**62,)
