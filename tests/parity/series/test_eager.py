"""Weights, forecasts and last states are those of transformers' own attention, for every type of values over time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import attnviz as av
from attnviz.adapter.series.past import Past
from attnviz.axes import Rows, Spans
from attnviz.core.attention import Attention
from tests.parity.series import AHEAD, CONTEXT, KINDS, calendar, opened, saved, table

CLOSE = 1e-5  # the worst seen: 5e-7 in weights
PATCHED = [kind for kind in KINDS if kind.startswith("patchtst")]
STEPPED = [kind for kind in KINDS if not kind.startswith("patchtst")]
PARTS = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}


def own(model: av.ForecastModel, folder: Path) -> Any:
    """The network of a folder with its own attention."""
    made: Any = type(model.network)
    return made.from_pretrained(folder, config=model.network.config, attn_implementation="eager").eval()


def told(model: av.ForecastModel, kind: str) -> Past:
    """What a model is given of the table."""
    with_lags = kind in STEPPED
    return model.past(table(kind), **({"calendar": calendar()} if with_lags else {}))


@pytest.mark.parametrize("kind", PATCHED)
def test_each_channel_has_the_map_that_it_has_on_the_batch_axis(kind: str, tmp_path: Path) -> None:
    model = opened(folder := saved(tmp_path, kind))
    read = told(model, kind)
    trace = av.record(model, read)
    with torch.inference_mode():
        plain = (eager := own(model, folder))(**read.inputs, output_attentions=True)
        states = eager.base_model(**read.inputs).last_hidden_state[0]
    assert trace.parts == ("1", "2", "3") and trace.kind == "series"
    for number, part in enumerate(trace.parts):
        for layer, weights in enumerate(plain.attentions):
            mine = trace.map(part).weights(layer)
            assert mine.std() > 1e-3
            torch.testing.assert_close(mine, weights[number], atol=CLOSE, rtol=0)
        torch.testing.assert_close(trace.map(part).outputs, states[number], atol=1e-4, rtol=0)
    if model.foresees:
        assert trace.answer is not None
        outputs = plain.prediction_outputs
        mean = outputs[0] if isinstance(outputs, Tensor) else (outputs[0] * plain.scale + plain.loc)[0]
        torch.testing.assert_close(trace.answer.scores[:, :3], mean, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", STEPPED)
def test_both_sides_and_what_they_look_at_are_those_of_transformers_alone(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(folder := saved(tmp_path, kind))
    read, truth = told(model, kind), table(kind, 40 + AHEAD)[-AHEAD:]
    trace = av.record(model, read, target=truth)
    eager = own(model, folder)
    future = torch.from_numpy(truth.astype(np.float32))[None]
    given = {**read.inputs, "future_values": future if len(read.names) > 1 else future[..., 0]}
    numbers = torch.randint

    def same(low: int, high: int, size: tuple[int, ...]) -> Tensor:
        """The numbers that our own layers draw (`probsparse.drawn`)."""
        return numbers(low, high, size, generator=torch.Generator().manual_seed(0))

    monkeypatch.setattr(torch, "randint", same)
    with torch.inference_mode():
        plain = eager.base_model(**given, output_attentions=True, output_hidden_states=True, use_cache=False)
    monkeypatch.undo()
    for part in trace.parts:
        side, _, number = part.partition(" ")
        theirs = plain[PARTS[side]]
        theirs = theirs[int(number) - 1 : int(number)] if number else theirs
        for layer, weights in enumerate(theirs):
            assert compared(trace.map(part).attention(layer), weights) < CLOSE, part
    torch.testing.assert_close(trace.outputs, plain.last_hidden_state[0], atol=1e-4, rtol=0)
    if model.foresees:
        with torch.inference_mode():
            said = eager.output_distribution(eager.output_params(plain.last_hidden_state), plain.loc, plain.scale)
        assert trace.answer is not None
        torch.testing.assert_close(
            trace.answer.scores[:, : len(read.names)], said.mean[0].reshape(AHEAD, -1), atol=1e-4, rtol=0
        )


def compared(mine: Attention, theirs: Tensor) -> float:
    """How far a layer is from what was returned: `[1, head, query, key]`, or of those queries alone that look, in
    whatever order.
    """
    ours = mine.weights
    if ours.shape == theirs[0].shape and (mine.allowed is None or bool(mine.allowed.any(-1).all())):
        return float((ours - theirs[0]).abs().max())
    assert mine.allowed is not None
    worst = 0.0
    for head, looks in enumerate(mine.allowed.any(-1)):
        rows, returned = ours[head][looks], theirs[0, head]
        assert len(rows) == len(returned) < ours.shape[1]
        far = (rows[:, None] - returned[None]).abs().amax(-1)
        worst = max(worst, float(far.min(0).values.max()), float(far.min(1).values.max()))
        assert bool((ours[head][~looks] == 0).all())
    return worst


def test_what_probsparse_did_not_compute_is_not_looked_at_rather_than_weighed_0(tmp_path: Path) -> None:
    """ln 25 is 3.2: four of 24 queries look, in each head; the open weights of the others are not numbers."""
    model = opened(saved(tmp_path, "informer"))
    trace = av.record(model, told(model, "informer"))
    first = trace.map("encoder 1").attention(0)
    assert first.allowed is not None
    assert first.allowed.any(-1).sum(-1).tolist() == [4] * 4
    lazy = ~first.allowed.any(-1)
    assert bool(first.open_weights[lazy].isnan().all())
    rows = first.weights[~lazy].sum(-1)
    torch.testing.assert_close(rows, torch.ones_like(rows), atol=CLOSE, rtol=0)
    again = av.record(model, told(model, "informer"))
    assert torch.equal(again.map("encoder 1").weights(0), trace.map("encoder 1").weights(0)), "two runs agree"


def test_distilled_layers_are_maps_of_their_own_with_the_rows_that_were_pooled(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "informer"))
    trace = av.record(model, told(model, "informer"))
    assert trace.parts == ("cross", "encoder 1", "encoder 2", "decoder")
    one, two = (trace.map(f"encoder {number}").queries for number in (1, 2))
    assert isinstance(one, Spans) and isinstance(two, Spans)
    assert (len(one), len(two)) == (CONTEXT, CONTEXT // 2) and trace.keys is two
    assert [one.stands_for(0), one.stands_for(-1)] == [Rows(16, 17), Rows(39, 40)]
    assert [two.stands_for(n) for n in (0, 1, 11)] == [Rows(16, 18), Rows(17, 20), Rows(37, 40)]
    assert [trace.queries.stands_for(n) for n in (0, -1)] == [Rows(40, 41), Rows(45, 46)]


def test_patches_know_their_rows_and_a_step_may_be_half_an_hour(tmp_path: Path) -> None:
    """26 rows in patches of 6 every 4 are 6 patches, to the last row; of 40 rows the last 26 are read."""
    model = opened(saved(tmp_path, "patchtst with a class token"))
    trace = av.record(model, model.past(table("patchtst"), each=0.5, of="h"))
    assert trace.special == (True,) + (False,) * 6 and trace.tokens[1] == "7–10 h"
    assert [trace.queries.stands_for(n) for n in (0, 1, 6)] == [None, Rows(14, 20), Rows(34, 40)]


@pytest.mark.parametrize("kind", ["transformer", "transformer of two", "informer in full"])
def test_a_forecast_is_written_step_by_step_each_after_the_means_before(kind: str, tmp_path: Path) -> None:
    """As transformers' `generate` goes on, its draws replaced by the means; lagged values are of what was written."""
    model = opened(folder := saved(tmp_path, kind))
    read, eager = told(model, kind), own(model, folder)
    trace = av.record(model, read)
    several = len(read.names) > 1
    future = torch.zeros(1, AHEAD, *([2] if several else []))
    with torch.inference_mode():
        for step in range(AHEAD):
            out = eager.model(**read.inputs, future_values=future)
            said = eager.output_distribution(eager.output_params(out.last_hidden_state), out.loc, out.scale)
            future[:, step] = said.mean[:, step]
        last = eager.model(**read.inputs, future_values=future, output_attentions=True)
    torch.testing.assert_close(trace.weights(1), last.cross_attentions[1][0], atol=CLOSE, rtol=0)
    assert trace.answer is not None
    written = trace.answer.scores[:, : len(read.names)]
    torch.testing.assert_close(written, future[0].reshape(AHEAD, -1), atol=1e-3, rtol=1e-4)
    assert not torch.allclose(written[0], written[-1], atol=1e-3), "steps that all say the same would agree anyhow"


