"""What an answer about a picture rests on: the panel says and draws what `av.attributions` found, once it is asked."""

from __future__ import annotations

import base64
import html
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz import BoxSide, Logit
from attnviz.experiments.reading.pictured import SHOWN, WAYS
from attnviz.messages import LANGUAGES, say
from attnviz.ui.kit import YARDSTICKS, another, correlation, plain, ranked
from attnviz.ui.pages.seeing import run
from attnviz.ui.pages.seeing.choices import KEY
from tests.pages.opened import by_key, run_page, said
from tests.parity.vision import network, noise
from tests.parity.vision import saved as save_seeing
from tests.parity.vision.detection import saved

MAP = re.compile(r'alt="([^"]*)" src="data:image/svg\+xml;base64,([^"]*)"')


def asked(lang: str, page: str = "seeing", **link: str) -> AppTest:
    """The page, its panel asked."""
    at = run_page(page, lang, link)
    assert not at.exception and "<figure" not in body(at)  # nothing runs unasked
    by_key(at, f"{page}.rests_go").click()
    at.run()
    assert not at.exception and not at.error
    return at


def body(at: AppTest) -> str:
    return "".join(one.proto.body for one in at.get("html"))


def maps(at: AppTest) -> list[tuple[str, str]]:
    """What stands below the picture for each way: its sentence and its drawing."""
    return [(html.unescape(alt), base64.b64decode(svg).decode()) for alt, svg in MAP.findall(body(at))]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_verdict_and_maps_are_those_of_the_engine(lang: str) -> None:
    at = asked(lang)
    picture = run.sample("sneaker")
    found = av.attributions(av.load("vit-4"), picture, ways=[*SHOWN, YARDSTICKS[0]])
    order = ranked(found, YARDSTICKS[0])
    best, told = order[0]
    assert f"**{say(f'reasons.way_{best}', lang)}**" in said(at) and f"**{correlation(told.spearman)}**" in said(at)
    assert f"{found.value:.3f}" in said(at) and say("rests.no_winner", lang) in said(at)
    drawn = maps(at)
    assert len(drawn) == len(order) + 1 == len(SHOWN) + 1
    assert drawn[0][0].startswith(say(f"rests.way_{YARDSTICKS[0]}_picture", lang))
    for (alt, svg), way in zip(drawn, [YARDSTICKS[0], *(way for way, _ in order)], strict=True):
        row = found.rows[way]
        strongest = int(row.abs().argmax())
        assert f"{found.labels[strongest]} ({row[strongest]:.3g})" in alt
        shares = (row.abs() / row.abs().max()).tolist()
        opaque = [float(one) for one in re.findall(r"opacity='([\d.]+)'", svg)[1:]]  # after the veil
        assert opaque == pytest.approx([0.92 * one for one in shares if one >= 0.04], abs=2e-3)
    for way, one in order:
        own = way in ("integrated_gradients", "largest")
        about = f"rests.about_{way}_picture" if own else f"reasons.about_{way}"
        assert say(about, lang)[:30] in html.unescape(body(at)) and correlation(one.spearman) in body(at)


def test_a_chosen_label_its_rival_and_another_cover_are_what_is_explained() -> None:
    trace = av.record(av.load("vit-4"), run.sample("sneaker"))
    first, second = trace.answer.scores[0].topk(2).indices.tolist()
    at = asked("en", explain=str(second), against=str(first), held="occluded_other")
    found = av.attributions(
        av.load("vit-4"), run.sample("sneaker"), target=Logit(0, second, first), ways=["weights", "occluded_other"],
        other=run.sample(another(run.samples(), "sneaker")),
    )  # fmt: skip
    assert f"{found.value:.3f}" in said(at) and found.value < 0
    alt, svg = maps(at)[0]
    strongest = int(found["occluded_other"].abs().argmax())
    assert alt.startswith("covered: another picture's") and f"{found.labels[strongest]} (" in alt
    against = int((found["occluded_other"] / found["occluded_other"].abs().max() <= -0.25).sum())
    assert svg.count("<line") == 2 * against and against


