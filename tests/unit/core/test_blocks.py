"""Weights in blocks are the weights: rows, pooled pictures, windows, lines; and no more than a block is ever made."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from attnviz.core import blocks as streaming
from attnviz.core.attention import Attention, Observed, Sampled, attend
from attnviz.core.causal import CausalMask
from attnviz.core.masks import Causal, Window
from attnviz.core.rules import Argmax, Entmax, Rule, Sample, Soft, Sparsemax, Threshold, TopK, TopP
from attnviz.core.similarity import Additive
from attnviz.errors import AttnvizError
from tests.rules import every_kind

COUNT = 61  # a prime: no tile size divides it
RULES = every_kind(
    Soft(), Soft(0.5), Threshold(0.05), TopK(3, renormalise=True), TopP(0.8), Argmax(), Sample(4), Sparsemax(),
    Entmax(1.5),
)  # fmt: skip
LAYER = 3


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def call(rule: Rule | None = None, heads: int = 3, keys: int = COUNT, **said: object) -> Attention:
    """A layer of random heads over 61 queries."""
    vectors = (random(heads, COUNT, 8, seed=1), random(heads, keys, 8, seed=2), random(heads, keys, 2, seed=3))
    return attend(*vectors, rule=(rule or Soft()).at(LAYER), **said)


def every_kind() -> dict[str, Attention]:
    band = (Causal() & Window(7)).allowed(COUNT, COUNT)
    own = torch.rand(3, COUNT, COUNT, generator=torch.Generator().manual_seed(5)) < 0.6
    own[:, 17] = False  # a query that may look at nothing
    grouped = call().keys[:1].repeat_interleave(3, 0)
    hidden = Additive(random(5, 8, seed=8), random(5, 8, seed=9), random(5, seed=10))
    return {
        "unmasked": call(),
        "causal": call(allowed=CausalMask(COUNT, COUNT)),
        "laid out": call(allowed=Causal().allowed(COUNT, COUNT)),
        "windowed": call(allowed=band),
        "a mask a head": call(allowed=own),
        "one row of a mask": call(allowed=torch.arange(COUNT)[None] != 9),
        "bias": call(bias=random(3, COUNT, COUNT, seed=4), allowed=CausalMask(COUNT, COUNT)),
        "bias of one row": call(bias=random(1, 1, COUNT, seed=4)),
        "sink of a head": call(sink=random(3, 1, seed=6), allowed=CausalMask(COUNT, COUNT)),
        "sink of a query": call(sink=random(3, COUNT, seed=6)),
        "softcap": call(softcap=0.7),
        "grouped": attend(call().queries, grouped, call().values, rule=Soft().at(LAYER), allowed=band),
        "cross": call(keys=23),
        "additive": call(similarity=hidden),
        "observed": Observed.of(call(allowed=band).weights),
        "points": Sampled.of(call(), random(3, COUNT, COUNT, 2, seed=11)),
        "one head": call(allowed=CausalMask(COUNT, COUNT)).only(1),
    }


KINDS = every_kind()
CASES = [(kind, Soft()) for kind in KINDS] + [
    (kind, rule) for kind in ("unmasked", "causal", "windowed", "sink of a head", "observed") for rule in RULES[1:]
]


def with_rule(kind: str, rule: Rule) -> Attention:
    return replace(KINDS[kind], rule=rule.at(LAYER))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of five rows of one head, so that every picture here takes many."""
    monkeypatch.setattr(streaming, "BLOCK", 5 * COUNT)


def marked(found: Attention) -> Tensor:
    """The dense weights; NaN where not allowed."""
    weights = found.weights.float()
    return weights if found.allowed is None else weights.masked_fill(~found.allowed, torch.nan)


def in_loops(weights: Tensor, size: tuple[int, int], how: str) -> Tensor:
    """One head pooled in float64, cell by cell."""
    rows, columns = weights.shape
    sizes = min(size[0], rows), min(size[1], columns)
    found = torch.full(sizes, math.nan, dtype=torch.float64)
    for i in range(sizes[0]):
        for j in range(sizes[1]):
            top, bottom = math.floor(i * rows / sizes[0]), math.ceil((i + 1) * rows / sizes[0])
            left, right = math.floor(j * columns / sizes[1]), math.ceil((j + 1) * columns / sizes[1])
            there = [w for row in weights[top:bottom, left:right].tolist() for w in row if not math.isnan(w)]
            if there:
                found[i, j] = max(there) if how == "max" else math.fsum(there) / len(there)
    return found


