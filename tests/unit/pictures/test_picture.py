"""A picture that was opened: nobody changes it, two of the same pixels are the same, and others are refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import attnviz as av
from attnviz.messages import say

PIXELS = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)


def test_pixels_are_never_changed_not_even_by_who_gave_them() -> None:
    own = PIXELS.copy()
    picture = av.Picture(own)
    own[:] = 0
    assert np.array_equal(picture.pixels, PIXELS) and (picture.width, picture.height) == (5, 4)
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0, 0] = 1


def test_pictures_of_the_same_pixels_have_one_fingerprint_and_others_have_another() -> None:
    picture = av.Picture(PIXELS, name="a")
    assert picture.fingerprint == av.Picture(PIXELS, name="b").fingerprint
    assert picture == av.Picture(PIXELS, name="a") and hash(picture) == hash(av.Picture(PIXELS, name="a"))
    assert picture != av.Picture(PIXELS, name="b") and picture != "a"
    assert picture.fingerprint != av.Picture(PIXELS.reshape(5, 4, 3)).fingerprint


def test_a_copied_or_pickled_picture_is_the_same() -> None:
    picture = av.Picture(PIXELS, "a", av.open_picture(PIXELS.astype(np.uint16)).notes)
    for again in (copy.deepcopy(picture), pickle.loads(pickle.dumps(picture))):
        assert again == picture and again.notes == picture.notes
    assert np.array_equal(np.asarray(picture.image()), PIXELS)
    assert repr(picture) == "Picture('a', 5 x 4 pixels)"


@pytest.mark.parametrize("given", [PIXELS[:, :, :2], PIXELS / 255, PIXELS[0], "cat.png", None, PIXELS.tolist()])
def test_pixels_of_another_kind_are_a_sentence(given: Any) -> None:
    with pytest.raises(av.PictureError) as found:
        av.Picture(given)
    assert found.value.message == "picture_pixels"
    with pytest.raises(av.PictureError, match="empty"):
        av.Picture(np.zeros((0, 4, 3), np.uint8))


def test_every_note_is_said_in_both_languages() -> None:
    note = av.open_picture(np.full((2, 2), 700, np.uint16)).notes[0]
    assert note.say("en") == say("notice.picture_bits", "en") and "16 位" in note.say("zh")
