"""The page on time series with models of folders: each drawn as what it is, changed, refused in a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers as hf
from numpy.typing import NDArray
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.messages import LANGUAGES, say, table
from attnviz.systems.series.system import load
from attnviz.ui.pages.series.run import KEY
from tests.pages.opened import by_key, component, run_page, said, seen
from tests.pages.things.foreign_series import AHEAD, CONTEXT, FOLDERS, PATCH, by_hand, saved, shares

MOMENT = {"from": "2014-11-19 12:00"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """A folder of each kind."""
    place = tmp_path_factory.mktemp("series")
    return {kind: saved(place / kind, kind) for kind in FOLDERS}


def opened(folder: Path | str, lang: str = "en", **link: str) -> AppTest:
    return run_page("series", lang, {"model": str(folder), **MOMENT, **link})


def control(at: AppTest, name: str) -> Any:
    return by_key(at, KEY + name)


def picture(at: AppTest) -> dict[str, Any]:
    assert not at.exception and not at.error, [error.value for error in at.error]
    return component(at, KEY + "picture")


def read(folder: Path, columns: int) -> tuple[av.ForecastModel, NDArray[np.float32]]:
    """The model, and the rows of Beijing's air that it reads before the moment."""
    model, air = av.load(folder), load("air-beijing").air
    assert isinstance(model, av.ForecastModel) and air is not None
    values = torch.cat([air.dust[:, None], air.weather], -1)[:, :columns]
    at = air.clock.number(load("air-beijing").window("2014-11-19 12:00").clock.at(0))
    begin = load("air-beijing").window("2014-11-19 12:00").first + 72
    assert at == 0
    return model, values[begin - model.rows : begin].numpy()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_patchtst_is_patches_of_each_channel_and_a_forecast_without_an_interval(
    lang: str, folders: Mapping[str, Path]
) -> None:
    at = opened(folders["patchtst"], lang)
    shown, (model, rows) = picture(at), read(folders["patchtst"], 3)
    trace = av.record(model, rows)
    assert trace.answer is not None
    size, stride = PATCH
    assert shown["asks"] == shown["cells"] == [[n * stride, n * stride + size] for n in range(5)]
    assert shown["edges"] == [[0, 5], [5, 9], [9, 13], [13, 17], [17, 22]], "what two patches share is parted"
    weights = torch.stack([trace.map("1").weights(layer) for layer in range(2)]).mean((0, 1))
    np.testing.assert_allclose(shares(shown), weights.numpy(), atol=1e-4)
    assert shown["mid"] == pytest.approx(trace.answer.scores[:, 0].tolist()) and shown["low"] == [None] * AHEAD
    told = seen(said(at))
    assert say("series.interval_none", lang) in told and "80" not in "".join(shown["looks"])
    assert say("series.by_unknown", lang) in told and str(folders["patchtst"]) in told


def test_another_channel_is_chosen_with_its_own_line_forecast_and_map(folders: Mapping[str, Path]) -> None:
    at, (model, rows) = opened(folders["patchtst"]), read(folders["patchtst"], 3)
    control(at, "channel_box").set_value(1).run()
    shown, trace = picture(at), av.record(model, rows)
    assert trace.answer is not None and shown["mid"] == pytest.approx(trace.answer.scores[:, 1].tolist())
    assert shown["past"] == pytest.approx(rows[:, 1].tolist()) and at.query_params["channel"] in ("1", ["1"])
    weights = torch.stack([trace.map("2").weights(layer) for layer in range(2)]).mean((0, 1))
    np.testing.assert_allclose(shares(shown), weights.numpy(), atol=1e-4)
    assert "°C" in said(at)


def test_a_transformer_has_three_maps_its_own_interval_and_the_calendar_of_its_steps(
    folders: Mapping[str, Path],
) -> None:
    at = opened(folders["transformer"])
    shown, (model, _) = picture(at), read(folders["transformer"], 1)
    assert shown["asks"] == [[CONTEXT + n, CONTEXT + n + 1] for n in range(AHEAD)]
    assert shown["cells"] == [[n, n + 1] for n in range(CONTEXT)] and shown["days"]
    assert all(low < high for low, high in zip(shown["low"], shown["high"], strict=True))
    assert say("series.interval_steps", "en", draws=model.draws) in said(at) and "hour of the day" in said(at)
    assert "80% interval" in shown["looks"][0] and "came" in shown["looks"][0]
    assert control(at, "part").options == [say(f"series.part_{part}", "en") for part in ("cross", "encoder", "decoder")]
    control(at, "part").set_value("encoder").run()
    past = picture(at)
    assert past["asks"] == past["cells"] == [[n, n + 1] for n in range(CONTEXT)] and not past["lazy"]
    control(at, "part").set_value("decoder").run()
    coming = picture(at)
    assert coming["asks"] == coming["cells"] == shown["asks"]
    assert float(np.triu(shares(coming), 1).max()) == 0.0, "a coming step does not look ahead"
    assert coming["mid"] == shown["mid"]


