"""Habits of heads on the maps that are not square, not complete, or not of one text."""

from __future__ import annotations

import pytest
import torch

from attnviz.measures import HABITS, habit_shares, sink_share, strongest, targets
from attnviz.trace import Trace
from tests.unit.figures.kinds import MAMBA, SOURCE, TARGET, call, cross, of, read


def share(trace: Trace, layer: int, head: int, name: str) -> float:
    return habit_shares(trace)[layer, head, HABITS.index(name)].item()


def test_sink_share_of_a_cross_map_counts_the_sources_special_keys() -> None:
    trace = cross()
    expected = trace.weights(0, 1)[1:4, len(SOURCE) - 1].mean()
    assert sink_share(trace, 0, 1) == pytest.approx(expected.item(), abs=1e-6)


def test_a_decoder_that_has_only_its_start_token_has_a_sink_share_all_the_same() -> None:
    trace = cross(TARGET[:1])
    assert sink_share(trace, 0, 0) == pytest.approx(trace.weights(0, 0)[0, -1].item(), abs=1e-6)
    assert targets(of(TARGET[:1], [call(1, 1, 1)])).sum() == 0, "a text of nothing but special tokens has no habits"


def test_in_cross_attention_no_key_is_a_neighbour() -> None:
    trace = cross()
    wanted = targets(trace)
    assert wanted.shape == (len(HABITS), len(TARGET), len(SOURCE))
    for name in ("previous", "next", "itself", "same_word"):
        assert not wanted[HABITS.index(name)].any()
        assert habit_shares(trace)[..., HABITS.index(name)].isnan().all()
    assert wanted[HABITS.index("last_special")][1:4, -1].all() and wanted.sum() == 3
    assert share(trace, 0, 1, "last_special") == pytest.approx(trace.weights(0, 1)[1:4, -1].mean().item(), abs=1e-6)


def test_punctuation_of_a_cross_map_is_the_sources() -> None:
    layers = [call(1, 2, 3)]
    trace = Trace(**{**vars(of(("x", "y"), layers)), "keys": read(("a", ",", "b"))})
    assert targets(trace)[HABITS.index("punctuation")].tolist() == [[False, True, False]] * 2


def test_layers_without_attention_have_no_habits_and_do_not_spoil_those_of_others() -> None:
    trace = of(("a", "b", "c"), [MAMBA, call(3, 3, 3), call(1, 3, 3)])
    table = habit_shares(trace)
    assert table.shape[:2] == (3, 3) and table[0].isnan().all() and table[2, 1:].isnan().all()
    weights = trace.weights(1, 2)
    expected = (weights[1, 0] + weights[2, 1]) / 2
    assert table[1, 2, HABITS.index("previous")].item() == pytest.approx(expected.item(), abs=1e-6)
    assert [(habit.layer, habit.head) for habit in strongest([trace])] == [(1, 0), (1, 1), (1, 2), (2, 0)]


def test_a_learned_sink_is_not_counted_among_the_special_tokens() -> None:
    labels = ("<s>", "a", "b")
    plain, drained = call(1, 3, 3), call(1, 3, 3, sink=torch.tensor([[2.0]]))
    assert sink_share(of(labels, [drained]), 0, 0) == pytest.approx(sink_share(of(labels, [plain]), 0, 0), abs=1e-6)
