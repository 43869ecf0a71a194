"""What a loaded model's forecast rests on, beside tables changed by hand, products of its own weights, and finite
differences.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from numpy.typing import NDArray
from torch import Tensor

import attnviz as av
from attnviz import AttnvizError, Logit, Stopped
from attnviz.core.attention import Attention
from attnviz.core.interventions import Intervention, Place
from attnviz.experiments.reading.attributions import Attributions
from attnviz.experiments.reading.foreseen import _Fixed
from attnviz.experiments.reading.pictured import Wanted
from attnviz.experiments.reading.things.tables import foretold_to_rest
from attnviz.measures.reading import flow
from attnviz.messages import LANGUAGES
from attnviz.recording.gradients import Outcome
from attnviz.recording.things.tables import Tables
from tests.parity.series import AHEAD, CHANNELS, CONTEXT, LAGGED, opened, saved, table

STEP = 3
FORECASTERS = (
    "patchtst", "patchtst with a class token", "patchtst that expects", "transformer", "transformer of two",
    "transformer of groups", "informer", "informer in full",
)  # fmt: skip
LEAD = max(LAGGED["lags_sequence"])  # type: ignore[call-overload]
OF_WEIGHTS = ["weights", "largest", "rollout", "flow"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, av.ForecastModel]:
    return {kind: opened(saved(tmp_path_factory.mktemp("model"), kind)) for kind in FORECASTERS}


def expects(model: av.ForecastModel, given: Any, column: int, **more: Any) -> float:
    answer = av.record(model, given, **more).answer
    assert answer is not None
    return float(answer.scores[STEP, column])


def rows_of(kind: str, place: int) -> slice:
    """Which rows of a table of 40 a place has: 26 in patches of 6 every 4, or 24 one by one, the last ones."""
    if kind.startswith("patchtst"):
        return slice(14 + 4 * place, 20 + 4 * place)
    return slice(40 - CONTEXT + place, 41 - CONTEXT + place)


def own_mean(kind: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of each column of what is read."""
    mean: NDArray[np.float64] = np.nanmean(values[-26 if kind.startswith("patchtst") else -CONTEXT - LEAD :], axis=0)
    return mean


@pytest.mark.parametrize("kind", FORECASTERS)
def test_a_place_without_its_values_is_a_table_changed_by_hand(kind: str, models: dict[str, av.ForecastModel]) -> None:
    model, column, patched = models[kind], CHANNELS[kind] - 1, kind.startswith("patchtst")
    values = table(kind)
    values[30, column] = np.nan
    other = values[::-1].copy()
    ways = ["occluded_zero", "occluded_mean", "occluded_other"]
    found = av.attributions(model, values, target=Logit(STEP, column), other=other, ways=ways)
    whole, several = expects(model, values, column), CHANNELS[kind] > 1
    assert found.value == pytest.approx(whole, abs=1e-5) and found.at == STEP and not found.missing
    assert len(found.labels) == (6 if patched else CONTEXT)
    assert found.seen.tolist() == [several or number != 14 for number in range(len(found.labels))]
    columns = slice(column, None) if patched else slice(None)
    for place in (0, 4, 14 % len(found.labels), len(found.labels) - 1):
        at = (rows_of(kind, place), columns)
        gaps = np.isnan(values)
        for way in ways:
            changed = values.copy()
            if way == "occluded_zero":
                changed[at] = np.nan
            elif way == "occluded_mean":
                changed[at] = np.broadcast_to(own_mean(kind, values), values.shape)[at]
            else:
                changed[at] = np.where(np.isnan(other), values, other)[at]
            changed[gaps] = np.nan
            brute = whole - expects(model, changed, column)
            assert float(found[way][place]) == pytest.approx(brute, abs=2e-4, rel=1e-4), (way, place)
    assert all(float(found[way].abs().max()) > 0.01 for way in ways)