def test_a_rule_acts_inside_the_run_and_moves_the_forecast(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "patchtst"))
    soft, hard = av.record(model, table("patchtst")), av.record(model, table("patchtst"), rule=av.Argmax())
    assert soft.answer is not None and hard.answer is not None
    assert set(hard.map("2").weights(0).unique().tolist()) == {0.0, 1.0}
    assert not torch.allclose(soft.answer.scores, hard.answer.scores)
    gone = av.record(model, table("patchtst"), interventions=[av.HideToken(3)])
    assert gone.answer is not None and not torch.allclose(soft.answer.scores, gone.answer.scores)
    assert bool((gone.map("1").weights(0)[:, :3, 3] == 0).all())


@pytest.mark.parametrize("kind", ["transformer", "transformer of two", "patchtst that expects"])
def test_the_interval_is_that_of_draws_of_the_models_own_distribution(kind: str, tmp_path: Path) -> None:
    """Against the same distribution built anew and asked 20,000 times."""
    model = opened(folder := saved(tmp_path, kind))
    read, eager = told(model, kind), own(model, folder)
    answer = av.record(model, read).answer
    assert answer is not None and model.draws == 400
    many = len(read.names)
    assert answer.labels == tuple(mark + name for mark in ("", "± ", "10 % ", "90 % ") for name in read.names)
    with torch.inference_mode():
        if kind in STEPPED:
            future = answer.scores[:, :many][None]
            out = eager.model(**read.inputs, future_values=future if many > 1 else future[..., 0])
            said = eager.output_distribution(eager.output_params(out.last_hidden_state), out.loc, out.scale)
        else:
            out = eager(**read.inputs)
            said = eager.distribution_output.distribution(out.prediction_outputs, loc=out.loc, scale=out.scale)
        torch.manual_seed(1)
        drawn = said.sample((20_000,))[:, 0].reshape(20_000, AHEAD, many)
    for column, share in ((2, 0.1), (3, 0.9)):
        mine = answer.scores[:, column * many : (column + 1) * many]
        off = (mine - drawn.quantile(share, 0)).abs() / answer.scores[:, many : 2 * many]
        assert float(off.max()) < 0.3
    again = av.record(model, read).answer
    assert again is not None and again.scores.equal(answer.scores), "two runs agree"


@pytest.mark.parametrize("change", ["rule", "heads", "hidden"])
def test_under_a_change_each_step_is_written_after_the_steps_of_the_changed_run(change: str, tmp_path: Path) -> None:
    """What was written, given as what really came, changes nothing: the decoder had read it."""
    model = opened(saved(tmp_path, "transformer"))
    read = told(model, "transformer")
    asked: dict[str, Any] = {
        "rule": {"rule": av.Argmax()},
        "heads": {"interventions": [av.RemoveHeads((0, 1), part="encoder"), av.RemoveHeads((2,), part="cross")]},
        "hidden": {"interventions": [av.HideToken(20), av.HideToken(21)]},
    }[change]
    usual, found = av.record(model, read).answer, av.record(model, read, **asked).answer
    assert usual is not None and found is not None and not torch.allclose(usual.scores[:, 0], found.scores[:, 0])
    fed = av.record(model, read, target=found.scores[:, 0].numpy(), **asked).answer
    assert fed is not None
    torch.testing.assert_close(fed.scores[:, 0], found.scores[:, 0], atol=1e-4, rtol=1e-5)