@pytest.mark.parametrize(("kind", "rule"), CASES, ids=str)
def test_rows_are_those_of_the_whole_map(kind: str, rule: Rule) -> None:
    found = with_rule(kind, rule)
    for start, stop in ((0, 1), (13, 40), (COUNT - 3, COUNT)):
        expected = found.weights[..., start:stop, :]
        torch.testing.assert_close(streaming.rows(found, start, stop), expected, atol=1e-6, rtol=0)  # worst 2e-7


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_fits_so_many_queries_and_points_come_with_theirs(kind: str) -> None:
    found = KINDS[kind]
    part = streaming.part(found, 13, 40)
    assert found.queries.ndim < 3 or part.fits(27, found.keys.shape[-2])
    if isinstance(found, Sampled):
        assert isinstance(part, Sampled) and torch.equal(part.places, found.places[:, 13:40])


@pytest.mark.parametrize(("kind", "rule"), CASES, ids=str)
@pytest.mark.parametrize("how", ["max", "mean"])
def test_pooled_blocks_are_the_dense_weights_pooled(kind: str, rule: Rule, how: streaming.Pool) -> None:
    found = with_rule(kind, rule)
    for size in ((7, 7), (COUNT - 1, 9)):
        pooled = streaming.pooled(found, size, how)
        heads = marked(found) if found.queries.ndim > 2 else marked(found)[None]
        expected = torch.stack([in_loops(head, size, how) for head in heads]).float()
        shown = pooled if found.queries.ndim > 2 else pooled[None]
        torch.testing.assert_close(shown, expected, atol=1e-6, rtol=0, equal_nan=True)  # worst 2e-7


@pytest.mark.parametrize(("kind", "rule"), CASES, ids=str)
@pytest.mark.parametrize("how", ["max", "mean"])
@pytest.mark.parametrize("part", [(range(11, 42), range(5, 50)), (range(3, 9), range(30, 61))], ids=str)
def test_a_part_is_pooled_by_its_own_cells(
    kind: str, rule: Rule, how: streaming.Pool, part: tuple[range, range]
) -> None:
    found, (rows, columns) = with_rule(kind, rule), part
    columns = range(columns.start % 20, min(columns.stop, found.keys.shape[-2])) if kind == "cross" else columns
    pooled = streaming.pooled(found, (7, 9), how, part=(rows, columns))
    dense = marked(found)[..., rows.start : rows.stop, columns.start : columns.stop]
    heads = dense if dense.ndim > 2 else dense[None]
    expected = torch.stack([in_loops(head, (7, 9), how) for head in heads]).float()
    shown = pooled if dense.ndim > 2 else pooled[None]
    torch.testing.assert_close(shown, expected, atol=1e-6, rtol=0, equal_nan=True)  # worst 2e-7