def test_what_a_patch_of_another_column_has_is_nothing_to_a_column(models: dict[str, av.ForecastModel]) -> None:
    """Values of the others in another order change no row, and no number made from one column; of all it does."""
    model, values = models["patchtst"], table("patchtst")
    mixed = values.copy()
    mixed[:, [0, 2]] = mixed[::-1, [0, 2]]
    one, two = (foretold_to_rest(model, given, Wanted(Logit(STEP, 1))) for given in (values, mixed))
    assert one.value == pytest.approx(two.value, abs=1e-5)
    for way, row in one.rows.items():
        torch.testing.assert_close(two[way], row, atol=1e-4, rtol=1e-4)
    summed = av.attributions(model, values, target=total)
    alone = [av.attributions(model, values, target=Logit(STEP, n), ways=["occluded_mean"]) for n in range(3)]
    torch.testing.assert_close(
        summed["occluded_mean"], sum(one["occluded_mean"] for one in alone), atol=1e-4, rtol=1e-4
    )
    split = dict.fromkeys((*OF_WEIGHTS, "gradient_attention", "relevance"), "reading_columns")
    assert messages(summed) == split | {"occluded_other": "reading_other_table"}
    apart = av.attributions(model, values, target=Logit(STEP, 0, against=2))
    torch.testing.assert_close(
        apart["occluded_mean"], alone[0]["occluded_mean"] - alone[2]["occluded_mean"], atol=1e-4, rtol=1e-4
    )
    assert messages(apart) == messages(summed)


def total(outcome: Outcome) -> Tensor:
    """A number made from all columns."""
    assert outcome.logits is not None
    return outcome.logits[STEP].sum()


def half(one: av.Trace, layer: int) -> Tensor:
    return one.weights(layer).mean(0).double() / 2


@pytest.mark.parametrize("kind", [kind for kind in FORECASTERS if kind.startswith("patchtst")])
def test_of_patches_the_map_of_the_column_is_read_from_what_the_head_reads(
    kind: str, models: dict[str, av.ForecastModel]
) -> None:
    model, values = models[kind], table(kind)
    one = av.record(model, values).map("2")
    found = av.attributions(model, values, target=Logit(STEP, 1), ways=OF_WEIGHTS)
    classed = kind.endswith("class token")
    rows, kept = ([0], slice(1, None)) if classed else (list(range(6)), slice(None))
    layers = [one.weights(layer)[:, rows].double() for layer in range(2)]
    assert torch.allclose(found["weights"], torch.stack(layers).mean((0, 1, 2))[kept])
    assert torch.allclose(found["largest"], torch.stack(layers).mean(2).amax((0, 1))[kept])
    stays = torch.eye(6 + classed, dtype=torch.float64) / 2
    product = (stays + half(one, 1)) @ (stays + half(one, 0))
    assert torch.allclose(found["rollout"], product[rows].mean(0)[kept])
    flows = [flow([stays + half(one, 0), stays + half(one, 1)], row, identity=False) for row in rows]
    assert torch.allclose(found["flow"], torch.stack(flows).mean(0)[kept])
    assert found.labels == tuple(one.tokens)[kept] and float(found["rollout"].std()) > 1e-4


@pytest.mark.parametrize("kind", ["transformer", "transformer of two", "informer in full"])
def test_of_both_sides_the_steps_own_rows_are_read(kind: str, models: dict[str, av.ForecastModel]) -> None:
    model, values = models[kind], table(kind)
    trace = av.record(model, values)
    found = av.attributions(model, values, at=STEP, ways=OF_WEIGHTS)
    cross = [trace.weights(layer)[:, STEP].double() for layer in range(2)]
    assert torch.allclose(found["weights"], torch.stack([one.mean(0) for one in cross]).mean(0) / 2)
    assert torch.allclose(found["largest"], torch.cat(cross).amax(0))
    past = torch.eye(CONTEXT, dtype=torch.float64)
    for layer in range(2):
        past = past / 2 + half(trace.map("encoder"), layer) @ past
    taken = torch.zeros(AHEAD, CONTEXT, dtype=torch.float64)
    for layer in range(2):
        taken = taken / 2 + half(trace.map("decoder"), layer) @ taken
        taken = taken / 2 + half(trace.map("cross"), layer) @ past
    assert torch.allclose(found["rollout"], taken[STEP])
    assert found.labels == tuple(trace.key_tokens) and float(found["flow"].std()) > 1e-4


@dataclass(frozen=True, kw_only=True)
class Nudge(Intervention):
    """Add a little to one weight of one series."""

    series: int
    cell: tuple[int, int, int]
    by: float

    def change(self, call: Attention, place: Place) -> Attention:
        weights = call.weights.clone()
        weights[(self.series, *self.cell)] += self.by
        return replace(call, rule=_Fixed(weights))


