"""Every architecture draws: cross attention, layers without attention, sinks, windows, answers, weights alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from attnviz.core.rules import Argmax, Threshold, TopK
from attnviz.errors import AttnvizError
from attnviz.figures import grid, heatmap, tokens
from attnviz.figures.cells import MOST_LABELS
from attnviz.figures.grid import LEAST_SIDE, MOST_IN_ALL
from attnviz.figures.paint.palette import LIGHT
from attnviz.figures.paint.shades import GAP, NOT_ALLOWED, STEPS
from attnviz.trace import Gap
from tests.unit.figures.kinds import MAMBA, SOURCE, TARGET, call, cross, of, seen, windowed
from tests.unit.figures.made import numbered

WORDS = ("it", "was", "very", "warm")
FIVE = ("a", "b", "c", "d", "e")

# cross attention


def test_cross_map_has_the_target_down_and_the_source_across() -> None:
    trace = cross()
    figure = heatmap(trace, layer=0, head=1, cell=(2, 7))
    np.testing.assert_array_equal(figure.data[0].z, trace.weights(0, 1).numpy())
    assert [text.replace("&lt;", "<").replace("&gt;", ">") for text in figure.layout.yaxis.ticktext] == list(TARGET)
    assert list(figure.layout.xaxis.ticktext)[:-1] == list(SOURCE[:-1])
    assert tuple(figure.layout.xaxis.range) == (-0.5, 11.5) and tuple(figure.layout.yaxis.range) == (4.5, -0.5)
    (frame,) = figure.layout.shapes
    assert (frame.y0, frame.y1, frame.x0, frame.x1) == (1.5, 2.5, 6.5, 7.5)


def test_special_tokens_of_a_cross_map_are_hidden_on_each_axis_by_its_own_text() -> None:
    trace = cross()
    figure = heatmap(trace, layer=0, head=0, specials=False)
    assert figure.data[0].meta == {"queries": [1, 2, 3], "keys": list(range(11))}
    np.testing.assert_array_equal(figure.data[0].z, trace.weights(0, 0)[1:4, :11].numpy())


def test_a_decoder_that_has_only_its_start_token_has_a_map_of_one_row() -> None:
    trace = cross(TARGET[:1])
    for specials, columns in ((True, 12), (False, 11)):
        figure = heatmap(trace, layer=0, head=0, specials=specials)
        assert np.asarray(figure.data[0].z).shape == (1, columns)
    assert len(grid(trace).data[1].x) == 5


def test_long_cross_maps_keep_both_lists_of_labels_for_hover() -> None:
    source = [f"s{place}" for place in range(60)]
    layout = heatmap(cross(TARGET, source), layer=0, head=0).layout
    assert list(layout.xaxis2.ticktext) == source and len(layout.yaxis2.ticktext) == len(TARGET)
    assert len(layout.xaxis.tickvals) <= MOST_LABELS and len(layout.yaxis.tickvals) == len(TARGET)


def piece(figure: object, place: int, height: int, width: int) -> np.ndarray:
    """The bytes around the `place`-th point of a grid."""
    points = figure.data[1]
    top, left = points.y[place] - (height - 1) / 2, points.x[place] - (width - 1) / 2
    assert (top, left) == (int(top), int(left)), "the point must stand in the middle of the tile"
    return np.asarray(figure.data[0].z)[int(top) : int(top) + height, int(left) : int(left) + width]


def test_grid_of_a_cross_map_has_tiles_as_wide_as_the_source_and_none_where_a_layer_has_no_head() -> None:
    trace = cross()
    figure = grid(trace)
    assert [tuple(place) for place in figure.data[1].customdata] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    for place, (layer, head) in enumerate(figure.data[1].customdata):
        expected = (trace.weights(layer, head).repeat_interleave(2, 0) * STEPS).round().numpy()
        np.testing.assert_array_equal(piece(figure, place, 10, 12), expected)
    corner = np.asarray(figure.data[0].z)[-10:, -12:]
    assert (corner == GAP).all(), "layer 1 has no head 2"
    (absent,) = figure.data[2:]
    assert (len(absent.x), absent.customdata) == (1, None) and "only 2 heads" in absent.hovertemplate


def test_a_map_of_one_row_is_drawn_taller_than_the_gap_below_it() -> None:
    figure = grid(cross(TARGET[:1]))
    assert np.asarray(figure.data[0].z).shape[0] == 2 * LEAST_SIDE + 1


def test_tokens_of_a_cross_map_are_the_sources_and_the_query_is_named() -> None:
    trace = cross()
    figure = tokens(trace, layer=0, head=0, query=2)
    np.testing.assert_array_equal(figure.data[0].z[0], trace.weights(0, 0)[2].numpy())
    assert list(figure.data[0].text[0])[:-1] == list(SOURCE[:-1])
    assert figure.layout.title.text == "Katze looks at" and not figure.layout.shapes
    with pytest.raises(AttnvizError, match="no token 5"):
        tokens(trace, layer=0, head=0, query=5)


# gaps


def test_a_layer_without_attention_is_a_band_that_says_why_and_numbers_stay_the_models_own() -> None:
    layers = [MAMBA, MAMBA, call(3, 5, 5), Gap("other", "Odd<b>"), call(3, 5, 5, seed=1)]
    figure = grid(of(FIVE, layers), selected=(2, 1))
    assert list(figure.layout.yaxis.ticktext) == [f"layer {layer}" for layer in range(5)]
    assert {layer for layer, _ in figure.data[1].customdata} == {2, 4}
    first, second = figure.layout.annotations
    assert first.text.replace("<br>", " ").startswith("state-space layer (MambaMixer): it carries a state")
    assert "Odd&lt;b&gt;" in second.text
    _, band, _ = figure.layout.shapes
    down = figure.layout.yaxis.tickvals
    assert (band.y0, band.y1) == (-0.5, down[1] + 2.5) and band.y0 < first.y < band.y1
    assert [len(nothing.x) for nothing in figure.data[2:]] == [6, 3], "every place of the row must answer a pointer"
    assert all(nothing.customdata is None for nothing in figure.data[2:]), "a click there opens nothing"


def test_a_low_band_says_less_and_hover_says_all() -> None:
    layers = [MAMBA if layer % 2 else call(2, 5, 5) for layer in range(24)]
    figure = grid(of(FIVE, layers), height=416)
    assert {note.text for note in figure.layout.annotations} == {"MambaMixer: no attention"}
    assert "carries a state" in figure.data[2].hovertemplate


def test_a_gap_cannot_be_opened_and_is_not_framed() -> None:
    trace = of(FIVE, [MAMBA, call(2, 5, 5)])
    with pytest.raises(AttnvizError, match=r"Layer 0 .* has no attention"):
        heatmap(trace, layer=0, head=0)
    assert len(grid(trace, selected=(0, 0)).layout.shapes) == 1


# many heads


@pytest.mark.parametrize(("layers", "heads"), [(28, 16), (48, 32)])
def test_many_heads_stay_small_and_their_names_apart(layers: int, heads: int) -> None:
    figure = grid(numbered(70, layers=layers, heads=heads), height=416)
    z = np.asarray(figure.data[0].z)
    assert z.size <= MOST_IN_ALL and len(figure.data[1].x) == layers * heads
    across, down = ([text for text in axis.ticktext if text] for axis in (figure.layout.xaxis, figure.layout.yaxis))
    assert len(across) <= 16 and len(down) <= 28
    assert across[1] == str(heads // 16) and down[1] == f"layer {-(-layers // 28)}"
    assert figure.layout.xaxis.title.text == "head"


def test_bytes_that_are_no_weights_stay_one_character_each_in_what_is_sent() -> None:
    trace = of(FIVE, [call(2, 5, 5, allowed=windowed(5, 2))])
    text = grid(trace).to_json().split('"bdata":"')[1].split('"')[0]
    assert text.count("\\u002f") < 5, "Plotly's JSON writes / as six characters"


# sinks


def with_sink(**how: torch.Tensor) -> object:
    return of(FIVE, [call(2, 5, 5, sink=torch.tensor([[1.0], [-40.0]]), **how)])


@pytest.mark.parametrize("rule", [None, Threshold(0.2), TopK(2), Argmax()], ids=str)
def test_a_learned_sink_has_a_column_of_its_own_with_its_true_weight(rule: object) -> None:
    trace = with_sink()
    cells, sink = heatmap(trace, layer=0, head=0, rule=rule).data
    found = trace.attention(0, 0, rule)
    expected = found.rule.weigh(torch.cat([found.scores, torch.ones(5, 1)], -1))
    np.testing.assert_allclose(np.asarray(sink.z)[:, 0], expected[:, -1].numpy(), atol=1e-7)
    np.testing.assert_array_equal(cells.z, trace.weights(0, 0, rule).numpy()), "the keys are never rescaled"
    assert list(sink.x) == [5.5] and sink.meta["keys"] == [None]
    assert "learned sink" in sink.hovertemplate


def test_the_sinks_column_is_apart_and_named() -> None:
    axis = heatmap(with_sink(), layer=0, head=0).layout.xaxis
    assert (axis.range[1], axis.tickvals[-1], axis.ticktext[-1]) == (6, 5.5, "sink")
    assert heatmap(with_sink(), layer=0, head=0, language="zh").layout.xaxis.ticktext[-1] == "汇 (sink)"


def test_a_sink_beside_keys_that_are_not_allowed_does_not_colour_the_space_between() -> None:
    figure = heatmap(with_sink(allowed=windowed(5, 3)), layer=0, head=0)
    (ground,) = figure.layout.shapes
    assert figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert (ground.fillcolor, ground.layer) == (LIGHT.not_allowed, "below")
    assert (ground.x0, ground.x1, ground.y0, ground.y1) == (-0.5, 4.5, -0.5, 4.5)


def test_a_rows_scale_leaves_the_keys_their_colours_and_ends_the_sinks_at_full() -> None:
    trace = with_sink()
    cells, sink = heatmap(trace, layer=0, head=0, scale="row").data
    weights = trace.weights(0, 0)
    top = weights.amax(-1)
    np.testing.assert_allclose(cells.z, (weights / top[:, None]).numpy(), atol=1e-6)
    expected = ((1 - weights.sum(-1)) / top).clamp(max=1)
    np.testing.assert_allclose(np.asarray(sink.z)[:, 0], expected.numpy(), atol=1e-5)


def test_weights_that_miss_1_show_what_is_missing() -> None:
    weights = torch.tensor([[[0.5, 0.2], [0.4, 0.6]]])
    cells, rest = heatmap(of("ab", [seen(weights)]), layer=0, head=0).data
    np.testing.assert_allclose(np.asarray(rest.customdata)[:, 0], [0.3, 0.0], atol=1e-6)
    np.testing.assert_array_equal(cells.z, weights[0].numpy())
    assert "no token that is recorded" in rest.hovertemplate


def test_what_a_hard_rule_cuts_and_rounding_are_not_missing() -> None:
    near = torch.tensor([[[0.5, 0.4995], [0.4, 0.6]]])
    assert len(heatmap(of("ab", [seen(near)]), layer=0, head=0).data) == 1
    assert len(heatmap(numbered(5), layer=0, head=0, rule=Threshold(0.4)).data) == 1


def test_a_row_that_may_look_at_nothing_misses_nothing() -> None:
    allowed = torch.ones(1, 5, 5, dtype=torch.bool)
    allowed[:, 2] = False
    assert len(heatmap(of(FIVE, [call(1, 5, 5, allowed=allowed)]), layer=0, head=0).data) == 1


def test_hiding_special_tokens_moves_no_weight_into_the_sink() -> None:
    trace = cross()
    assert len(heatmap(trace, layer=0, head=0, specials=False).data) == 1


# not allowed


def test_outside_the_window_is_another_colour_with_a_name_and_says_so() -> None:
    trace = of(FIVE, [call(1, 5, 5, allowed=windowed(5, 2))])
    for words, name in (("en", "not allowed"), ("zh", "不可看")):
        figure = heatmap(trace, layer=0, head=0, language=words)
        (legend,) = figure.layout.annotations
        assert name in legend.text and LIGHT.not_allowed in legend.text
        assert figure.data[0].hoverongaps is True and figure.data[0].hovertemplatefallback
    assert [[bool(one) for one in row] for row in figure.data[0].customdata] == windowed(5, 2)[0].tolist()
    assert (np.asarray(grid(trace).data[0].z) == NOT_ALLOWED).sum() == (~windowed(5, 2)).sum()
    assert "not allowed" in grid(trace).layout.annotations[0].text
    assert not heatmap(numbered(5), layer=0, head=0).layout.annotations, "nothing is named that is not there"


@pytest.mark.parametrize("scale", ["unit", "row", "log"])
def test_hover_says_the_weight_beside_keys_that_are_not_allowed(scale: str) -> None:
    trace = of(FIVE, [call(1, 5, 5, allowed=windowed(5, 2))])
    cells = heatmap(trace, layer=0, head=0, scale=scale).data[0]
    assert "%{customdata[0]:.4f}" in cells.hovertemplate
    weights = trace.weights(0, 0).tolist()
    assert all(
        one == ([] if not windowed(5, 2)[0, q, k] else [pytest.approx(weights[q][k], abs=1e-6)])
        for q, row in enumerate(cells.customdata) for k, one in enumerate(row)
    )  # fmt: skip


def test_very_long_causal_texts_send_no_weight_twice() -> None:
    cells = heatmap(numbered(101, layers=1, heads=1, causal=True), layer=0, head=0).data[0]
    assert cells.customdata is None and cells.hoverongaps is False


def test_tokens_that_may_not_be_looked_at_have_their_own_colour_and_label() -> None:
    figure = tokens(of(FIVE, [call(1, 5, 5, allowed=windowed(5, 2))]), layer=0, head=0, query=2)
    seen_cells, closed = figure.data
    assert np.isnan(seen_cells.z[0]).tolist() == [True, False, False, True, True]
    assert np.isnan(closed.z[0]).tolist() == [False, True, True, False, False]
    assert closed.colorscale[0][1] == LIGHT.not_allowed and list(closed.text[0]) == list(FIVE)


# weights alone


def test_weights_alone_draw_like_any_others() -> None:
    weights = torch.softmax(torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(1)), -1)
    weights[:, 0, 1:], weights[:, 0, 0] = 0.0, 1.0
    trace = of(WORDS, [seen(weights)])
    figure = heatmap(trace, layer=0, head=2)
    assert np.isnan(figure.data[0].z[0]).tolist() == [False, True, True, True]
    np.testing.assert_array_equal(np.asarray(figure.data[0].z)[1:], weights[2, 1:].numpy())
    assert piece(grid(trace, rule=TopK(1)), 1, 4, 4)[0].tolist() == [STEPS, *[NOT_ALLOWED] * 3]
    tokens(trace, layer=0, head=0, query=1)


# the answer


def test_a_line_parts_the_answer_from_the_text() -> None:
    trace = of(WORDS, [call(1, 4, 4, allowed=windowed(4, 9))], border=3)
    figure = heatmap(trace, layer=0, head=0, cell=(0, 0))
    down, across, frame = figure.layout.shapes
    assert (down.x0, down.x1, down.y0, down.y1) == (2.5, 2.5, -0.5, 3.5)
    assert (across.x0, across.x1, across.y0, across.y1) == (-0.5, 3.5, 2.5, 2.5)
    assert frame.type == "rect" and down.type == across.type == "line"
    assert "answer →" in [note.text for note in figure.layout.annotations]


def test_hidden_tokens_do_not_move_the_border_and_an_empty_side_has_none() -> None:
    labels = ("<s>", *WORDS, "</s>")
    trace = of(labels, [call(1, 6, 6)], border=3)
    assert heatmap(trace, layer=0, head=0, specials=False).layout.shapes[0].x0 == 1.5
    for border in (1, 6):
        alone = of(labels, [call(1, 6, 6)], border=border)
        assert not heatmap(alone, layer=0, head=0, specials=False).layout.shapes
        assert math.isfinite(alone.weights(0, 0).sum())
