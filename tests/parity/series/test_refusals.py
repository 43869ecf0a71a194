"""What a model of values over time cannot be given or asked is one sentence; what is filled in is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as hf

import attnviz as av
from attnviz.messages import LANGUAGES
from attnviz.models.memory import check_series
from tests.parity.series import AHEAD, LAGGED, PATCHED, calendar, network, opened, saved, table


@pytest.fixture(scope="module")
def patchtst(tmp_path_factory: pytest.TempPathFactory) -> av.ForecastModel:
    return opened(saved(tmp_path_factory.mktemp("patchtst"), "patchtst"))


@pytest.fixture(scope="module")
def lagged(tmp_path_factory: pytest.TempPathFactory) -> av.ForecastModel:
    return opened(saved(tmp_path_factory.mktemp("groups"), "transformer of groups"))


def refused(run: Any, *args: Any, **asked: Any) -> av.AttnvizError:
    with pytest.raises(av.AttnvizError) as found:
        run(*args, **asked)
    assert all(found.value.say(language) for language in LANGUAGES)
    return found.value


def test_a_text_given_to_a_model_of_values_is_a_sentence(patchtst: av.ForecastModel) -> None:
    for given in ("one two", None):
        assert refused(av.record, patchtst, given).message == "model_forecasts"
    for run in (av.generate, av.differentiable):
        assert refused(run, patchtst, "a").message == "model_forecasts"
    assert refused(av.record_batch, patchtst, ["a"]).message == "model_forecasts"


def test_what_only_texts_have_is_refused_by_name(patchtst: av.ForecastModel) -> None:
    for name, value in {"pair": "b", "chat": "user: a", "blank": 1, "target": np.zeros((AHEAD, 3))}.items():
        error = refused(av.record, patchtst, table("patchtst"), **{name: value})
        assert error.message == "series_cannot" and error.values["what"] == name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([["a", "b", "c"]] * 40, "series_kind"),
        (np.zeros((4, 4, 4)), "series_kind"),
        ([], "series_kind"),
        (object(), "series_kind"),
        (np.zeros((1, 3)), "series_short"),
        (np.zeros((40, 2)), "series_channels"),
        (np.zeros(40), "series_channels"),
        (np.where(np.arange(120).reshape(40, 3) % 3 == 1, np.nan, 1.0), "series_unseen"),
    ],
)
def test_what_is_no_table_for_it_is_a_sentence(patchtst: av.ForecastModel, given: Any, message: str) -> None:
    assert refused(av.record, patchtst, given).message == message


def test_a_constant_series_gaps_and_infinities_are_read_and_said(patchtst: av.ForecastModel) -> None:
    assert bool(av.record(patchtst, np.ones((26, 3))).weights(0).isfinite().all())
    holes = table("patchtst")
    holes[30, 1], holes[33, 2] = np.nan, np.inf
    read = patchtst.past(holes)
    assert [note.message for note in read.notes] == ["series_last", "series_gaps"]
    assert read.notes[1].values["count"] == 2 and all(note.say("zh") for note in read.notes)
    assert read.inputs["past_observed_mask"].sum() == 26 * 3 - 2
    trace = av.record(patchtst, read)
    assert trace.answer is not None and bool(trace.answer.scores.isfinite().all())


def test_a_table_may_be_of_pandas_torch_or_lists_and_names_its_channels(patchtst: av.ForecastModel) -> None:
    plain = av.record(patchtst, table("patchtst"))
    named = av.record(patchtst, pd.DataFrame(table("patchtst"), columns=["PM2.5", "气温", "wind"]))
    assert named.parts == ("PM2.5", "气温", "wind") and named.answer is not None
    assert named.answer.labels == named.parts
    for given in (torch.tensor(table("patchtst")), table("patchtst").tolist()):
        torch.testing.assert_close(av.record(patchtst, given).weights(0), plain.weights(0))
    assert named.map("wind").weights(1).equal(plain.map("3").weights(1))


def test_what_is_given_beside_lags_is_checked_and_what_is_made_up_is_said(lagged: av.ForecastModel) -> None:
    values = table("transformer of groups")
    assert [note.message for note in lagged.past(values).notes] == ["series_last", "series_calendar", "series_group"]
    told = lagged.past(values, calendar=calendar(), groups=(4,))
    assert [note.message for note in told.notes] == ["series_last"]
    assert refused(lagged.past, values, calendar=calendar()[:20]).message == "series_beside"
    assert refused(lagged.past, values, groups=(5,)).message == "series_groups"
    assert refused(lagged.past, values, each=0).message == "series_step"
    assert refused(av.record, lagged, told, target=[1.0, 2.0]).message == "series_target"
    other = av.record(lagged, lagged.past(values, calendar=calendar(), groups=(1,)))
    assert not torch.allclose(other.weights(0), av.record(lagged, told).weights(0))


def test_an_autoformer_is_refused_with_the_reason(tmp_path: Path) -> None:
    hf.AutoformerModel(hf.AutoformerConfig(**LAGGED)).save_pretrained(tmp_path)
    error = refused(av.load, tmp_path)
    assert error.message == "series_correlates" and "delayed" in str(error)


def test_a_patchtst_whose_channels_look_at_each_other_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path, "patchtst")
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"channel_attention": True}))
    assert refused(av.load, folder).message == "series_across"


def test_a_change_names_one_layer_of_an_encoder_that_halves(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "informer", network("informer")))
    values = model.past(table("informer"), calendar=calendar())
    assert refused(av.record, model, values, interventions=[av.HideToken(20)]).message == "series_distilled"
    gone = av.record(model, values, interventions=[av.HideToken(20, part="encoder 1")])
    assert bool((gone.map("encoder 1").weights(0)[:, :20, 20] == 0).all())
    heads = av.record(model, values, interventions=[av.RemoveHeads((0,), part="encoder 2")])
    assert float(heads.map("encoder 2").attention(0).output[0].abs().max()) == 0.0


def test_memory_is_forecast_before_a_run() -> None:
    check_series(hf.PatchTSTConfig(**PATCHED), 6, 0, 3, free=10**9)
    with pytest.raises(av.SeriesError, match="takes"):
        check_series(hf.PatchTSTConfig(**PATCHED), 6, 0, 3, free=10)


def test_a_model_of_values_has_nothing_of_a_reader(patchtst: av.ForecastModel) -> None:
    assert (patchtst.kind, patchtst.rows, patchtst.channels, patchtst.ahead) == ("series", 26, 3, AHEAD)
    assert (patchtst.limit, patchtst.mask_id, patchtst.chats, patchtst.languages) == (None, None, False, ())
    assert patchtst.foresees and patchtst.usual_languages == (None, None)
