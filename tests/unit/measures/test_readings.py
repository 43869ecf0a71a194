"""Which head reads which way, on weights made by hand."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

import attnviz as av
from attnviz.errors import TextError
from attnviz.measures.held import joined, spelled
from attnviz.measures.readings import (
    Lean,
    by_unit,
    held_words,
    lean,
    only,
    opinion,
    reading_bits,
    shuffled_bits,
    unit_places,
    units_of,
)
from attnviz.text.segmentation import Reading

BRIDGE, MAYOR = Reading.parse("南京市/长江大桥"), Reading.parse("南京市长/江大桥")
A, B = [0, 0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 1, 1, 1]  # the units of 南京市长江大桥
AONLY, BONLY = only(A, B), only(B, A)
ABLE = ~torch.eye(7, dtype=torch.bool)


@pytest.fixture(scope="module")
def trace() -> av.Trace:
    return av.record(av.load("lab-4"), "南京市长江大桥")


def test_only_pairs_are_those_that_one_reading_joins() -> None:
    pairs = {(3, k) for k in (4, 5, 6)}
    assert {tuple(pair) for pair in AONLY.nonzero().tolist()} == pairs | {(k, q) for q, k in pairs}
    assert {tuple(pair) for pair in BONLY.nonzero().tolist()} == {(3, k) for k in range(3)} | {(k, 3) for k in range(3)}


def test_even_weights_are_0_bits() -> None:
    assert reading_bits(torch.full((7, 7), 1 / 7), AONLY, BONLY, ABLE).item() == pytest.approx(0, abs=1e-12)


def test_all_weight_inside_one_reading_is_the_maximum() -> None:
    inside = torch.where(AONLY.any(-1, keepdim=True), AONLY.float(), ABLE.float() * ~BONLY)
    inside = inside / inside.sum(-1, keepdim=True)
    first, second = AONLY & ABLE, BONLY & ABLE
    chance = first.sum() / 6 / 7  # 6 keys a query, all 7 queries have a pair in one reading or the other
    most = reading_bits(inside, AONLY, BONLY, ABLE).item()
    assert most == pytest.approx(math.log2(1 + (4 / 7) / chance), abs=1e-9)
    random = torch.Generator().manual_seed(1)
    for _ in range(200):
        other = torch.rand(7, 7, generator=random).pow(8)
        assert reading_bits(other, first, second, ABLE).item() < most


def test_swapping_the_readings_turns_the_sign() -> None:
    weights = torch.rand(5, 7, 7, generator=torch.Generator().manual_seed(2)).pow(3)
    there, back = reading_bits(weights, AONLY, BONLY, ABLE), reading_bits(weights, BONLY, AONLY, ABLE)
    torch.testing.assert_close(there, -back)
    assert there.abs().min() > 1e-3


def test_against_a_plain_loop() -> None:
    weights = torch.rand(7, 7, generator=torch.Generator().manual_seed(3)).double()
    mass, chance = [0.0, 0.0], [0.0, 0.0]
    for side, pairs in enumerate((AONLY, BONLY)):
        for query in range(7):
            total = sum(weights[query, key].item() for key in range(7) if key != query)
            for key in range(7):
                if pairs[query, key]:
                    mass[side] += weights[query, key].item() / total
                    chance[side] += 1 / 6
    expected = math.log2((1 + mass[0] / chance[0]) / (1 + mass[1] / chance[1]))
    assert reading_bits(weights, AONLY, BONLY, ABLE).item() == pytest.approx(expected, rel=1e-12)


def test_weight_on_special_tokens_changes_nothing() -> None:
    weights = torch.rand(7, 7, generator=torch.Generator().manual_seed(4)).double()
    inner = reading_bits(weights, AONLY, BONLY, ABLE)
    units = [None, *A, None], [None, *B, None]
    wide = torch.rand(9, 9, generator=torch.Generator().manual_seed(5)).double() * 30
    wide[1:8, 1:8] = weights
    able = torch.zeros(9, 9, dtype=torch.bool)
    able[1:8, 1:8] = ABLE
    torch.testing.assert_close(reading_bits(wide, only(*units), only(*units[::-1]), able), inner)


def test_a_row_of_nothing_counts_as_even_and_no_pairs_as_0() -> None:
    assert reading_bits(torch.zeros(2, 7, 7), AONLY, BONLY, ABLE).tolist() == pytest.approx([0, 0], abs=1e-12)
    none = torch.zeros(7, 7, dtype=torch.bool)
    assert reading_bits(torch.rand(7, 7), none, none, ABLE).item() == 0
    assert shuffled_bits(torch.rand(2, 7, 7), none, none, ABLE, draws=5).tolist() == [[0] * 5] * 2


def test_a_reading_without_pairs_of_its_own_counts_as_at_chance() -> None:
    whole, cut = [0, 0, 0], [0, 0, 1]
    pairs, none = only(whole, cut), only(cut, whole)
    able = ~torch.eye(3, dtype=torch.bool)
    assert pairs.sum() == 4 and not none.any()
    weights = torch.tensor([[0, 0, 1.0], [0, 0, 1], [0.5, 0.5, 0]])  # all of it inside, where even rows have 2/3
    assert reading_bits(weights, pairs, none, able).item() == pytest.approx(math.log2((1 + 3 / 2) / 2))
    assert reading_bits(weights, none, pairs, able).item() == pytest.approx(-math.log2((1 + 3 / 2) / 2))


def test_a_head_that_reads_one_way_stands_out_of_its_band() -> None:
    weights = torch.where(AONLY.any(-1, keepdim=True), AONLY.float(), ABLE.float() * ~BONLY)
    low, high = shuffled_bits(weights[None], AONLY, BONLY, ABLE)[0].quantile(torch.tensor([0.025, 0.975]).double())
    assert low < 0 < high < reading_bits(weights, AONLY, BONLY, ABLE)


def test_shuffling_keys_scatters_around_0_and_keeps_causality() -> None:
    weights = torch.rand(3, 7, 7, generator=torch.Generator().manual_seed(6)).pow(6)
    draws = shuffled_bits(weights, AONLY, BONLY, ABLE, draws=4_000)
    assert draws.shape == (3, 4_000) and draws.mean(1).abs().max() < 0.1
    assert (draws.std(1) > 0.2).all()
    causal = ABLE.tril()
    sums = shuffled_bits(torch.ones(1, 7, 7), AONLY, BONLY, causal, draws=50)
    assert sums.abs().max() < 1e-9, "even weights stay even however their able keys are shuffled"


def test_shuffling_pairs_is_shuffling_weights() -> None:
    weights = torch.rand(1, 7, 7, generator=torch.Generator().manual_seed(8)).pow(6).double()
    ours = shuffled_bits(weights, AONLY, BONLY, ABLE, draws=20_000)[0]
    random, plain = torch.Generator().manual_seed(9), []
    for _ in range(4_000):
        mixed = weights[0].clone()
        for query in range(7):
            keys = [key for key in range(7) if key != query]
            mixed[query, keys] = weights[0, query, keys][torch.randperm(6, generator=random)]
        plain.append(reading_bits(mixed, AONLY, BONLY, ABLE).item())
    levels = torch.tensor([0.025, 0.25, 0.5, 0.75, 0.975], dtype=torch.float64)
    torch.testing.assert_close(ours.quantile(levels), torch.tensor(plain).double().quantile(levels), atol=0.06, rtol=0)


def test_lean_of_a_run(trace: av.Trace) -> None:
    found = lean(trace, BRIDGE, MAYOR)
    assert found.bits.shape == found.low.shape == found.high.shape == (trace.n_layers, trace.n_heads)
    assert (found.low < 0).all() and (found.high > 0).all()
    assert (found.clear == ((found.bits < found.low) | (found.bits > found.high))).all()
    back = lean(trace, MAYOR, BRIDGE)
    torch.testing.assert_close(found.bits, -back.bits)
    layer, head = found.strongest(0)
    assert found.bits[layer, head] == found.bits[found.share >= 0.05].max()
    expected = trace.weights(layer, head)[1:-1, 1:-1].fill_diagonal_(0).sum(-1).mean().item()
    assert found.share[layer, head].item() == pytest.approx(expected, abs=1e-6)
    assert back.strongest(1) == (layer, head)
    again = lean(trace, BRIDGE, MAYOR)
    torch.testing.assert_close(found.low, again.low, msg="the band must not change from one look to the next")


def test_a_head_that_rests_on_special_tokens_is_no_reader() -> None:
    bits, share = torch.tensor([[5.0, 1.0], [-9.0, -2.0]]), torch.tensor([[0.01, 0.5], [0.04, 0.3]])
    special = torch.tensor([[0.99, 0.4], [0.96, 0.5]])
    found = Lean(BRIDGE, MAYOR, bits, bits, bits, share, special)
    assert (found.strongest(0), found.strongest(1)) == ((0, 1), (1, 1))
    assert found.of("resting") == [(1, 0), (0, 0)] and found.verdicts() == [["resting", "unclear"]] * 2
    nobody = Lean(BRIDGE, MAYOR, bits, bits, bits, share / 100, special)
    assert (nobody.strongest(0), nobody.strongest(1)) == ((0, 0), (1, 0))


def leaning(bits: list[float], high: float = 1.0, special: float = 0.0) -> Lean:
    """A run of one layer, the bands of all heads from -`high` to `high`."""
    row = torch.tensor([bits])
    return Lean(BRIDGE, MAYOR, row, row * 0 - high, row * 0 + high, row * 0 + 0.5, row * 0 + special)


def test_a_verdict_is_clear_outside_the_band_and_pale_within() -> None:
    found = leaning([1.2, -1.4, 0.9, -0.2, 2.0])
    assert found.verdicts() == [["first", "second", "unclear", "unclear", "first"]]
    assert found.clear.tolist() == [[True, True, False, False, True]]
    assert found.readers(0) == [(0, 4), (0, 0)] and found.readers(1) == [(0, 1)]
    assert found.of("unclear") == [(0, 2), (0, 3)]
    every = [place for name in ("first", "second", "unclear", "resting") for place in found.of(name)]
    assert sorted(every) == [(0, head) for head in range(5)], "each head has one verdict"


def test_more_than_half_of_the_weight_on_specials_is_rest_whatever_the_bits() -> None:
    assert leaning([9.0, -9.0], special=0.51).verdicts() == [["resting", "resting"]]
    assert leaning([9.0, -9.0], special=0.5).verdicts() == [["first", "second"]]


def test_a_band_that_does_not_hold_0_turns_no_head_round() -> None:
    found = Lean(BRIDGE, MAYOR, *(torch.tensor([[x]]) for x in (-0.1, -0.6, -0.3, 0.5, 0.1)))
    assert found.verdict(0, 0) == "unclear", "it leans to B, though less than chance does"


def test_the_strongest_is_clear_where_any_is_even_if_another_leans_more() -> None:
    row = torch.tensor([[2.0, 1.0, -0.1]])
    high = torch.tensor([[3.0, 0.5, 1.0]])
    found = Lean(BRIDGE, MAYOR, row, -high, high, row * 0 + 0.5, row * 0)
    assert (found.strongest(0), found.strongest(1)) == ((0, 1), (0, 2))


def test_special_tokens_get_what_the_rows_of_the_text_give_them(trace: av.Trace) -> None:
    found = lean(trace, BRIDGE, MAYOR)
    for layer in range(trace.n_layers):
        for head in range(trace.n_heads):
            rows = trace.weights(layer, head).tolist()[1:-1]
            expected = sum(row[0] + row[-1] for row in rows) / len(rows)
            assert found.special[layer, head].item() == pytest.approx(expected, abs=1e-6)


def test_neighbours_are_joined_by_the_mean_of_both_weights() -> None:
    weights = torch.zeros(5, 5)
    weights[0, 1], weights[1, 0] = 0.4, 0.2  # 0.3: together
    weights[1, 2], weights[2, 1] = 0.5, 0.0  # 0.25: not above
    weights[2, 4], weights[4, 2] = 1.0, 1.0  # no neighbours
    weights[3, 4], weights[4, 3] = 0.0, 0.6
    assert joined(weights).tolist() == [False, True, False, False, True]
    assert joined(torch.ones(1, 1)).tolist() == [False]


def test_what_a_head_joins_is_read_off_as_words(trace: av.Trace) -> None:
    for layer in range(trace.n_layers):
        for head in range(trace.n_heads):
            rows, expected = trace.weights(layer, head).tolist(), "南"
            for place, character in enumerate("京市长江大桥", start=2):
                mean = (rows[place - 1][place] + rows[place][place - 1]) / 2
                expected += ("" if mean > 0.25 else " / ") + character
            assert str(spelled(trace, layer, head)) == expected


def test_the_words_that_are_told_are_those_that_only_one_reading_makes(
    trace: av.Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lean(trace, BRIDGE, MAYOR)
    told = {}
    for cut in ("南京市/长江大桥", "南京/市长/江大桥", "南京市长/江/大桥", "南京/市/长江/大桥", "南京市长江大桥"):
        monkeypatch.setattr(av.Trace, "weights", partial(looking_inside, cut.split("/")))
        told[cut] = held_words(trace, found, 0, (0, 0)), held_words(trace, found, 1, (0, 0))
    assert told == {
        "南京市/长江大桥": (("南京市", "长江大桥"), ()),
        "南京/市长/江大桥": ((), ("市长", "江大桥")),
        "南京市长/江/大桥": ((), ("南京市长",)),
        "南京/市/长江/大桥": (("长江",), ()),
        "南京市长江大桥": (("南京市长江大桥",), ("南京市长江大桥",)),
    }


def looking_inside(words: list[str], layer: int, head: int | None = None) -> torch.Tensor:
    """Weights of a head whose every token looks evenly at its word."""
    units = torch.tensor([-1, *(number for number, word in enumerate(words) for _ in word), -2])
    same = (units[:, None] == units[None, :]).float()
    return same[None] if head is None else same


def test_hiding_specials_from_the_model_is_not_needed(trace: av.Trace) -> None:
    layer, head = 2, 1
    units = units_of(trace, BRIDGE), units_of(trace, MAYOR)
    inner = trace.weights(layer, head)[1:-1, 1:-1]
    expected = reading_bits(inner, AONLY, BONLY, ABLE)
    assert units == ([None, *A, None], [None, *B, None])
    torch.testing.assert_close(lean(trace, BRIDGE, MAYOR).bits[layer, head], expected)


def test_readings_of_another_text_are_refused(trace: av.Trace) -> None:
    with pytest.raises(TextError, match="not of the text"):
        lean(trace, Reading.parse("武汉/市"), Reading.parse("武/汉市"))
    with pytest.raises(TextError, match="Both readings"):
        lean(trace, BRIDGE, BRIDGE)


def test_by_unit_sums_keys_and_averages_queries() -> None:
    weights = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8]])
    torch.testing.assert_close(by_unit(weights, [0, 0, 1]), torch.tensor([[0.75, 0.25], [0.2, 0.8]]))
    assert unit_places([None, 0, 0, None]) == [[0], [1, 2], [3]]
    whole = by_unit(torch.rand(4, 3, 3).softmax(-1), [None, 0, 0])
    torch.testing.assert_close(whole.sum(-1), torch.ones(4, 2))


def test_opinion_is_the_product_of_begins_and_insides(trace: av.Trace) -> None:
    begins = trace.boundaries[1:-1].double().tolist()
    expected = math.prod((begin if place == 3 else 1 - begin) for place, begin in enumerate(begins) if place)
    assert opinion(trace, BRIDGE) == pytest.approx(expected, rel=1e-9)
    assert opinion(trace, BRIDGE) > opinion(trace, MAYOR)
