"""Masks against tables written by hand, against each other, and as blocks of a longer text."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnviz.core.masks import Causal, Dilated, Fixed, Global, Mask, RandomKeys, Strided, Window
from attnviz.errors import RuleError

ALL: tuple[Mask, ...] = (
    Causal(), Window(0), Window(2), Dilated(2, 1), Global(()), Global((0, 3)), RandomKeys(0), RandomKeys(2, 5),
    Strided(3), Fixed(3, 1), Window(1) | Global((0,)) | RandomKeys(1, 2), Causal() & Strided(2),
)  # fmt: skip


def table(text: str) -> Tensor:
    """A table of x (may look) and . (may not), a row for each query."""
    return torch.tensor([[mark == "x" for mark in row] for row in text.split()])


BY_HAND: dict[Mask, str] = {
    Causal(): "x..... xx.... xxx... xxxx.. xxxxx. xxxxxx",
    Window(0): "x..... .x.... ..x... ...x.. ....x. .....x",
    Window(1): "xx.... xxx... .xxx.. ..xxx. ...xxx ....xx",
    Window(2): "xxx... xxxx.. xxxxx. .xxxxx ..xxxx ...xxx",
    Dilated(1, 1): "x.x... .x.x.. x.x.x. .x.x.x ..x.x. ...x.x",
    Dilated(2, 1): "x.x.x. .x.x.x x.x.x. .x.x.x x.x.x. .x.x.x",
    Dilated(1, 2): "x..x.. .x..x. ..x..x x..x.. .x..x. ..x..x",
    Global((2,)): "x.x... .xx... xxxxxx ..xx.. ..x.x. ..x..x",
    Global((0, 5, 9)): "xxxxxx xx...x x.x..x x..x.x x...xx xxxxxx",
    Strided(2): "xxx.x. xxxx.x xxxxx. .xxxxx x.xxxx .x.xxx",
    Strided(3): "xxxx.. xxxxx. xxxxxx xxxxxx .xxxxx ..xxxx",
    Fixed(3, 1): "xxx..x xxx..x xxx..x ..xxxx ..xxxx ..xxxx",
    Fixed(2, 1): "xx.x.x xx.x.x .xxx.x .xxx.x .x.xxx .x.xxx",
    Fixed(2, 0): "xx.... xx.... ..xx.. ..xx.. ....xx ....xx",
    Causal() & Window(2): "x..... xx.... xxx... .xxx.. ..xxx. ...xxx",
    Window(1) | Global((0,)): "xxxxxx xxx... xxxx.. x.xxx. x..xxx x...xx",
    Causal() & Fixed(3, 1): "x..... xx.... xxx... ..xx.. ..xxx. ..xxxx",  # Child et al. 2019, fig. 3c, l = 3, c = 1
    Causal() & Strided(3): "x..... xx.... xxx... xxxx.. .xxxx. ..xxxx",
}


@pytest.mark.parametrize(("mask", "rows"), BY_HAND.items(), ids=map(str, BY_HAND))
def test_mask_is_the_table_written_by_hand(mask: Mask, rows: str) -> None:
    assert torch.equal(mask.allowed(6, 6), table(rows))


def test_strided_reaches_back_by_whole_strides_in_a_longer_text() -> None:
    row = (Causal() & Strided(4)).allowed(14, 14)[13]
    assert row.nonzero().flatten().tolist() == [1, 5, 9, 10, 11, 12, 13]


@pytest.mark.parametrize("mask", ALL, ids=str)
def test_every_query_may_look_at_itself(mask: Mask) -> None:
    assert mask.allowed(9, 9).diagonal().all()


@pytest.mark.parametrize("first", ALL, ids=str)
@pytest.mark.parametrize("second", ALL[1::3], ids=str)
def test_joined_masks_are_elementwise_and_and_or(first: Mask, second: Mask) -> None:
    one, two = first.allowed(8, 8), second.allowed(8, 8)
    assert torch.equal((first & second).allowed(8, 8), one & two)
    assert torch.equal((first | second).allowed(8, 8), one | two)


@pytest.mark.parametrize("mask", ALL, ids=str)
@pytest.mark.parametrize(("query", "key"), [(0, 0), (4, 0), (4, 3), (11, 0), (11, 7)])
def test_block_is_the_same_part_of_the_whole_wherever_it_begins(mask: Mask, query: int, key: int) -> None:
    whole = mask.allowed(12, 12)
    assert torch.equal(mask.allowed(12 - query, 12 - key, query, key), whole[query:, key:])


@pytest.mark.parametrize("mask", ALL, ids=str)
def test_what_a_query_sees_behind_it_does_not_change_as_the_text_grows(mask: Mask) -> None:
    short, long = mask.allowed(7, 7), mask.allowed(30, 30)[:7, :7]
    assert torch.equal(short.tril(), long.tril())


def test_random_keys_are_as_many_as_asked_on_each_side() -> None:
    drawn = RandomKeys(2, 4).allowed(20, 20)
    for query in range(20):
        assert drawn[query, :query].sum() == min(2, query)
        assert drawn[query, query + 1 :].sum() == min(2, 19 - query)


def test_random_keys_depend_on_the_seed_alone() -> None:
    first = RandomKeys(2, 1).allowed(24, 24)
    assert torch.equal(first, RandomKeys(2, 1).allowed(24, 24))
    assert not torch.equal(first, RandomKeys(2, 2).allowed(24, 24))


def test_random_keys_are_spread_evenly() -> None:
    """The last of 60 tokens draws one of the 59 before it: over 1,180 seeds each is drawn about 20 times."""
    counts = sum(RandomKeys(1, seed).allowed(1, 60, 59)[0, :59].int() for seed in range(1180))
    assert int(counts.min()) >= 5 and int(counts.max()) <= 40  # Poisson with mean 20; seen: 8 to 32
    assert ((counts - 20.0) ** 2 / 20).sum() < 100  # chi squared, 58 degrees of freedom: more once in 2,000


@pytest.mark.parametrize("mask", ALL, ids=str)
@pytest.mark.parametrize("tokens", [0, 1, 7, 40])
def test_pairs_counts_the_cells_that_are_allowed(mask: Mask, tokens: int) -> None:
    expected = sum(sum(row) for row in mask.allowed(tokens, tokens).tolist())
    assert mask.pairs(tokens) == expected


def test_pairs_of_a_window_follow_the_formula_over_several_blocks() -> None:
    n, w = 5000, 3
    assert Window(w).pairs(n) == n * (2 * w + 1) - w * (w + 1)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Window(-1), lambda: Dilated(1, -1), lambda: Dilated(-1, 0), lambda: RandomKeys(-1), lambda: Strided(0),
        lambda: RandomKeys(1, -1), lambda: Fixed(0), lambda: Fixed(3, -1),
    ],
)  # fmt: skip
def test_number_that_means_nothing_is_refused_in_a_sentence(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(RuleError) as refused:
        make()
    assert "-1" in refused.value.say("en") or "0" in refused.value.say("en")
    assert refused.value.say("zh") != refused.value.say("en")


def test_a_mask_says_what_it_is() -> None:
    said = str(Causal() & (Window(4) | Global((0, 1))))
    assert said == "(causal and (window 4 or global 0, 1))"
