"""The page of the atlas: its verdict, points and tables say what `av.atlas` found; removal, components, a click."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.messages import say
from attnviz.shipped import WEIGHTS
from attnviz.ui.kit import plain
from attnviz.ui.pages.atlas.choices import KEY, PARAMS
from attnviz.ui.pages.atlas.run import Asked, brought, keep_brought
from attnviz.ui.stores import SOFT, runs
from tests.pages.opened import PATIENCE, array, by_key, charts, file_of, run_page, said

LINES = "the cat sat on the mat and the dog sat on the rug\n南京市长江大桥全长六千多米\n他说他会来，但是他没有来。"


def drawn(at) -> dict[int, tuple[float, float]]:  # type: ignore[no-untyped-def]
    """Where each head's point lies, by its number."""
    found = {}
    for one in charts(at)[0]["data"]:
        for (number, _), x, y in zip(one.get("customdata", []), array(one["x"]), array(one["y"]), strict=False):
            found[int(number)] = (float(x), float(y))
    return found


def test_verdict_and_points_are_those_of_the_engine() -> None:
    at = run_page("atlas", "en", {"lines": LINES, "x": "previous", "y": "special"})
    assert not at.exception and not at.error
    found = av.atlas(av.load("lab-4"), LINES.splitlines())
    assert f"Over 3 sentences ({found.tokens} tokens) **16 heads**" in said(at)
    names = [found.name(*place) for place in found.places]
    for name in {one.name for one in names if one}:
        count = sum(one is not None and one.name == name for one in names)
        assert f"**{say(f'atlas.{name}', 'en')}** {count} (" in said(at)
    points = drawn(at)
    assert len(points) == 16
    for number, place in enumerate(found.places):
        expected = [float(found[one][place]) for one in ("previous", "special")]
        assert points[number] == pytest.approx(expected, abs=1e-5)


def test_the_head_with_most_loss_is_told_and_can_be_an_axis() -> None:
    link = {"lines": LINES, "without": "1", "y": "effect", "head": "2.1"}
    at = run_page("atlas", "zh", link)
    assert not at.exception and not at.error
    effects = av.head_effects(av.load("lab-4"), LINES.splitlines())
    layer, head = divmod(int(effects.mean.argmax()), 4)
    assert f"**{layer}.{head}**" in said(at) and f"**{float(effects.mean.max()):+.2f} ±" in said(at)
    points = drawn(at)
    assert points[9][1] == pytest.approx(float(effects.mean[2, 1]), abs=1e-4)
    assert at.session_state[KEY + "head"] == "2.1"


def test_without_removal_an_axis_of_loss_falls_back_and_a_head_not_there_too() -> None:
    at = run_page("atlas", "en", {"lines": LINES, "y": "effect", "head": "9.9"})
    assert not at.exception and not at.error
    assert at.session_state[KEY + "up"] == PARAMS["up"].default and at.session_state[KEY + "head"] != "9.9"


def test_the_numbers_of_a_head_stand_beside_their_place_among_all() -> None:
    at = run_page("atlas", "en", {"lines": LINES, "head": "2.0"})
    found = av.atlas(av.load("lab-4"), LINES.splitlines())
    values = found["entropy"].flatten()
    mean = float(found["entropy"][2, 0])
    count = int(found.all["entropy"].count[2, 0])
    place = 1 + int((values > mean).sum())
    assert f"| entropy (bits) | {mean:.2f} | – | {place}\u00a0/\u00a016 | {count} |" in said(at)


def test_components_say_what_they_are_made_of() -> None:
    at = run_page("atlas", "en", {"lines": LINES, "x": "first_component", "y": "second_component"})
    assert not at.exception and not at.error
    spread = av.atlas(av.load("lab-4"), LINES.splitlines()).spread()
    assert f"{spread.explained[0]:.0%} of the differences" in str(charts(at)[0]["layout"]["xaxis"])
    assert "1st principal component is made of" in said(at)


@pytest.mark.parametrize("lines", ["\u200b", "南"])
def test_too_little_to_read_is_one_sentence_or_a_picture(lines: str) -> None:
    at = run_page("atlas", "en", {"lines": lines})
    assert not at.exception and (len(at.error) == 1 or charts(at))


def test_a_bad_line_is_counted_and_a_system_is_refused_in_a_sentence() -> None:
    at = run_page("atlas", "en", {"lines": LINES + "\n\u200b"})
    assert "1 lines could not be read" in said(at)
    refused = run_page("atlas", "en", {"lines": LINES, "model": "nmt-zh-en"})
    assert not refused.exception and len(refused.error) == 1


def test_another_head_is_chosen_by_the_list_and_stands_in_the_words() -> None:
    at = run_page("atlas", "en", {"lines": LINES})
    by_key(at, KEY + "head").set_value("3.1")
    at.run()
    assert not at.exception and "Head **3.1**" in said(at)


