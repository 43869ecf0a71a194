"""The encodings of positions against their definitions in plain loops, against complex numbers and the paper's slopes;
the encoders built on them: who notices when the tokens are reordered."""

from __future__ import annotations

import cmath
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from attnviz.core import positions as say_where
from attnviz.core.rules import Rule, TopK
from attnviz.systems.positions.network import ENCODINGS, Network, Shape
from attnviz.systems.positions.system import inverse, reordered, restored, shuffled, swapped, weight_by_distance
from attnviz.text.tokens import Encoded
from attnviz.trace import Trace

EIGHT = [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]
IDS = (2, 9, 7, 5, 11, 8, 3)
ORDER = (0, 3, 5, 1, 2, 4, 6)


def network(encoding: str, **shape: int) -> Network:
    torch.manual_seed(5)
    size = {"layers": 2, "heads": 4, "width": 16, "inner": 24, "longest": 32, **shape}
    model = Network(Shape(encoding, vocabulary=12, init=0.5, **size)).double().eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for norm in (part for part in model.modules() if isinstance(part, torch.nn.LayerNorm)):
            norm.weight.uniform_(0.5, 1.5)
    return model


def outputs(model: Network, ids: Tensor, said: bool = True) -> Tensor:
    with torch.inference_mode():
        return model.encoder(ids, torch.arange(len(ids)) if said else None)


def test_sinusoids_are_those_of_the_paper_in_plain_loops() -> None:
    found = say_where.sinusoidal(torch.arange(50), 12)
    for position in range(50):
        for dimension in range(12):
            pair = dimension // 2
            angle = position / 10000 ** (2 * pair / 12)
            expected = math.sin(angle) if dimension % 2 == 0 else math.cos(angle)
            assert abs(found[position, dimension].item() - expected) < 1e-12  # worst seen 2e-15