@pytest.mark.parametrize(("kind", "column"), [("patchtst", 1), ("patchtst that expects", 2), ("transformer", 0)])
def test_gradient_of_a_weight_is_the_finite_difference(
    kind: str, column: int, models: dict[str, av.ForecastModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a model with lags the steps that were written before stand."""
    model, goal = models[kind], Logit(STEP, column)
    tables, trace = Tables(model, read := model.past(table(kind))), av.record(model, table(kind))
    patched = kind.startswith("patchtst")
    series, part, own = (
        (column, "self", replace(trace.map(str(column + 1)), others={})) if patched else (0, "cross", trace)
    )
    gradients, largest = tables.differentiated(own, series).gradients(goal), 0.0
    if not patched:
        future = tables._written(dict(read.inputs), (), None)
        monkeypatch.setattr(Tables, "_written", lambda *_: future)
    for layer in range(2):
        for cell in ((0, 1, 3), (2, 3, 2), (3, 5, 0)):

            def value(by: float) -> float:
                nudge = Nudge(series=series, cell=cell, by=by, layers=(layer,), part=part)  # noqa: B023
                return float(goal(Tables(model, read, (nudge,)).run(tables.values[None], tables.seen[None])[0]))

            expected = (value(1e-2) - value(-1e-2)) / 2e-2
            slopes = gradients.map(own.part).layers[layer]
            assert slopes is not None and slopes[cell].item() == pytest.approx(expected, rel=3e-2, abs=1e-4)
            largest = max(largest, abs(expected))
    assert largest > 1e-2


@pytest.mark.parametrize("kind", [kind for kind in FORECASTERS if kind != "informer"])
def test_integrated_gradients_sum_to_what_the_past_brings_beside_one_that_never_moved(
    kind: str, models: dict[str, av.ForecastModel]
) -> None:
    """Where rows that only lags reach do not move either; the steps of the forecast are written along the way."""
    model, values, column = models[kind], table(kind), CHANNELS[kind] - 1
    if not kind.startswith("patchtst"):
        values[: 40 - CONTEXT] = values[40 - CONTEXT :].mean(0)
    found = av.attributions(model, values, target=Logit(STEP, column), ways=["integrated_gradients"])
    still = np.broadcast_to(own_mean(kind, values), values.shape)
    brought = found.value - expects(model, still, column)
    assert float(found["integrated_gradients"].sum()) == pytest.approx(brought, rel=1e-3, abs=2e-4)
    assert float(found["integrated_gradients"].abs().max()) > 0.01


def test_an_informer_that_halves_its_layers_has_weights_of_the_first_alone(models: dict[str, av.ForecastModel]) -> None:
    model, values = models["informer"], table("informer")
    found = av.attributions(model, values, other=values[::-1].copy())
    first = av.record(model, values).map("encoder 1").weights(0).double()
    assert torch.allclose(found["weights"], first.mean((0, 1)))
    assert torch.allclose(found["largest"], first.mean(1).amax(0))
    followed = dict.fromkeys(("rollout", "flow", "gradient_attention", "relevance"), "reading_halved")
    assert messages(found) == followed | {"integrated_gradients": "reading_chosen"}
    whole = opened_informer(distil=False)
    sparse = av.attributions(whole, values, other=values[::-1].copy())
    stopped = dict.fromkeys(("rollout", "flow", "relevance"), "reading_sparse")
    assert messages(sparse) == stopped | {"integrated_gradients": "reading_chosen"}
    full = opened_informer(attention_type="full")
    assert messages(av.attributions(full, values, other=values[::-1].copy())) == followed
    one = opened_informer(attention_type="full", encoder_layers=1)
    assert not av.attributions(one, values, other=values[::-1].copy()).missing, "one layer has nothing to halve"


def messages(found: Attributions) -> dict[str, str]:
    """Why what is missing is."""
    return {way: one.message for way, one in found.missing.items()}


def opened_informer(**other: Any) -> av.ForecastModel:
    torch.manual_seed(0)
    made = hf.InformerForPrediction(hf.InformerConfig(**{**LAGGED, "sampling_factor": 1, **other}))
    with TemporaryDirectory() as folder:
        made.save_pretrained(folder)
        return opened(Path(folder))


@pytest.mark.parametrize("kind", ["patchtst", "transformer", "informer"])
def test_rule_and_changes_act_in_every_run(kind: str, models: dict[str, av.ForecastModel]) -> None:
    model, values = models[kind], table(kind)
    part = None if kind == "patchtst" else "cross"
    said: dict[str, Any] = {"rule": av.TopK(2), "changes": [av.RemoveHeads((0, 1), layers=(0,), part=part)]}
    found = foretold_to_rest(model, values, Wanted(at=STEP, ways=["occluded_mean"], **said))
    again = {"rule": said["rule"], "interventions": said["changes"]}
    whole = expects(model, values, 0, **again)
    assert found.value == pytest.approx(whole, abs=1e-5) != pytest.approx(expects(model, values, 0), abs=1e-3)
    changed = values.copy()
    columns = slice(0, 1) if kind == "patchtst" else slice(None)
    changed[rows_of(kind, 3), columns] = own_mean(kind, values)[columns]
    assert float(found["occluded_mean"][3]) == pytest.approx(whole - expects(model, changed, 0, **again), abs=1e-4)


def test_torchs_own_chance_is_left_alone_and_two_runs_agree(models: dict[str, av.ForecastModel]) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two = (av.attributions(models["transformer"], table("transformer")) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(one[way], two[way]) for way in one.rows)


def test_refusals_are_sentences(models: dict[str, av.ForecastModel], tmp_path: Path) -> None:
    model, values = models["patchtst"], table("patchtst")
    headless = opened(saved(tmp_path, "transformer alone"))
    gone = values.copy()
    gone[20:, 0] = np.nan  # the first patch has all that is left

    def asked(way: str, given: Any = values) -> Any:
        return av.attributions(model, given, ways=[way])[way]

    for message, ask in (
        ("model_forecasts", lambda: av.attributions(model, "three words")),
        ("series_cannot", lambda: av.attributions(model, av.record(model, values))),
        ("reading_no_forecast", lambda: av.attributions(headless, table("transformer"))),
        ("reading_no_column", lambda: av.attributions(model, values, target=Logit(0, 3))),
        ("reading_no_column", lambda: av.attributions(model, values, target=Logit(0, 1, against=7))),
        ("no_such_position", lambda: av.attributions(model, values, at=AHEAD)),
        ("argument_way", lambda: asked("alti")),
        ("reading_other_table", lambda: asked("occluded_other")),
        ("series_unseen", lambda: asked("occluded_zero", gone)),
        ("series_channels", lambda: av.attributions(model, values[:, :2])),
        ("series_channels", lambda: av.attributions(model, values, other=values[:, :2])),
    ):
        with pytest.raises(AttnvizError) as refusal:
            ask()
        assert refusal.value.message == message and all(refusal.value.say(language) for language in LANGUAGES)
    columns = av.attributions(model, values, target=Logit(STEP, 0, against=1))
    halved = av.attributions(models["informer"], table("informer"))
    sparse = av.attributions(opened_informer(distil=False), table("informer"))
    for one in (*columns.missing.values(), *halved.missing.values(), *sparse.missing.values()):
        assert all(one.say(language) for language in LANGUAGES) and one.say("zh") != one.say("en")
    asked_of = iter([False] * 3 + [True] * 99)
    with pytest.raises(Stopped):
        av.attributions(model, values, stop=lambda: next(asked_of))


def test_runs_are_heard_and_a_group_is_stopped_in_the_middle(models: dict[str, av.ForecastModel]) -> None:
    heard: list[tuple[int, int]] = []
    ways = ["rollout", "integrated_gradients", "occluded_mean"]
    wanted = Wanted(at=STEP, ways=ways, on_runs=lambda done, of: heard.append((done, of)))
    foretold_to_rest(models["transformer"], table("transformer"), wanted)
    assert heard[-1] == (32 + CONTEXT + 1, 32 + CONTEXT + 1) and len(heard) == 1 + 2 + 2
    asked = iter([False] * 3 + [True] * 99)
    with pytest.raises(Stopped):
        foretold_to_rest(
            models["transformer"],
            table("transformer"),
            Wanted(ways=["occluded_mean"], stop=lambda: next(asked)),
        )
