"""Muon in float32: the library's own step but for its rounding, and matrices drawn to orthogonal ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from attnviz.training.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(16, 48), (48, 16), (20, 20)])
def test_steps_are_the_librarys_but_for_bfloat16(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    begun = torch.randn(shape)
    mine, theirs = nn.Parameter(begun.clone()), nn.Parameter(begun.clone())
    ours = Muon([mine], lr=0.01, weight_decay=0.1)
    library = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for _ in range(4):
        mine.grad = torch.randn(shape)
        theirs.grad = mine.grad.clone()
        ours.step()
        library.step()
    far, apart = (mine - begun).norm().item(), (mine - theirs).norm().item()
    assert apart < 0.03 * far  # bfloat16 has three digits; 0.01 seen
    assert far == pytest.approx((theirs - begun).norm().item(), rel=0.02)


def test_what_is_drawn_to_orthogonal_keeps_its_singular_vectors() -> None:
    torch.manual_seed(1)
    matrix = torch.randn(6, 30)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonal(matrix) @ right.T
    assert (found - torch.diag(found.diagonal())).abs().max() < 1e-5
    assert found.diagonal().min() > 0.6 and found.diagonal().max() < 1.3


def test_no_gradient_moves_nothing_and_a_vector_is_refused() -> None:
    one = nn.Parameter(torch.ones(2, 2))
    Muon([one], lr=1.0).step()
    assert one.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(ValueError, match="matrices"):
        Muon([nn.Parameter(torch.ones(3))], lr=1.0)
