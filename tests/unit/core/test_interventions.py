"""Changes of a run: which contradict each other, and which leave a run as it is."""

from __future__ import annotations

import pytest
import torch

from attnviz import AttnvizError, ForbidEdge, HideToken, Intervention, KeepHead, RemoveHeads, Restrict, load, record
from attnviz.core.attention import Attention, attend
from attnviz.core.interventions import Place, contradiction, idle
from attnviz.core.masks import Causal
from attnviz.core.rules import Soft


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((RemoveHeads((2,), layers=(3,)), KeepHead(2, layers=(3,))), (0, 1)),
        ((KeepHead(2), ForbidEdge(0, 1), RemoveHeads((0, 2), layers=(3,))), (0, 2)),
        ((KeepHead(1, layers=(0,)), KeepHead(2, layers=(0, 1))), (0, 1)),
        ((KeepHead(2, layers=(3,)), RemoveHeads((2,), layers=(3,), part="decoder")), (0, 1)),
        ((KeepHead(2, layers=(3,), part="cross"), RemoveHeads((2,), layers=(3,), part="decoder")), None),
        ((RemoveHeads((2,), layers=(2,)), KeepHead(2, layers=(3,))), None),
        ((RemoveHeads((1,), layers=(3,)), KeepHead(2, layers=(3,))), None),
        ((KeepHead(2, layers=(3,)), KeepHead(2, layers=(3,))), None),
        ((), None),
    ],
)
def test_no_head_is_both_removed_and_the_only_one_kept(
    changes: tuple[Intervention, ...], expected: tuple[int, int] | None
) -> None:
    assert contradiction(changes) == expected


def test_a_run_with_contradicting_changes_is_refused_in_both_languages() -> None:
    with pytest.raises(AttnvizError) as caught:
        record(load("lab-2"), "南京", interventions=[RemoveHeads((1,), layers=(0,)), KeepHead(1, layers=(0,))])
    assert "remove head 1 in layer 0" in caught.value.say("en") and "keep only head 1" in caught.value.say("zh")


def causal() -> list[tuple[Place, Attention]]:
    """Two layers in which nobody looks ahead."""
    mask = torch.ones(1, 4, 4, dtype=torch.bool).tril()
    states = torch.randn(3, 2, 4, 5, generator=torch.Generator().manual_seed(1))
    return [(Place("self", layer), attend(*states, rule=Soft(), allowed=mask)) for layer in range(2)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (ForbidEdge(1, 2), True),  # ahead
        (ForbidEdge(2, 1), False),
        (ForbidEdge(2, 1, layers=(5,)), True),  # no such layer
        (ForbidEdge(2, 1, (0,), layers=(1,)), False),
        (HideToken(3), False),  # it looks at itself
        (HideToken(3, part="cross"), True),
        (Restrict(Causal()), True),
        (RemoveHeads((0,)), False),
        (RemoveHeads(()), True),
    ],
)
def test_what_was_not_allowed_before_changes_nothing(change: Intervention, expected: bool) -> None:
    assert idle(change, causal()) is expected
