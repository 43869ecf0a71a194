"""First chosen, then painted: the picture, its words and the public function agree on what is shown of a head."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from plotly.io.json import to_json_plotly

from attnviz.core.rules import Entmax, Soft, TopK
from attnviz.figures import choose, grid, heatmap, tokens
from attnviz.figures.grid import mosaic, paint_mosaic
from attnviz.figures.heatmap import paint_head
from attnviz.figures.tokens import paint_row, row
from attnviz.figures.words import head_in_words
from attnviz.messages import LANGUAGES, say
from attnviz.selection import SCALES, Selection, Style
from attnviz.trace import Trace
from tests.unit.figures.kinds import TARGET, cross
from tests.unit.figures.made import DOG, made

WORLDS = {
    "whole": made(),
    "causal": made(causal=True),
    "written": replace(made(causal=True), border=3),
    "cross": cross(TARGET),
}


@pytest.mark.parametrize("trace", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("by", ["token", "word"])
def test_a_head_under_several_rules_is_the_head_under_each(trace: Trace, by: str) -> None:
    rules = [Soft(0.3), TopK(1), TopK(2), Entmax(1.5)]
    for specials in (True, False):
        chosen = Selection(0, 1, specials=specials, by=by)
        alone = [choose.head(trace, replace(chosen, rule=rule)).weights for rule in rules]
        torch.testing.assert_close(choose.under(trace, chosen, rules), torch.stack(alone), equal_nan=True)


@pytest.mark.parametrize("trace", WORLDS.values(), ids=WORLDS)
@pytest.mark.parametrize("scale", SCALES)
def test_names_people_write_draw_what_selection_and_style_say(trace: Trace, scale: str) -> None:
    for rule, specials in product((None, TopK(2)), (True, False)):
        chosen = Selection(0, 1, 2, 1, rule=rule, specials=specials, by="word")
        asked = {"rule": rule, "scale": scale, "dark": True, "language": "zh"}
        style = Style(scale, dark=True, language="zh", height=300)
        units = {"specials": specials, "by": "word", "height": 300}
        pairs = [
            (
                heatmap(trace, layer=0, head=1, cell=(2, 1), **units, **asked),
                paint_head(choose.head(trace, chosen), style),
            ),
            (grid(trace, selected=(0, 1), **units, **asked), paint_mosaic(mosaic(trace, chosen, scale), style, (0, 1))),
            (
                tokens(trace, layer=0, head=1, query=2, **asked),
                paint_row(row(trace, chosen), replace(style, height=None)),
            ),
        ]
        for theirs, ours in pairs:
            assert to_json_plotly(theirs) == to_json_plotly(ours)


def test_a_rule_is_resolved_once_where_the_head_is_chosen() -> None:
    trace, rule = made(rule=TopK(3)), TopK(1)
    own, other = (choose.head(trace, Selection(1, 2, rule=one)).weights for one in (None, rule))
    assert torch.equal(own, trace.weights(1, 2)) and ((own > 0).sum(-1) == 3).all()
    assert torch.equal(other, trace.weights(1, 2, rule)) and ((other > 0).sum(-1) == 1).all()


def test_a_pair_that_is_not_shown_is_not_framed() -> None:
    trace = made()
    assert choose.head(trace, Selection(0, 0, 2, 1)).cell == (2, 1)
    assert choose.head(trace, Selection(0, 0, 2, 1, specials=False)).cell == (1, 0), "[CLS] is not counted"
    assert choose.head(trace, Selection(0, 0, 2, 0, specials=False)).cell is None
    assert choose.head(trace, Selection(0, 0, 2)).cell is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_name_the_largest_weight_off_the_diagonal_among_what_is_shown(language: str) -> None:
    plain, on_diagonal = made(), []
    inward = replace(plain, layers=tuple(replace(layer, keys=layer.queries) for layer in plain.layers))
    for trace, layer, head, specials in product((plain, inward), range(2), range(3), (True, False)):
        places = [place for place, label in enumerate(DOG) if specials or not label.startswith("[")]
        weights = trace.weights(layer, head)
        pairs = [(float(weights[a, b]), a == b, DOG[a], DOG[b]) for a in places for b in places]
        on_diagonal.append(max(pairs)[1])
        weight, _, query, key = max(pair for pair in pairs if not pair[1])
        said = head_in_words(choose.head(trace, Selection(layer, head, specials=specials)), language)
        assert said == say(
            "figure.alt_heatmap", language, layer=layer, head=head, queries=len(places), keys=len(places),
            query=query, key=key, weight=f"{weight:.2f}",
        )  # fmt: skip
    assert any(on_diagonal) and not all(on_diagonal)


def test_words_of_a_cross_map_may_name_any_pair_and_none_that_is_not_allowed() -> None:
    shown = choose.head(cross(TARGET), Selection(0, 0))
    weights = shown.weights.numpy()
    assert shown.crossed and shown.strongest == np.unravel_index(weights.argmax(), weights.shape)
    assert "diagonal" not in head_in_words(shown) and "token" not in head_in_words(shown)
    hidden = choose.head(made(causal=True), Selection(0, 0))
    query, key = hidden.strongest
    assert key < query and "nan" not in head_in_words(hidden)
    assert hidden.weights.isnan().sum() == 21 and float(hidden.weights[0, 0]) == 1, "the numbers shown stay as they are"


def by_hand(trace: Trace, layer: int, head: int, *, query: int | None = None) -> tuple[int, int]:
    """The strongest pair between two tokens of the text, cell by cell."""
    weights, best = trace.weights(layer, head), (-1.0, (0, 0))
    for down, across in product(range(len(trace.tokens)), range(len(trace.key_tokens))):
        same = not trace.crossed and down == across
        if same or trace.special[down] or trace.key_special[across] or query not in (None, down):
            continue
        best = max(best, (float(weights[down, across]), (down, across)), key=lambda one: one[0])
    return best[1]


@pytest.mark.parametrize("trace", WORLDS.values(), ids=WORLDS)
def test_the_strongest_pair_is_between_two_tokens_of_the_text(trace: Trace) -> None:
    for layer, head, specials in product(range(2), range(2), (True, False)):
        found = choose.strongest(trace, Selection(layer, head, 1, 1, specials=specials))
        assert found == by_hand(trace, layer, head)
        query = 3
        assert choose.strongest(trace, Selection(layer, head), query=query) == by_hand(trace, layer, head, query=query)


def test_a_row_that_has_only_special_keys_or_itself_falls_back_to_them() -> None:
    trace = made(causal=True)
    assert choose.strongest(trace, Selection(0, 0), query=0) == (0, 0), "the first of a causal text sees itself alone"
    first = trace.weights(0, 0)[1]
    assert trace.special[0] and first[0] > 0
    assert choose.strongest(trace, Selection(0, 0), query=1) == (1, 0)
    assert choose.strongest(trace, Selection(0, 0), query=2, key=5) == (2, 5), "whoever names both means both"


def test_of_a_key_that_is_held_the_strongest_is_in_its_column() -> None:
    trace = made()
    weights = trace.weights(1, 1).clone().fill_diagonal_(0)[:, 4]
    weights[[place for place, special in enumerate(trace.special) if special]] = 0
    assert choose.strongest(trace, Selection(1, 1), key=4) == (int(weights.argmax()), 4)