def test_shares_of_a_part_are_those_of_whole_rows() -> None:
    found, columns = call(), range(20, 40)
    share = (found.weights / found.weights.amax(-1, keepdim=True))[:, 10:50, 20:40]
    pooled = streaming.pooled(
        found, (5, 5), part=(range(10, 50), columns), shown=lambda rows: rows / rows.amax(-1, keepdim=True)
    )
    torch.testing.assert_close(pooled, F.adaptive_max_pool2d(share, (5, 5)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("count", [60, 61, 64, 97])
def test_cells_are_those_of_adaptive_pooling(count: int) -> None:
    q = random(1, count, 4)
    found = attend(q, q, q, rule=Soft())
    expected = F.adaptive_max_pool2d(found.weights, (12, 20))
    torch.testing.assert_close(streaming.pooled(found, (12, 20)), expected, atol=1e-6, rtol=0)
    expected = F.adaptive_avg_pool2d(found.weights, (12, 20))
    torch.testing.assert_close(streaming.pooled(found, (12, 20), "mean"), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["max", "mean"])
def test_a_map_that_fits_stays_as_it_is(kind: str, how: streaming.Pool) -> None:
    found = KINDS[kind]
    pooled = streaming.pooled(found, (COUNT, 10 * COUNT), how)
    torch.testing.assert_close(pooled, marked(found), atol=1e-6, rtol=0, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", [Soft(), Sample(4), TopK(2)], ids=str)
def test_window_row_and_column_are_parts_of_the_dense_map(kind: str, rule: Rule) -> None:
    found = with_rule(kind, rule)
    dense, keys = marked(found), range(5, 21)
    close = {"atol": 1e-6, "rtol": 0, "equal_nan": True}
    part = streaming.window(found, range(11, 42), keys)
    torch.testing.assert_close(part, dense[..., 11:42, 5:21], **close)
    torch.testing.assert_close(streaming.row(found, 30), dense[..., 30, :], **close)
    torch.testing.assert_close(streaming.column(found, 20), dense[..., 20], **close)


@dataclass(frozen=True)
class Counting(Soft):
    """Soft, which writes down how many weights it was asked for at once."""

    def weigh(self, scores: Tensor) -> Tensor:
        ASKED.append(scores.numel())
        return super().weigh(scores)


ASKED: list[int] = []


@pytest.mark.parametrize("causal", [False, True])
def test_nothing_larger_than_a_block_is_made(causal: bool) -> None:
    found = call(Counting(), allowed=CausalMask(COUNT, COUNT) if causal else None)
    ASKED.clear()
    streaming.pooled(found, (30, 30))
    streaming.pooled(found, (30, 30), "mean")
    streaming.row(found, 3)
    streaming.column(found.only(0), 3)
    assert len(ASKED) > 3 * COUNT // 5
    assert max(ASKED) <= 5 * COUNT, "a block is five rows of one head"
    if causal:
        assert min(ASKED) < COUNT, "keys that no query of a block sees are left out"


def test_progress_goes_from_nothing_to_all() -> None:
    heard: list[float] = []
    streaming.pooled(call(), (7, 7), on_progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1 and len(heard) > 3


def test_shares_of_a_row_are_taken_before_pooling() -> None:
    found = call()
    share = found.weights / found.weights.amax(-1, keepdim=True)
    pooled = streaming.pooled(found, (7, 7), shown=lambda rows: rows / rows.amax(-1, keepdim=True))
    torch.testing.assert_close(pooled, F.adaptive_max_pool2d(share, (7, 7)), atol=1e-6, rtol=0)


def test_tokens_that_are_not_there_are_refused() -> None:
    for asked, message in (
        (lambda: streaming.rows(call(), 60, 62), "no_such_query"),
        (lambda: streaming.row(call(), -1), "no_such_query"),
        (lambda: streaming.column(call(), COUNT), "no_such_key"),
        (lambda: streaming.window(call(), range(3), range(60, 70)), "no_such_key"),
        (lambda: streaming.pooled(call(), (2, 2), part=(range(3), range(60, 70))), "no_such_key"),
        (lambda: streaming.pooled(call(), (2, 2), part=(range(60, 70), range(3))), "no_such_query"),
    ):
        with pytest.raises(AttnvizError) as refusal:
            asked()
        assert refusal.value.message == message
    with pytest.raises(ValueError):
        streaming.window(call(), range(3, 3), range(5))


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (4, 4, 1, 1)])
def test_triangle_is_the_lower_triangle_to_every_operation(shape: tuple[int, ...]) -> None:
    queries, keys, *leading = shape
    found, dense = CausalMask(*shape), torch.ones(*leading, queries, keys, dtype=torch.bool).tril()
    assert found.shape == dense.shape and found.dtype == torch.bool and isinstance(found, Tensor)
    for one in (lambda t: ~t, lambda t: t[..., 1:3, :2], lambda t: t & ~t.flip(-1), lambda t: t.any(-1), torch.sum):
        assert torch.equal(one(found), one(dense))
    assert torch.equal(torch.zeros(shape[:2]).masked_fill(found, 1.0), torch.zeros(shape[:2]).masked_fill(dense, 1.0))
    assert found.tolist() == dense.tolist() and (found.numpy() == dense.numpy()).all()
    for rows, columns in ((range(1, 3), range(1, 3)), (range(2), range(2, 3)), (range(2, 3), range(2))):
        part = found.part(rows, columns)
        expected = dense.reshape(queries, keys)[rows.start : rows.stop, columns.start : columns.stop]
        assert torch.equal(part, expected)
        assert torch.equal(part.part(range(1, len(rows))), expected[1:]), "a part of a part"
        scores = random(2, len(rows), len(columns))
        assert torch.equal(part.hide(scores.clone()), scores.masked_fill(~expected, -math.inf))
        assert part.seen([(0, 1), (1, len(columns))]).sum(-1).tolist() == expected.sum(-1).tolist()


@pytest.mark.parametrize("shape", [(COUNT, COUNT), (COUNT, 23)])
def test_causal_output_of_the_kernel_is_that_of_the_mask(shape: tuple[int, int]) -> None:
    lazy, laid_out = (call(keys=shape[1], allowed=one) for one in (CausalMask(*shape), CausalMask(*shape).dense()))
    torch.testing.assert_close(lazy.output, laid_out.output, atol=1e-6, rtol=0)  # worst seen 4e-07
    assert torch.equal(lazy.weights, laid_out.weights)
    rows = streaming.part(lazy, 5, 9)
    torch.testing.assert_close(rows.output, laid_out.output[..., 5:9, :], atol=1e-6, rtol=0)
    assert torch.equal(lazy.products, laid_out.products), "hiding scores leaves the products as they were"


def test_output_without_values_is_refused() -> None:
    found = call()
    with pytest.raises(AttnvizError) as refusal:
        _ = attend(found.queries, found.keys, found.values[..., :0], rule=Soft()).output
    assert refusal.value.message == "values_not_kept"