def test_the_rows_follow_what_is_changed_in_the_run_and_are_asked_anew() -> None:
    at = asked("en", hidden="20", rule="topk")
    alt = maps(at)[0][0]
    plain = maps(asked("en"))[0][0]
    assert alt != plain
    by_key(at, KEY + "explain").set_value(3)
    at.run()
    assert "<figure" not in body(at) and by_key(at, KEY + "rests_go")


def test_every_way_of_the_engine_is_shown_or_a_yardstick() -> None:
    assert {*SHOWN, *YARDSTICKS, "flow"} == set(WAYS)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_edges_that_are_cut_are_what_ways_are_held_to(lang: str) -> None:
    fresh = run_page("seeing", lang, {"held": "edges_lost"})
    assert by_key(fresh, KEY + "rests_go").label == say("rests.go_edges", lang, count=49)
    at = asked(lang, held="edges_lost")
    picture = run.sample("sneaker")
    found = av.attributions(av.load("vit-4"), picture, ways=[*SHOWN, "edges_lost"])
    best, told = ranked(found, "edges_lost")[0]
    words = {"way": say(f"reasons.way_{best}", lang), "rank": correlation(told.spearman), "top": "|"}
    assert say("rests.verdict_edges", lang, **words).split("|")[0] in said(at)
    drawn = maps(at)
    assert len(drawn) == len(SHOWN) + 1
    for way in ("edges_lost", "value_zeroing"):
        row = found.rows[way]
        strongest = int(row.abs().argmax())
        named = f"{found.labels[strongest]} ({row[strongest]:.3g})"
        assert any(alt.startswith(say(f"reasons.way_{way}", lang)) and named in alt for alt, _ in drawn), way
    assert say("reasons.about_value_zeroing", lang)[:30] in html.unescape(body(at))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_model_of_windows_says_why_no_edge_of_it_can_be_cut(lang: str, tmp_path: Path) -> None:
    folder, file = tmp_path / "model", tmp_path / "noise.png"
    save_seeing(folder, network("swin"), "stretched")
    noise(70, 50).image().save(file)
    at = asked(lang, model=str(folder), file=str(file), held="edges_shared")
    model = av.load(folder)
    refused = av.attributions(model, av.open_picture(file), ways=["edges_shared"]).missing["edges_shared"]
    reason = refused.say(lang, plain)
    assert say("rests.no_yardstick", lang, reason=reason) in [one.value for one in at.info]
    assert "<figure" not in body(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_box_is_asked_about_by_its_query_and_framed(lang: str, tmp_path: Path) -> None:
    folder, file = saved(tmp_path / "model", "detr"), tmp_path / "noise.png"
    noise(70, 50).image().save(file)
    at = asked(lang, page="finding", model=str(folder), file=str(file), box="1", about="left")
    model, picture = av.load(folder), av.open_picture(file)
    ways = ["weights", "relevance", YARDSTICKS[0]]
    found = av.attributions(model, picture, target=BoxSide(1, "left"), ways=ways)
    box = av.record(model, picture).answer.read.stands_for(1)
    assert f"{found.value:.3f}" in said(at) and say("rests.left", lang) in said(at)
    drawn = dict(maps(at))
    for way in ways:
        strongest = int(found.rows[way].abs().argmax())
        named = f"{found.labels[strongest]} ({found.rows[way][strongest]:.3g})"
        assert any(named in alt for alt in drawn), way
    frame = re.findall(
        r"<rect x='([-\d.]+)' y='[-\d.]+' width='[\d.]+' height='[\d.]+' fill='none'", next(iter(drawn.values()))
    )
    assert [float(left) for left in frame] == pytest.approx([box.left] * 2, abs=0.01)
    assert say("reasons.missing", lang, way=say("reasons.way_norms_residual", lang), reason="")[:8] in said(at)


def test_without_a_box_there_is_nothing_to_ask() -> None:
    at = run_page("finding", "en", {"least": "0.95"})
    assert say("rests.no_box", "en") in said(at)
    assert not [one for one in at.button if one.key == "finding.rests_go"]
