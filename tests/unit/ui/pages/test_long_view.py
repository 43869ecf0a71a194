"""Windows on the map of a long text, the steps between them, and the search, as numbers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from attnviz.text.tokens import Encoded, encode
from attnviz.ui.pages.long.find import nearest, number_of, occurrences
from attnviz.ui.pages.long.view import (
    LEAST,
    MOST,
    MOVES,
    START,
    Place,
    Window,
    along,
    around,
    fitted,
    moved,
    window,
)

SIZES = st.integers(1, 9000)
NUMBERS = st.floats(-1000, 10_000)
AIM = (2000, 1500)


def inside(found: Window, queries: int, keys: int) -> None:
    """Whatever was asked, the window lies on the map and has a size that can be shown."""
    assert 0 <= found.q0 < found.q1 <= queries and 0 <= found.k0 < found.k1 <= keys
    assert min(LEAST, queries) <= len(found.queries) and min(LEAST, keys) <= len(found.keys)
    assert found.pooled == (max(len(found.queries), len(found.keys)) > MOST)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), SIZES, SIZES)
def test_any_box_becomes_a_window_on_the_map(box: tuple[float, float, float, float], queries: int, keys: int) -> None:
    inside(window(*box, queries, keys), queries, keys)


def test_a_box_that_fits_is_the_window() -> None:
    assert window(10, 20, 90, 190, 300, 300) == Window(10, 20, 90, 190)


def test_a_box_may_be_drawn_from_any_corner() -> None:
    assert window(190, 90, 20, 10, 300, 300) == Window(90, 190, 10, 20)


def test_a_box_of_any_size_is_opened_whole() -> None:
    found = window(0, 4000, 1000, 2000, 8192, 8192)
    assert found == Window(0, 4000, 1000, 2000) and found.pooled
    assert window(257, 0, 0, 10, 8192, 8192).pooled and not window(0, 256, 300, 44, 8192, 8192).pooled


@given(st.integers(0, 8191), st.integers(0, 8191))
def test_a_window_around_a_pair_holds_it(query: int, key: int) -> None:
    found = around(query, key, 8192, 8192)
    assert query in found.queries and key in found.keys
    assert len(found.queries) == len(found.keys) == START


def test_around_keeps_the_size_of_the_window_one_comes_from() -> None:
    found = around(500, 600, 8192, 8192, Window(0, 100, 0, 30))
    assert (len(found.queries), len(found.keys)) == (100, 30)
    found = around(500, 600, 8192, 8192, Window(0, 4000, 0, 30))
    assert len(found.queries) == len(found.keys) == START, "tokens are wanted, not cells"


def test_back_goes_the_way_one_came() -> None:
    place = Place()
    first, second = Window(0, 64, 0, 64), Window(64, 128, 0, 64)
    there = place.to(first).to(second)
    assert there.back() == place.to(first)
    assert there.back().back() == place
    assert there.back().back().back() == place, "there is nothing before the overview"


def test_staying_leaves_no_trace() -> None:
    assert Place().to(None) == Place()
    place = Place().to(Window(0, 64, 0, 64))
    assert place.to(place.now) == place


def test_in_opens_the_overview_around_what_is_followed() -> None:
    found = moved(Place(), "in", 8192, 8192, AIM).now
    assert found is not None and AIM[0] in found.queries and AIM[1] in found.keys
    assert len(found.queries) == len(found.keys) == 4096


def test_in_leads_from_the_overview_to_single_tokens_step_by_step() -> None:
    place, sizes = Place(), []
    for _ in range(6):
        place = moved(place, "in", 8192, 8192, AIM)
        assert place.now is not None and AIM[0] in place.now.queries and AIM[1] in place.now.keys
        sizes.append((len(place.now.queries), place.now.pooled))
    assert sizes == [(4096, True), (2048, True), (1024, True), (512, True), (256, False), (128, False)]


def test_out_of_half_the_map_is_the_overview() -> None:
    place = moved(Place(), "in", 8192, 8192, AIM)
    assert moved(place, "out", 8192, 8192, AIM).now is None
    wide = moved(Place(Window(0, 100, 0, 8192)), "out", 8192, 8192, AIM).now
    assert wide == Window(0, 200, 0, 8192), "while one side still grows there is more to see"


@pytest.mark.parametrize("first", ["in", "out"])
def test_in_and_out_undo_each_other(first: str) -> None:
    place = Place(Window(1000, 1064, 2000, 2032))
    there = moved(place, first, 8192, 8192, AIM)
    assert there.now != place.now
    assert moved(there, "out" if first == "in" else "in", 8192, 8192, AIM).now == place.now


def test_in_stops_at_the_smallest_window() -> None:
    place = Place(Window(100, 100 + LEAST, 100, 100 + LEAST))
    assert moved(place, "in", 8192, 8192, AIM) == place


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        ("left", (100, 164, 168, 232)), ("right", (100, 164, 232, 296)), ("up", (68, 132, 200, 264)),
        ("down", (132, 196, 200, 264)),
    ],
)  # fmt: skip
def test_arrows_go_half_a_window(move: str, expected: tuple[int, int, int, int]) -> None:
    assert moved(Place(Window(100, 164, 200, 264)), move, 8192, 8192, AIM).now == Window(*expected)


def test_arrows_stop_at_the_edge_with_the_size_kept() -> None:
    here = Place(Window(10, 74, 8100, 8164))
    assert moved(here, "up", 8192, 8192, AIM).now == Window(0, 64, 8100, 8164)
    right = moved(here, "right", 8192, 8192, AIM)
    assert right.now == Window(10, 74, 8128, 8192)
    assert moved(right, "right", 8192, 8192, AIM) == right


def test_arrows_do_nothing_on_the_overview() -> None:
    assert all(moved(Place(), move, 300, 300, (5, 5)) == Place() for move in ("left", "right", "up", "down", "out"))


@pytest.mark.parametrize("size", [1, 7, 8, 100, 256, 257, 8192])
def test_no_walk_leaves_the_map(size: int) -> None:
    chance, place = random.Random(size), Place()
    for _ in range(300):
        place = moved(place, chance.choice(MOVES), size, size, (size // 2, size // 3))
        if place.now is not None:
            inside(place.now, size, size)
        assert len(place.before) <= 50


def test_a_window_of_another_text_is_brought_into_this_one() -> None:
    assert fitted(Window(0, 64, 100, 164), 120, 120) == Window(0, 64, 56, 120)
    assert fitted(Window(500, 564, 0, 64), 120, 120) is None
    assert fitted(None, 120, 120) is None
    assert fitted(Window(5, 900, 3, 4), 2000, 2000) == window(5, 900, 3, 4, 2000, 2000)
    assert fitted(Window(0, 9000, 0, 9000), 2000, 2000) is None, "all of it, pooled, is the overview"
    assert fitted(Window(0, 200, 0, 200), 120, 120) == Window(0, 120, 0, 120)


@pytest.fixture(scope="module")
def cat(wordpiece: PreTrainedTokenizerBase) -> Encoded:
    return encode("The cat sat on the mat because the CAT was tired.", wordpiece, None)


def texts(encoded: Encoded, wanted: str) -> list[str]:
    """What each occurrence covers in the text."""
    found = []
    for first, last in occurrences(encoded, wanted):
        spans = [encoded.spans[place] for place in range(first, last + 1)]
        known = [span for span in spans if span]
        found.append(encoded.text[known[0][0] : known[-1][1]] if known else encoded.labels[first])
    return found


def test_search_ignores_case_and_finds_every_occurrence(cat: Encoded) -> None:
    assert texts(cat, "cat") == ["cat", "CAT"] and texts(cat, " cAt ") == ["cat", "CAT"]


def test_search_may_run_over_several_tokens(cat: Encoded) -> None:
    (first, last), *rest = occurrences(cat, "sat on the")
    assert last > first and not rest
    assert texts(cat, "sat on the") == ["sat on the"]


def test_search_finds_part_of_a_token_and_gives_the_whole(cat: Encoded) -> None:
    assert all("ause" in text.lower() for text in texts(cat, "ause")) and occurrences(cat, "ause")


@pytest.mark.parametrize("wanted", ["长江", "江", "南京市长江大桥", "大桥很长"])
def test_search_finds_chinese(wordpiece: PreTrainedTokenizerBase, wanted: str) -> None:
    text = "南京市长江大桥很长。猫坐在垫子上，因为它很累。长江很长。"
    encoded = encode(text, wordpiece, None)
    found = occurrences(encoded, wanted)
    assert len(found) == text.count(wanted)
    assert all(wanted in encoded.text[encoded.spans[a][0] : encoded.spans[b][1]] for a, b in found)  # type: ignore[index]


def test_search_in_bytes_gives_all_pieces_of_a_character(byte_level: PreTrainedTokenizerBase) -> None:
    encoded = encode("the cat 长 sat", byte_level, None)
    ((first, last),) = occurrences(encoded, "长")
    assert last - first == 2 and [encoded.labels[n][-3:] for n in (first, last)] == ["1/3", "3/3"]


def test_search_finds_special_tokens_by_name(cat: Encoded) -> None:
    assert occurrences(cat, "[sep]") == [(len(cat.ids) - 1, len(cat.ids) - 1)]


def test_what_was_not_read_is_not_found(wordpiece: PreTrainedTokenizerBase) -> None:
    encoded = encode("the cat sat on the mat because it was tired, the cat", wordpiece, 8)
    assert encoded.cut is not None and len(occurrences(encoded, "cat")) == 1
    assert occurrences(encoded, "tired") == []


@pytest.mark.parametrize("wanted", ["", "   ", "zebra", "\n"])
def test_nothing_is_found_where_nothing_is(cat: Encoded, wanted: str) -> None:
    assert occurrences(cat, wanted) == []


def test_a_letter_that_folds_to_two_keeps_the_places(wordpiece: PreTrainedTokenizerBase) -> None:
    encoded = encode("ßßß the cat", wordpiece, None)
    assert texts(encoded, "cat") == ["cat"]


def test_a_text_whose_tokens_do_not_know_their_characters_is_searched_by_token() -> None:
    encoded = Encoded("a b", (1, 2, 3), ("␣The", "cat", "The"), (None, None, None), (False,) * 3, None)
    assert occurrences(encoded, "the") == [(0, 0), (2, 2)]


def test_next_and_previous_go_round() -> None:
    hits = [(3, 3), (10, 12), (40, 40)]
    assert [nearest(hits, token, 1) for token in (0, 3, 11, 40, 99)] == [0, 1, 2, 0, 0]
    assert [nearest(hits, token, -1) for token in (0, 3, 11, 40, 99)] == [2, 2, 1, 1, 2]
    assert nearest([], 5, 1) is None and nearest([], 5, -1) is None
    assert number_of(hits, 10) == 1 and number_of(hits, 11) is None


def test_what_lies_to_the_left_comes_later_in_a_text_from_right_to_left() -> None:
    assert [along(move, True) for move in ("left", "right", "up", "in")] == ["right", "left", "up", "in"]
    assert along("left", False) == "left"
