"""A text with a picture in it: which of its places are special, and what each stands for."""

from __future__ import annotations

import pytest

from attnviz.axes import Beside, Box, Illustrated, Items

TEXT = Beside(Items(("<image>", "<image>", "tea")), ("[SEP]",))
AXIS = Illustrated(TEXT, 8, 4, ("[CLS]", "1,1", "", ""), (None, (0, 0, 8, 4), None, None))


def test_a_place_of_the_picture_without_a_box_is_special_and_so_is_what_is_on_the_axis() -> None:
    assert AXIS.labels == ("[CLS]", "1,1", "tea", "[SEP]") and AXIS.pictured == (0, 1)
    assert AXIS.special == AXIS.grouped("token").special == (True, False, False, True)
    assert [AXIS.stands_for(place) for place in range(4)] == [None, Box(0, 0, 8, 4), None, None]


def test_a_box_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="has a name"):
        Illustrated(TEXT, 8, 4, ("", "", "", ""), (None, (0, 0, 8, 4), None, None))