def test_an_informer_has_places_of_several_steps_and_marks_queries_that_were_not_computed(
    folders: Mapping[str, Path],
) -> None:
    at = opened(folders["informer"])
    shown = picture(at)
    assert len(shown["cells"]) == CONTEXT // 2 and shown["cells"][1] == [1, 4] and not shown["lazy"]
    assert control(at, "part").options[1:3] == [
        say("series.part_encoder_layer", "en", layer=layer) for layer in range(2)
    ]
    at = opened(folders["informer"], part="encoder 1", map="1")
    shown = picture(at)
    rows = shares(shown)
    assert len(shown["asks"]) == CONTEXT and len(shown["lazy"]) == CONTEXT - 4
    assert all(float(rows[row].sum()) == 0 for row in shown["lazy"])
    assert "Not computed" in shown["looks"][shown["lazy"][0]] and "dashed" in said(at)
    every = opened(folders["informer"], part="encoder 1")
    assert len(picture(every)["lazy"]) < CONTEXT - 4, "of the mean: those that no head computed"
    computed = [row for row in range(CONTEXT) if row not in picture(every)["lazy"]]
    assert np.allclose(shares(picture(every))[computed].sum(-1), 1, atol=1e-3)


@pytest.mark.parametrize("kind", FOLDERS)
def test_rules_heads_and_hidden_hours_act_and_the_forecast_stands_there_before_and_after(
    kind: str, folders: Mapping[str, Path]
) -> None:
    usual = picture(opened(folders[kind]))
    head = "s.0.1" if kind == "patchtst" else "e.0.1"
    for change in ({"rule": "hard", "hard": "argmax"}, {"off": head}, {"hidden": "12-2"}, {"spike": "3"}):
        at = opened(folders[kind], **change)
        shown = picture(at)
        assert shown["before"] == usual["mid"] and shown["mid"] != usual["mid"], change
        assert "goes" in seen(said(at))
    assert shown["past"][-3] == 500
    hidden = picture(opened(folders[kind], hidden="12-2"))
    assert hidden["hidden"][-13:] == [False] + [True] * 10 + [False] * 2 and hidden["taken"] == [[12, 2]]
    if kind == "patchtst":  # the patch from step 12 on and that from 16 on have others
        assert float(shares(picture(opened(folders[kind], hidden="10-4")))[:, 3].max()) == 0.0
    if kind == "transformer":
        assert float(shares(hidden)[:, -12:-2].max()) == 0.0


def test_heads_are_taken_away_of_the_map_that_is_open_and_given_back(folders: Mapping[str, Path]) -> None:
    at = opened(folders["informer"], part="encoder 2", map="2")
    control(at, "remove").click().run()
    assert at.session_state[KEY + "off"] == "e.1.1" and picture(at)["tiles"][2]["off"]
    control(at, "remove").click().run()
    assert picture(at)["before"] == []


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_does_not_fit_is_one_sentence(lang: str, folders: Mapping[str, Path], tmp_path: Path) -> None:
    wide = hf.PatchTSTConfig(num_input_channels=7, context_length=12, d_model=8, num_attention_heads=1, ffn_dim=8)
    long = hf.PatchTSTConfig(num_input_channels=1, context_length=9_000, d_model=8, num_attention_heads=1, ffn_dim=8)
    hf.PatchTSTForPrediction(wide).save_pretrained(tmp_path / "wide")
    hf.PatchTSTForPrediction(long).save_pretrained(tmp_path / "long")
    for folder, message in (
        ("lab-2", "series_other_kind"), (tmp_path / "wide", "series_columns_few"),
        (tmp_path / "long", "series_rows_few"), (tmp_path / "none", "no_folder"),
    ):  # fmt: skip
        at = opened(folder, lang)
        assert not at.exception and len(at.error) == 1, folder
        if message in ("series_other_kind", "series_columns_few", "series_rows_few"):
            start = table(lang)[f"error.{message}"].split("{")
            assert start[-1].split("}")[-1][-12:] in seen(at.error[0].value)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_page_of_texts_names_this_page_for_a_model_of_values(lang: str, folders: Mapping[str, Path]) -> None:
    at = run_page("reasons", lang, {"model": str(folders["patchtst"])})
    assert not at.exception and len(at.error) == 1 and say("ui.page_series", lang) in at.error[0].value


