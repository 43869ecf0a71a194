"""What is kept from training stays out of it, and strings are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attnviz.systems.speech.text import BEGIN, END
from attnviz.training.speech.data import (
    HELD_OUT,
    SPEAKERS,
    TRAINING,
    UNSEEN,
    Batch,
    Joiner,
    changed,
    held_out,
    known,
    training,
    unseen,
)
from attnviz.training.speech.measure import edits


def clips() -> dict[tuple[str, int, int], np.ndarray]:
    """A tone for each clip, told apart by its length."""
    return {
        (speaker, digit, index): np.full(800 + 10 * digit + index, 0.1, np.float32)
        for speaker in SPEAKERS for digit in range(10) for index in range(8)
    }  # fmt: skip


def test_no_clip_is_in_two_parts_and_none_is_lost() -> None:
    parts = [set(part(clips())) for part in (training, known, unseen)]
    assert sum(map(len, parts)) == len(clips()) == len(set.union(*parts))
    assert {key[0] for key in parts[2]} == set(UNSEEN) and not {key[0] for key in parts[0] | parts[1]} & set(UNSEEN)
    assert {key[2] for key in parts[1]} == set(range(5)) and {key[2] for key in parts[0]} == {5, 6, 7}


@pytest.mark.parametrize("course", [TRAINING, HELD_OUT])
def test_digits_lie_where_their_spans_say(course) -> None:  # type: ignore[no-untyped-def]
    joiner = Joiner(clips(), course, 3)
    for size in (1, 3, 6):
        one = joiner.string(size)
        assert len(one.digits) == len(one.spans) == size and len(one.wave) / 8_000 <= 8
        for start, end in one.spans:
            inside = one.wave[round(start * 8_000) : round(end * 8_000)]
            assert 0 <= start < end <= len(one.wave) / 8_000 and inside.std() + abs(inside.mean()) > 0


def test_held_out_strings_have_three_to_six_digits_and_are_the_same_again() -> None:
    first, again = held_out(known(clips()), 8), held_out(known(clips()), 8)
    assert [len(one.digits) for one in first] == [3, 4, 5, 6] * 2
    assert all(np.array_equal(one.wave, other.wave) for one, other in zip(first, again, strict=True))


def test_a_batch_has_the_tokens_and_says_which_places_are_sound() -> None:
    joiner = Joiner(clips(), HELD_OUT, 1)
    strings = [joiner.string(size) for size in (2, 0, 4)]
    batch = Batch.of(strings)
    for row, one in enumerate(strings):
        assert batch.ids[row, : len(one.digits) + 2].tolist() == [BEGIN, *one.digits, END]
        assert int(batch.real[row].sum()) == -(-len(one.wave) // 320)
        assert not batch.mel[row, :, 4 * int(batch.real[row].sum()) :].any()
    other = changed(batch.mel, torch.Generator().manual_seed(0))
    assert other.shape == batch.mel.shape and other.min() >= 0 and other.max() <= 1


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [([], [], 0), ([1], [], 1), ([1, 2, 3], [1, 2, 3], 0), ([1, 2, 3], [2, 3], 1), ([1, 2], [2, 1], 2), ([5], [6], 1)],
)
def test_edits_are_those_of_levenshtein(one: list[int], other: list[int], count: int) -> None:
    assert edits(one, other) == edits(other, one) == count