def test_a_shift_of_sinusoids_is_one_linear_map_for_all_positions() -> None:
    width, shift = 8, 5
    here, there = (say_where.sinusoidal(torch.arange(20) + k, width) for k in (0, shift))
    turn = torch.zeros(width, width, dtype=torch.float64)
    for pair in range(width // 2):
        angle = shift * 10000 ** (-2 * pair / width)
        cos, sin = math.cos(angle), math.sin(angle)
        turn[2 * pair : 2 * pair + 2, 2 * pair : 2 * pair + 2] = torch.tensor(
            [[cos, sin], [-sin, cos]], dtype=torch.float64
        )
    assert (here @ turn.T - there).abs().max() < 1e-12


def test_cosine_of_two_sinusoids_is_the_kernel_of_their_distance() -> None:
    table = say_where.sinusoidal(torch.arange(40), 16)
    cosines = torch.nn.functional.cosine_similarity(table[:, None], table[None], dim=-1)
    distance = (torch.arange(40)[:, None] - torch.arange(40)).double()
    assert (cosines - say_where.kernel(distance, 16)).abs().max() < 1e-12


def test_rotary_is_multiplication_by_complex_numbers_of_neighbouring_pairs() -> None:
    vectors = torch.randn(3, 7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found = say_where.rotary(vectors, torch.arange(7))
    for head in range(3):
        for position in range(7):
            for pair in range(3):
                x, y = vectors[head, position, 2 * pair : 2 * pair + 2].tolist()
                turned = complex(x, y) * cmath.exp(1j * position * 10000 ** (-2 * pair / 6))
                assert found[head, position, 2 * pair].item() == pytest.approx(turned.real, abs=1e-12)
                assert found[head, position, 2 * pair + 1].item() == pytest.approx(turned.imag, abs=1e-12)


def test_product_of_turned_query_and_key_depends_on_their_distance_alone() -> None:
    query, key = torch.randn(2, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def product(m: int, n: int) -> float:
        turned = (say_where.rotary(one, torch.tensor([at])) for one, at in ((query, m), (key, n)))
        return float(torch.mul(*turned).sum())

    for m, n in ((3, 1), (9, 4), (0, 6)):
        assert product(m, n) == pytest.approx(product(m + 37, n + 37), abs=1e-12)
    assert abs(product(3, 1) - product(1, 3)) > 1e-3, "the sign of the distance counts"


def test_rotary_keeps_lengths_and_leaves_position_zero_alone() -> None:
    vectors = torch.randn(5, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    turned = say_where.rotary(vectors, torch.tensor([0, 4, 100, 7, 0]))
    assert (turned.norm(dim=-1) - vectors.norm(dim=-1)).abs().max() < 1e-12
    assert torch.equal(turned[[0, 4]], vectors[[0, 4]])


def test_kernel_is_the_rotary_product_of_equal_pairs() -> None:
    ones = torch.ones(1, 8, dtype=torch.float64) / math.sqrt(8)
    for distance in (0, 1, 5, 30):
        turned = say_where.rotary(ones, torch.tensor([distance]))
        found = say_where.kernel(torch.tensor([float(distance)]), 8)
        assert float((turned * ones).sum()) == pytest.approx(found.item(), abs=1e-12)


def test_slopes_are_those_of_the_paper() -> None:
    assert say_where.slopes(8).tolist() == EIGHT
    assert say_where.slopes(4).tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256]
    assert say_where.slopes(1).tolist() == [1 / 256]
    assert say_where.slopes(6).tolist() == [1 / 4, 1 / 16, 1 / 64, 1 / 256, 1 / 2, 1 / 8]
    sixteen = say_where.slopes(16)
    assert sixteen[0].item() == pytest.approx(2**-0.5) and sixteen[1::2].tolist() == EIGHT


def test_alibi_falls_with_distance_in_plain_loops() -> None:
    found = say_where.alibi(8, torch.tensor([0, 3, 5]), torch.tensor([1, 3, 9, 2]))
    for head, slope in enumerate(EIGHT):
        for row, i in enumerate((0, 3, 5)):
            for column, j in enumerate((1, 3, 9, 2)):
                assert found[head, row, column].item() == -slope * abs(i - j)


def test_alibi_takes_positions_of_many_texts_at_once() -> None:
    where = torch.tensor([[0, 1, 2], [0, 1, 0]])
    found = say_where.alibi(2, where, where)
    assert found.shape == (2, 2, 3, 3)
    for text in range(2):
        assert torch.equal(found[text], say_where.alibi(2, where[text], where[text]))


def test_learned_positions_are_rows_of_the_table_and_end_with_it() -> None:
    table = torch.randn(4, 3)
    assert torch.equal(say_where.learned(table, torch.tensor([2, 0, 2])), table[[2, 0, 2]])
    with pytest.raises(IndexError):
        say_where.learned(table, torch.tensor([4]))


@pytest.mark.parametrize("width", [0, 3, -2])
def test_odd_widths_have_no_pairs(width: int) -> None:
    with pytest.raises(ValueError, match="even width"):
        say_where.frequencies(width)


def test_without_positions_reordered_tokens_give_reordered_outputs() -> None:
    ids = torch.tensor(IDS)
    for encoding in ENCODINGS:
        model = network(encoding)
        unsaid = outputs(model, ids[list(ORDER)], said=False) - outputs(model, ids, said=False)[list(ORDER)]
        assert unsaid.abs().max() < 1e-12, encoding  # float64; worst seen 3e-15
        said = outputs(model, ids[list(ORDER)]) - outputs(model, ids)[list(ORDER)]
        if encoding == "none":
            assert said.abs().max() < 1e-12
        else:
            assert said.abs().max() > 1e-2, encoding


def test_relative_encodings_do_not_notice_a_shift_and_absolute_ones_do() -> None:
    ids = torch.tensor(IDS)
    for encoding in ENCODINGS:
        model = network(encoding)
        with torch.inference_mode():
            here, there = (model.encoder(ids, torch.arange(len(ids)) + shift) for shift in (0, 9))
        moved = (here - there).abs().max()
        assert (moved > 1e-2) if encoding in ("sinusoidal", "learned") else (moved < 1e-12), encoding


def test_alibi_cannot_tell_left_from_right_and_rotary_can() -> None:
    ids = torch.tensor(IDS)
    mirrored = ids.flip(0)
    for encoding, tells in (("alibi", False), ("rotary", True)):
        model = network(encoding)
        moved = (outputs(model, mirrored).flip(0) - outputs(model, ids)).abs().max()
        assert (moved > 1e-2) == tells, encoding


def test_every_layer_attends_through_attend_under_the_rule() -> None:
    class Refuse(Rule):
        def weigh(self, scores: Tensor) -> Tensor:
            raise RuntimeError("asked for weights")

    ids = torch.tensor(IDS)
    for encoding in ENCODINGS:
        model = network(encoding)
        with pytest.raises(RuntimeError, match="asked for weights"):
            model.encoder(ids, torch.arange(7), rule=Refuse())
        kept: list = []
        with torch.inference_mode():
            model.encoder(ids, torch.arange(7), rule=TopK(2), keep=kept.append)
        assert len(kept) == 2 and all(((one.weights > 0).sum(-1) == 2).all() for one in kept)


def test_texts_packed_into_one_row_do_not_know_each_other() -> None:
    alone, other = torch.tensor([2, 9, 7, 3]), torch.tensor([2, 5, 3])
    text = torch.tensor([1, 1, 1, 1, 2, 2, 2])
    where = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    for encoding in ENCODINGS:
        model = network(encoding)
        with torch.inference_mode():
            packed = model.encoder(torch.cat([alone, other])[None], where[None], (text[:, None] == text)[None])[0]
        for ids, part in ((alone, packed[:4]), (other, packed[4:])):
            assert (part - outputs(model, ids)).abs().max() < 1e-12, encoding


def trace_of(model: Network, order: tuple[int, ...] | None = None) -> Trace:
    words = ("[CLS]", *"abcde", "[SEP]")
    special = (True, *[False] * 5, True)
    encoded = Encoded("abcde", IDS, words, (None, *[(n, n + 1) for n in range(5)], None), special, None)
    encoded = encoded if order is None else reordered(encoded, order)
    layers: list = []
    with torch.inference_mode():
        states = model.encoder(torch.tensor(encoded.ids), torch.arange(7), keep=layers.append)
        begins, logits = model.begins(states), model.filled(states)
    return Trace(
        encoded, encoded, tuple(layers), model="m", kind="masked", outputs=states, logits=logits, boundaries=begins
    )


def test_restored_run_has_the_same_numbers_in_the_texts_own_order() -> None:
    for encoding in ENCODINGS:
        run = trace_of(network(encoding), ORDER)
        back = restored(run, ORDER)
        assert back.tokens == ["[CLS]", *"abcde", "[SEP]"] and run.tokens == ["[CLS]", *"ceabd", "[SEP]"]
        for place, token in enumerate(ORDER):
            assert torch.equal(back.outputs[token], run.outputs[place])
            assert back.boundaries is not None and back.boundaries[token] == run.boundaries[place]  # type: ignore[index]
            for key_place, key in enumerate(ORDER):
                gap = back.weights(1)[:, token, key] - run.weights(1)[:, place, key_place]
                assert gap.abs().max() < 1e-7


def test_restored_run_of_the_model_without_positions_is_the_run_in_order() -> None:
    model = network("none")
    assert (restored(trace_of(model, ORDER), ORDER).weights(0) - trace_of(model).weights(0)).abs().max() < 1e-7


def test_orders_are_undone_and_keep_special_tokens_in_place() -> None:
    encoded = trace_of(network("none")).encoded
    for seed in range(20):
        order = shuffled(encoded, seed)
        assert order[0] == 0 and order[-1] == 6 and sorted(order) == list(range(7))
        assert [encoded.ids[n] for n in order] != list(encoded.ids)
        assert reordered(reordered(encoded, order), inverse(order)) == encoded
        assert order == shuffled(encoded, seed)
    assert len({shuffled(encoded, seed) for seed in range(20)}) > 10
    same = replace(encoded, ids=(2, 7, 7, 7, 7, 7, 3))
    assert shuffled(same, 1) == tuple(range(7)), "there is no other order of equal tokens"
    assert swapped((0, 2, 1, 3), 1, 2) == (0, 1, 2, 3)


def test_weight_by_distance_is_counted_in_plain_loops() -> None:
    run = trace_of(network("alibi"))
    sums, pairs = weight_by_distance(run, 3)
    expected, count = [0.0] * 7, [0] * 7
    weights = torch.stack([run.weights(layer).mean(0) for layer in range(2)]).mean(0)
    for query in range(1, 6):
        for key in range(1, 6):
            if abs(key - query) <= 3:
                expected[key - query + 3] += weights[query, key].item()
                count[key - query + 3] += 1
    assert pairs.tolist() == count
    assert sums.tolist() == pytest.approx(expected, abs=1e-6)
