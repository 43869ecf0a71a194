"""The page on time series under AppTest: forecasts before and after a change, tables that are brought, a training."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from attnviz import shipped
from attnviz.messages import LANGUAGES, say, table
from attnviz.systems.series.system import load
from attnviz.ui.pages.series import run
from attnviz.ui.pages.series.run import GONE, KEY
from attnviz.ui.pages.series.state import MOMENTS
from tests.pages.opened import by_key, component, run_page, said, seen

HOURS = "time,dust\n" + "\n".join(f"2020-03-{1 + n // 24:02d} {n % 24:02d}:00,{20 + n % 24}" for n in range(24 * 8))


def opened(lang: str = "en", **link: str) -> AppTest:
    return run_page("series", lang, link)


def control(at: AppTest, name: str) -> Any:
    return by_key(at, KEY + name)


def picture(at: AppTest) -> dict[str, Any]:
    return component(at, KEY + "picture")


def verdict(at: AppTest) -> str:
    return seen(next(one.value for one in at.markdown if "**" in one.value))


def brought(content: bytes, **link: str) -> AppTest:
    at = opened(series="own", table="own", **link)
    at.session_state[KEY + "brought"] = (content, "own.csv")
    return at.run()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_air_is_forecast_and_the_picture_is_given_what_the_sentence_says(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    found = load("air-beijing").forecast(MOMENTS["haze"])
    shown = picture(at)
    assert shown["mid"] == pytest.approx(found.values[:, 1].tolist()) and len(shown["past"]) == 72
    assert f"{found.values[:, 1].mean():.0f}" in verdict(at) and f"{found.error:.1f}" in said(at)
    assert len(shown["tiles"]) == 9 and len(shown["looks"]) == 24 == len(shown["rows"])
    assert shown["before"] == [] and shown["days"][1]["name"] == say("series.weekday_0", lang)
    assert f"{found.values[5, 1]:.0f}" in shown["looks"][5]


def test_small_heads_are_pale_where_they_look_everywhere_alike() -> None:
    """Each row over its largest weight, or over four times an even one."""
    tiles, trace = picture(opened())["tiles"], load("air-beijing").read(MOMENTS["haze"])
    heads = [trace.weights(layer, head) for layer in trace.open_layers for head in range(4)]
    for one, weights in zip(tiles[1:], heads, strict=True):
        sent = np.frombuffer(base64.b64decode(one["shares"]), np.uint8).reshape(one["high"], one["wide"])
        full = weights.max(-1, keepdim=True).values.clamp_min(4 / 72)
        assert np.abs(sent - 255 * (weights / full).numpy()).max() < 0.51
    assert min(float(weights.max(-1).values.min()) for weights in heads) < 4 / 72, "some row is pale"


def test_hours_taken_away_and_a_spike_move_the_forecast_and_it_says_by_how_much() -> None:
    at = opened()
    usual = picture(at)["mid"]
    control(at, "gone").set_value("day").run()
    shown = picture(at)
    assert shown["hidden"] == [False] * 48 + [True] * 24 and shown["past"][48:] == [None] * 24
    assert shown["before"] == usual != shown["mid"]
    assert "Without yesterday" in verdict(at) and f"{sum(usual) / 24:.0f}" in verdict(at)
    control(at, "gone").set_value("")
    control(at, "at").set_value(3).run()
    shown = picture(at)
    assert shown["past"][-3] == 500 and shown["before"] == usual and "500" in verdict(at)
    assert control(at, "gone").options[0] == say("series.gone_none", "en") and len(control(at, "gone").options) == len(
        GONE
    )


def test_a_head_is_opened_by_its_habit_taken_away_and_given_back() -> None:
    at = opened()
    control(at, "map").set_value(7).run()
    assert picture(at)["head"] == 7
    heads = shipped.figures("air-beijing")["heads"]["cross"]
    assert say(f"series.habit_{heads[1][2]['name']}", "en") in control(at, "map").options[7]
    control(at, "remove").click().run()
    assert picture(at)["tiles"][7]["off"] and picture(at)["before"] and "1 heads" in verdict(at)
    control(at, "all_back").click().run()
    assert picture(at)["before"] == []


def test_hard_attention_is_said_and_every_hour_of_a_head_looks_at_one() -> None:
    at = opened(rule="hard", hard="argmax", map="7")
    assert "argmax" in verdict(at).lower() and picture(at)["before"]
    assert all("(100%)" in look for look in picture(at)["looks"])


def test_another_moment_is_reached_by_steps_samples_and_date_and_stops_at_the_last() -> None:
    at = opened()
    control(at, "step24").click().run()
    assert at.session_state[KEY + "moment"] == "2014-11-20 12:00"
    at = opened(**{"from": "2014-12-31 00:00"})
    assert control(at, "step1").disabled and control(at, "step24").disabled and not control(at, "step-1").disabled
    at = opened(**{"from": "2014-12-31 01:00"})
    assert len(at.error) == 1 and "2014-12-31 00:00" in seen(at.error[0].value)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_held_out_year_stands_there_as_the_card_has_it(lang: str) -> None:
    at, figures = opened(lang), shipped.figures("air-beijing")["test"]
    for way in ("attention", "even", "linear", "persistence", "seasonal"):
        assert f"{figures[way]['mae']:.1f}" in said(at)
    names = [one["name"] for layer in shipped.figures("air-beijing")["heads"]["cross"] for one in layer]
    words = {name: names.count(name) for name in ("last", "yesterday", "wind", "spread", "mixed")}
    assert seen(say("series.habits_say", lang, count=8, **words)) in seen(said(at))


def test_a_table_is_named_trained_on_and_then_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attnviz.systems.series.learn.STEPS", 30)
    monkeypatch.setattr("attnviz.systems.series.learn.training.__defaults__", (1, 30, 15))
    monkeypatch.setattr(run, "PACE", 0)
    at = opened(series="own")
    assert not at.exception and "SUNACTIVITY" in said(at) and "1700" in said(at)
    assert picture(at)["forecast"] is False and len(picture(at)["past"]) == 309
    control(at, "training.start").click().run()
    assert not at.exception and not at.error
    shown = picture(at)
    assert shown["forecast"] and shown["came"] == [None] * 10 and len(shown["past"]) == 30
    assert "held-out fifth" in said(at)
    control(at, "back").set_value(20).run()
    assert None not in picture(at)["came"] and control(at, "training.start").label == say("series.train_again", "en")


def test_hours_of_ones_own_can_be_forecast_by_the_built_in_model() -> None:
    at = brought(HOURS.encode(), by="built")
    assert not at.exception and not at.error
    shown = picture(at)
    assert shown["past"] == pytest.approx([20 + n % 24 for n in range(72)]) and "air-beijing" in said(at)
    assert 10 < sum(shown["mid"]) / 24 < 60, "brought back to the table's own size"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"5\n" * 60, "series_constant"), (b"date,v\n2014-01-01,3", "series_few_steps"),
        (b"a,b\nx,y\nz,w", "series_no_numbers"),
        (b"1\n" * 1_000_000, "series_rows"), (b"\x89PNG\r\n\x1a\n" + bytes(90), "series_no_text"),
        (b"PK\x03\x04" + bytes(90), "series_workbook"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_no_series_is_one_sentence(content: bytes, message: str, lang: str) -> None:
    at = opened(lang, series="own", table="own")
    at.session_state[KEY + "brought"] = (content, "own.csv")
    at.run()
    assert not at.exception and len(at.error) == 1
    assert table(lang)[f"error.{message}"].split("{")[0][:12] in seen(at.error[0].value)


def test_what_was_done_to_a_table_is_said() -> None:
    lines = HOURS.split("\n")
    at = brought("\n".join([lines[0], *reversed(lines[1:50]), *lines[60:]]).encode("utf-16"))
    assert not at.exception and not at.error
    assert say("series.note_gaps", "en", count=10) in said(at) and "out of order" in said(at)
    assert picture(at)["hidden"].count(True) == 10


def test_columns_from_a_chinese_excel_stand_in_the_link_and_wait_for_their_table() -> None:
    rows = "\r\n".join(f"{1 + n % 28:02d}.{1 + n // 28:02d}.2020;{n},5;{9 + n % 5},25" for n in range(60))
    content = f"日期;编号;浓度\r\n{rows}".encode("gbk")
    at = brought(content)
    assert not at.exception and not at.error and "浓度" in said(at) and picture(at)["past"][-1] == 9.25 + 59 % 5
    control(at, "value_box").set_value(1).run()
    control(at, "time_box").set_value("rows").run()
    link = {name: at.query_params[name] for name in ("series", "table", "column", "time")}
    link = {name: one[0] if isinstance(one, list) else one for name, one in link.items()}
    assert link == {"series": "own", "table": "own", "column": "1", "time": "rows"}
    again = opened(**link, back="3")
    assert len(again.error) == 1 and again.error[0].value == say("error.series_table_missing", "en")
    control(again, "pasted").set_value(content.decode("gbk")).run()
    assert not again.exception and not again.error and picture(again)["past"][-1] == 59.5
    assert control(again, "time_box").value == "rows" and again.session_state[KEY + "back"] == 3
    control(again, "pasted").set_value(HOURS).run()
    assert again.session_state[KEY + "value"] == "" and picture(again)["past"][-1] == 20 + 191 % 24, "another table"
    control(again, "pick_table").set_value("co2").run()
    assert "co2" in said(again) and "own" not in str(again.query_params.get("table"))


def test_hours_hidden_by_hand_are_those_of_the_list_and_a_link_brings_them_back() -> None:
    listed, by_hand = opened(without="half"), opened(hidden="12-0")
    assert picture(by_hand)["mid"] == picture(listed)["mid"] and picture(by_hand)["hidden"][-12:] == [True] * 12
    assert picture(by_hand)["taken"] == [[12, 0]] and "Without 19 Nov 00:00 to 11:00" in verdict(by_hand)
    control(by_hand, "show_all").click().run()
    assert picture(by_hand)["hidden"] == [False] * 72 and picture(by_hand)["before"] == []
    both = opened(hidden="40-36.3-1", without="last")
    assert picture(both)["hidden"].count(True) == 7
    gone = opened(hidden="72-0")
    assert len(gone.error) == 1 and "72" in gone.error[0].value