def test_the_curve_says_how_many_heads_are_enough_and_keeps_as_many_as_are_asked_for() -> None:
    link = {"lines": "南京市长江大桥全长六千多米", "model": "lab-1", "needed": "1", "by": "alone", "keep": "2"}
    at = run_page("atlas", "en", link)
    assert not at.exception and not at.error
    found = av.heads_needed(av.load("lab-1"), [link["lines"]], by="alone")
    count = len(found.order)
    assert f"**{found.fewest(0.1)} of {count} heads**" in said(at)
    half = found.lost[count - count // 2]
    assert f"the best {count // 2} lose **{half:+.2f}**, none at all {found.lost[-1]:+.2f}".replace("-", "−") in said(
        at
    )
    kept = ", ".join(f"{layer}.{head}" for layer, head in found.kept(2))
    assert f"heads {kept} alone lose **{found.lost[count - 2]:+.2f}**".replace("-", "−") in said(at)
    curve = next(one for one in charts(at) if "heads left" in str(one["layout"]))
    assert array(curve["data"][0]["y"]) == pytest.approx(list(found.lost), abs=1e-4)


def test_another_model_in_the_same_folder_is_read_anew(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    texts = {}
    for name in ("lab-1", "lab-2"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(WEIGHTS / name, folder)
        texts[name] = said(run_page("atlas", "en", {"lines": LINES, "model": str(folder)}))
    assert "**4 heads**" in texts["lab-1"] and "**8 heads**" in texts["lab-2"]


def test_what_was_stopped_begins_again_on_a_button() -> None:
    line = "这一句谁也没有读过"
    at = AppTest.from_file(str(file_of("atlas")), default_timeout=PATIENCE)
    at.query_params["lang"], at.query_params["lines"] = "en", line
    asked = Asked("lab-4", (line,), SOFT)
    at.session_state[KEY + "read.stopped"] = runs.key_of(KEY + "read", asked, "lab-4")
    at.run()
    assert not at.exception and not charts(at) and say("asking.stopped", "en") in at.info[0].value
    by_key(at, KEY + "read.again").click()
    at.run()
    assert not at.exception and not at.info and charts(at) and "Over 1 sentences" in said(at)


def test_roles_of_heads_are_those_of_the_engine_with_what_is_really_lost_and_links_without_them() -> None:
    link = {"lines": "南京市长江大桥全长六千多米", "model": "lab-1", "gates": "1"}
    at = run_page("atlas", "en", link)
    assert not at.exception and not at.error
    found = av.soft_gates(av.load("lab-1"), [link["lines"]])
    helping = found.of_role("helps")
    named = ", ".join(f"{layer}.{head}" for layer, head in helping)
    lost = f"{found.lost['helps']:+.2f}".replace("-", "−")
    assert (
        f"**{len(helping)} help** (+: {named}; without all of them the loss changes by **{lost}** bits a token)"
        in said(at)
    )
    picture = next(one for one in charts(at) if one["data"][0].get("type") == "heatmap" and "helps" in str(one))
    assert array(picture["data"][0]["z"]) == pytest.approx((found.opened + found.shut - 1).numpy(), abs=1e-4)


def test_heads_that_copy_are_told_can_be_an_axis_and_are_not_known_of_a_model_that_predicts_nothing() -> None:
    lines = "南京市长江大桥全长六千多米"
    at = run_page("atlas", "en", {"lines": lines, "copying": "1", "y": "copying", "head": "0.1"})
    assert not at.exception and not at.error
    found = av.copying(av.load("lab-4"), [lines])
    copies = [f"{layer}.{head}" for layer, head in (found.mean >= 0.9).nonzero().tolist()]
    assert f"**{len(copies)} of 16 heads copy** ({', '.join(copies)})" in said(at)
    assert drawn(at)[1][1] == pytest.approx(float(found.mean[0, 1]), abs=1e-4)
    assert f"| copying (share of the vocabulary) | {float(found.mean[0, 1]):.2f} |" in said(at)


def heads_of(name: str, measures: str | None = None, as_name: str = "") -> str:
    """The heads of a model over some lines in the store, as a file that was brought; its name in links."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "some.txt"
        file.write_text(LINES + "\n\u200b\n" + "红灯停，绿灯行。\n" * 30, encoding="utf-8")
        found = av.corpus(name, file, measures=measures)
        if as_name:
            found = replace(found, atlas=replace(found.atlas, model=as_name))
        found.save(Path(folder) / "heads.parquet")
        return keep_brought((Path(folder) / "heads.parquet").read_bytes(), "heads.parquet")


def test_the_heads_of_a_whole_corpus_take_the_place_of_the_sentences_and_go_again() -> None:
    link = {"lines": LINES, "corpus": heads_of("lab-4"), "x": "previous", "y": "special"}
    at = run_page("atlas", "en", link)
    assert not at.exception and not at.error
    assert (
        "Over 33 sentences" in said(at)
        and f"{plain('heads.parquet')}: {plain('lab-4')}" in said(at)
        and "1 lines could not" in said(at)
    )
    found = brought(link["corpus"])
    assert found is not None
    points = drawn(at)
    for number, place in enumerate(found.atlas.places):
        assert points[number] == pytest.approx(
            [float(found.atlas[one][place]) for one in ("previous", "special")], abs=1e-5
        )
    by_key(at, KEY + "close").click()
    at.run()
    assert not at.exception and "Over 3 sentences" in said(at) and at.session_state[KEY + "corpus"] == ""


def test_heads_of_few_measures_of_a_model_that_is_not_here_are_shown_without_its_picture() -> None:
    name = heads_of("lab-1", "previous,entropy", "nobody/knows-it")
    at = run_page("atlas", "zh", {"lines": LINES, "corpus": name, "x": "reach", "y": "reach"})
    assert not at.exception and not at.error and len(at.info) == 1 and "nobody" in at.info[0].value
    assert len(drawn(at)) == 4 and at.session_state[KEY + "across"] == "previous"


def test_a_link_to_a_file_that_is_no_longer_open_says_so_and_shows_the_sentences() -> None:
    at = run_page("atlas", "en", {"lines": LINES, "corpus": "0123456789abcdef"})
    assert not at.exception and not at.error
    assert "bring the file again" in said(at) and "Over 3 sentences" in said(at)