def test_a_model_without_a_head_shows_where_it_looks_and_says_that_it_forecasts_nothing(tmp_path: Path) -> None:
    saved(tmp_path / "body", "transformer", head=False)
    at = opened(tmp_path / "body")
    shown = picture(at)
    assert shown["mid"] == [None] * AHEAD and float(shares(shown).sum()) > 5
    assert say("series.says_no_forecast", "en").replace("**", "") in seen(said(at)).replace("**", "")
    assert not [one for one in at.get("download_button") if "forecast" in str(one.proto.label).lower()]


def test_numbers_beside_each_step_that_do_not_fit_are_said(tmp_path: Path) -> None:
    at = opened(saved(tmp_path / "monthly", "transformer", features=2))
    assert picture(at)["mid"]
    assert say("series.features_other", "en", count=2, step="hour") in [one.value for one in at.warning]


def own(folder: Path, content: bytes, lang: str = "en", **link: str) -> AppTest:
    """The page with a table that was brought."""
    at = run_page("series", lang, {"model": str(folder), "series": "own", "table": "own", **link})
    at.session_state[KEY + "brought"] = (content, "own.csv")
    return at.run()


def days(count: int, columns: int = 3) -> str:
    """A table of a value a day in each of some columns, Chinese headings, commas for decimals, as Excel writes it."""
    head = ";".join(["日期", *["温度", "湿度", "风速"][:columns]])
    first = date(2020, 1, 1)
    rows = [
        ";".join([str(first + timedelta(days=n)), *(f"{c + n % 7},5" for c in range(columns))]) for n in range(count)
    ]
    return "\r\n".join([head, *rows])


def test_a_table_of_ones_own_from_a_chinese_excel_is_read_by_columns_in_their_order(
    folders: Mapping[str, Path],
) -> None:
    at = own(folders["patchtst"], days(56).encode("gbk"))
    shown = picture(at)
    assert shown["past"][-1] == 0.5 + 55 % 7 and "温度" in said(at)
    assert control(at, "values_box").value == [1, 2, 3]
    control(at, "values_box").set_value([3, 1]).run()
    assert len(at.error) == 1 and "3" in at.error[0].value
    control(at, "values_box").set_value([3, 1, 2]).run()
    assert picture(at)["past"][-1] == 2.5 + 55 % 7 and at.query_params["column"] in ("3.1.2", ["3.1.2"])
    control(at, "back").set_value(9).run()
    assert None not in picture(at)["came"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (days(56, 2).encode(), "series_columns_few"), ("日期,甲\n2020-01-01,3".encode("gbk"), "series_columns_few"),
        (b"a,b\nx,y", "series_no_numbers"), (b"1,2,3\n" * 300_000, "series_rows"),
        (b"1;2;3\n" * 60, "series_constant"), (b"1;2;3\n2;3;4\n", "series_few_steps"),
    ],
)  # fmt: skip
def test_what_is_no_table_for_a_model_is_one_sentence(
    content: bytes, message: str, folders: Mapping[str, Path]
) -> None:
    at = own(folders["patchtst"], content)
    assert not at.exception and len(at.error) == 1
    ending = table("en")[f"error.{message}"].rpartition("}")[2][-14:]
    assert ending in seen(at.error[0].value)


def test_times_out_of_order_and_gaps_are_said_and_read(folders: Mapping[str, Path]) -> None:
    lines = days(60, 1).split("\r\n")
    at = own(folders["transformer"], "\n".join([lines[0], *reversed(lines[1:50]), *lines[53:]]).encode("utf-16"))
    shown = picture(at)
    assert shown["hidden"].count(True) == 3 and "out of order" in said(at)
    assert say("series.note_gaps_told", "en", count=3) in said(at)


@pytest.mark.parametrize("place", [5, 14])
@pytest.mark.parametrize("kind", FOLDERS)
def test_a_spike_lights_up_where_it_is_in_a_model_built_by_hand(kind: str, place: int, tmp_path: Path) -> None:
    """A step of a model with lags is given the value before it, so that its map lies one step behind the spike."""
    folder = by_hand(tmp_path / kind, kind)
    values = np.ones(60) + 0.1 * (np.arange(60) % 2)
    values[60 - 24 + place] = 40.0
    at = own(folder, "\n".join(map(str, values)).encode())
    shown = picture(at)
    assert shown["past"][place] == 40.0
    step = place if kind == "patchtst" else place + 1
    on = [first <= step < last for first, last in shown["cells"]]
    assert 1 <= sum(on) <= 2 and float(shares(shown)[:, on].sum(-1).min()) > 0.95
    if kind != "patchtst":
        control(at, "part").set_value("encoder 1" if kind == "informer" else "encoder").run()
        past = picture(at)
        looks = [row for row in range(24) if row not in past["lazy"]]
        assert looks and shares(past)[looks].argmax(-1).tolist() == [step] * len(looks)
