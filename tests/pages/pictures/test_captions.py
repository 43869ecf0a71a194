"""The page on words for pictures under AppTest: scenes, sentences, what lights up, and what each rule makes of it."""

from __future__ import annotations

import base64
import re
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Caption, Markdown

from attnviz import shipped
from attnviz.core.rules import Argmax, Rule, Sample, Soft, TopK
from attnviz.messages import LANGUAGES, say
from attnviz.systems.captions.names import THINGS
from attnviz.systems.captions.scene import Scene
from attnviz.systems.captions.system import load, path, scene_of
from attnviz.ui.pages.captions import scenes
from attnviz.ui.pages.captions.choices import EMPTY, KEY, START
from attnviz.ui.pages.captions.scenes import likely
from tests.pages.opened import by_key, component, run_page, said, seen

GUITAR = "chair 35 13, cactus 1 16, guitar 26 38"


def opened(lang: str = "en", **link: str) -> AppTest:
    return run_page("captions", lang, link)


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return by_key(at, KEY + name)


def data(at: AppTest, name: str = "lit") -> dict:
    """What the browser is given: "lit" to light up the picture, "maker" to make the scene."""
    return component(at, KEY + name)


def weights(sent: list) -> torch.Tensor:
    """Weights `[word, place]` as the browser has them."""
    found = np.frombuffer(base64.b64decode(sent[0]), "<u2").astype(np.float64).reshape(-1, 64)
    return torch.from_numpy(found) / 65_534 * sent[1]


def verdict(at: AppTest) -> str:
    """The first sentences on the page."""
    return next(seen(one.value) for one in at.main if isinstance(one, Markdown) and "words-" in seen(one.value))


def tables(at: AppTest) -> str:
    """All that stands in tables of the page's own."""
    return "".join(one.proto.body for one in at.get("html") if "<table" in one.proto.body)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_begins_with_what_the_soft_model_says_in_the_readers_language(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    scene, trace = scene_of(START), load("words-soft").read(START, language=lang)
    true = ("" if lang == "zh" else " ").join(word.text for word in scene.sentence(lang))
    assert trace.text == true
    how = say("captions.rule_soft", lang)
    assert verdict(at).startswith(say("captions.says", lang, model="words-soft", how=how, said=true))
    assert say("captions.whole", lang) in verdict(at)
    other = "en" if lang == "zh" else "zh"
    again = load("words-soft").read(START, language=other).text
    captions = [seen(one.value) for one in at.main if isinstance(one, Caption)]
    assert say(f"captions.other_{other}", lang, said=again) in captions
    inside = share_inside(scene, lang)
    assert say("captions.inside", lang, share=f"{inside:.0%}", canvas="14.1%") in verdict(at)


def share_inside(scene: Scene, lang: str) -> float:
    """The mean over naming words, pixel by pixel."""
    trace, found = load("words-soft").read(scene, language=lang), []
    pixels = trace.weights(0, 0).view(-1, 8, 8).repeat_interleave(8, 1).repeat_interleave(8, 2) / 64
    for number, label in enumerate(trace.tokens):
        for put in scene.things:
            if put.thing.named(lang) == label:
                found.append(pixels[number, put.top : put.top + 24, put.left : put.left + 24].sum())
    return float(torch.stack(found).mean())


@pytest.mark.parametrize(
    ("link", "name", "rule"),
    [
        ({}, "words-soft", Soft()),
        ({"model": "hard", "seed": "7"}, "words-hard", Sample(7)),
        ({"way": "swapped", "seed": "3"}, "words-soft", Sample(3)),
        ({"way": "swapped", "model": "hard"}, "words-hard", Soft()),
        ({"way": "argmax", "model": "hard"}, "words-hard", Argmax()),
        ({"way": "rule", "rule": "hard", "hard": "top-k", "k": "3"}, "words-soft", TopK(3, renormalise=True)),
    ],
)
def test_the_browser_is_given_the_weights_of_the_model_that_is_named(link: dict, name: str, rule: Rule) -> None:
    given, trace = data(opened(**link)), load(name).read(GUITAR, rule=rule)
    (panel,) = given["panels"]
    assert panel["title"].startswith(name)
    torch.testing.assert_close(weights(panel["weights"]), trace.weights(0, 0).double(), atol=2e-5, rtol=0)
    assert [word["text"] for word in panel["words"][:-1]] == trace.tokens[:-1]
    assert panel["words"][-1]["text"] == say("captions.end", "en")
    if isinstance(rule, Sample | Argmax):
        chances = trace.weights(0, 0, Soft())
        torch.testing.assert_close(weights(panel["chances"]), chances.double(), atol=2e-5, rtol=0)
        step = path(trace)[0]
        assert f"{step.probability:.3f}" in panel["words"][0]["look"]


def test_each_place_lies_where_its_pixels_are_and_each_thing_where_it_was_put() -> None:
    given = data(opened())
    for place, box in enumerate(given["boxes"]):
        row, column = divmod(place, 8)
        assert box == [8 * column, 8 * row, 8 * column + 8, 8 * row + 8]
    assert given["things"] == [[35, 13, 59, 37], [1, 16, 25, 40], [26, 38, 50, 62]]
    sent = Image.open(BytesIO(base64.b64decode(given["image"].split(",")[1])))
    assert np.array_equal(np.asarray(sent), load("words-soft").draw(scene_of(GUITAR)).pixels)


def test_both_models_stand_side_by_side_and_a_wrong_name_is_marked_and_said() -> None:
    at = opened("zh", model="both")
    soft, hard = data(at)["panels"]
    assert [one["title"].split("：")[0] for one in (soft, hard)] == ["words-soft", "words-hard"]
    wrong = [word for word in hard["words"] if "wrong" in word["mark"].split()]
    assert [word["text"] for word in wrong] == ["小提琴"] and wrong[0]["says"] == say("captions.wrong", "zh")
    assert wrong[0]["of"] is None and say("captions.look_other", "zh", share="100%", thing="吉他") in wrong[0]["look"]
    lines = [seen(one.value) for one in at.main if isinstance(one, Markdown) and "words-hard" in seen(one.value)]
    assert say("captions.misnamed", "zh", word="小提琴", share="100%", thing="吉他") in lines[0]
    assert say("captions.not_whole", "zh", wrong=1, missing=1) in lines[0]
    assert not any("wrong" in word["mark"] for word in soft["words"])
    assert "✗ 小提琴" in tables(at)


def test_every_way_is_a_row_with_what_that_model_says() -> None:
    body = tables(opened(seed="2"))
    for name, own in (("words-soft", Soft()), ("words-hard", Sample(2))):
        for rule in (Soft(), Sample(2), Argmax()):
            said = [word.removeprefix("✗ ") for word in load(name).read(GUITAR, rule=rule).text.split()]
            rows = [row for row in body.split("<tr>") if f"<td>{name}</td>" in row]
            assert any([*re.findall(r"<span[^>]*>(?:✗ )?([^<]*)</span>", row)] == said for row in rows), (name, rule)
        blind = load(name).read(GUITAR, rule=own, blind=True).text.split()
        assert any(re.findall(r"<span[^>]*>(?:✗ )?([^<]*)</span>", row) == blind for row in rows)
    chance = np.prod([step.probability for step in path(load("words-hard").read(GUITAR, rule=Sample(2)))])
    assert f"<td>{likely(float(chance))}</td>" in body


def test_a_probability_is_written_however_small() -> None:
    assert [likely(one) for one in (1.0, 0.25, 0.0012, 3.24e-9)] == ["1", "0.25", "0.0012", "3.2×10⁻⁹"]


def test_drawing_again_takes_the_next_seed_and_another_path() -> None:
    at = opened(model="hard")
    before = weights(data(at)["panels"][0]["weights"])
    control(at, "draw_again").click().run()
    assert at.query_params["seed"] in ("1", ["1"])
    after = weights(data(at)["panels"][0]["weights"])
    wanted = load("words-hard").read(GUITAR, rule=Sample(1)).weights(0, 0)
    torch.testing.assert_close(after, wanted.double())
    assert before.shape != after.shape or not torch.equal(before, after)


def test_a_thing_is_put_where_there_is_room_and_all_move_to_the_corners_where_there_is_none() -> None:
    at = opened(scene=EMPTY)
    assert say("captions.nothing_yet", "en") in said(at) and not at.error and not at.exception
    for name, wanted in (
        ("cat", "cat 4 4"),
        ("lemon", "cat 4 4, lemon 36 4"),
        ("bed", "cat 4 4, lemon 36 4, bed 4 36"),
    ):
        control(at, "add").set_value(name).run()
        assert at.session_state[KEY + "scene"] == wanted and data(at, "maker")["active"] == name
        scene_of(wanted)
    assert scenes.with_thing("cat 20 20", "dog") == "cat 4 4, dog 36 4"
    assert scenes.with_thing("cat 30 30, dog 2 2", "owl") == "cat 30 30, dog 2 2, owl 36 4"
    assert scenes.with_thing("cat 4 4", "cat") == "cat 4 4"
    full = "cat 5 6, dog 36 4, owl 4 36, egg 36 36"
    assert scenes.with_thing(full, "fish") == full  # four are enough: none is moved


def test_scenes_made_by_chance_can_be_drawn_and_come_again_with_their_number() -> None:
    made = [scenes.by_chance(seed) for seed in range(200)]
    assert all(2 <= len(scene_of(text).things) <= 4 for text in made) and len(set(made)) == 200
    at = opened()
    control(at, "other").click().run()
    assert at.query_params["another"] in ("1", ["1"]) and at.session_state[KEY + "scene"] == scenes.by_chance(1)
    assert scenes.by_chance(1) in ("".join(at.query_params["scene"]), at.query_params["scene"])


def test_a_sample_takes_the_place_of_a_picture_that_was_brought() -> None:
    at, file = opened(), BytesIO()
    Image.new("RGB", (90, 60), (200, 30, 30)).save(file, "PNG")
    at.session_state[KEY + "brought"] = (file.getvalue(), "red.png")
    at.run()
    assert not at.exception and not at.error and say("captions.not_in_link", "en") in said(at)
    assert all(word["says"] == "" for word in data(at)["panels"][0]["words"]) and data(at)["things"] == []
    assert data(at, "maker")["own"].startswith("data:image/png")
    control(at, "pick").set_value(scenes.samples()[0]).run()
    assert at.session_state[KEY + "brought"] is None and at.session_state[KEY + "scene"] == scenes.samples()[0]


@pytest.mark.parametrize("text", ["cat", "cat 90 2", "gryphon 2 2", "cat 2 2, dog 5 5", "cat 1 1, cat 40 40"])
def test_a_text_that_is_no_scene_is_one_sentence_and_the_canvas_stays(text: str) -> None:
    at = opened("zh", scene=text)
    assert len(at.error) == 1 and not at.exception and data(at, "maker")["things"] == []


def test_a_file_that_is_no_picture_is_one_sentence() -> None:
    at = opened()
    at.session_state[KEY + "brought"] = (b"no picture", "mine.png")
    at.run()
    assert [one.value for one in at.error] == [say("error.picture_unknown", "en")] and not at.exception


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_figures_are_those_of_the_cards_and_say_where_hard_trails(lang: str) -> None:
    at = opened(lang, figure="inside")
    body = "\n".join(one.value for one in at.main if isinstance(one, Markdown))
    alone = {name: shipped.figures(name)["parts"]["alone"] for name in ("words-soft", "words-hard")}
    for way, one in (("soft", alone["words-soft"]), ("drawn", alone["words-hard"])):
        assert f"**{one[way][lang]['inside']:.3f}**" in body
    hard, soft = alone["words-hard"]["drawn"][lang], alone["words-soft"]["soft"][lang]
    assert hard["sentence"] < soft["sentence"] and hard["inside"] > 0.9
    values = {"things": hard["things"], "inside": hard["inside"], "hard": hard["sentence"], "soft": soft["sentence"]}
    assert say("captions.trails", lang, **{name: f"{one:.3f}" for name, one in values.items()}) in body


def test_every_thing_is_found_by_both_names() -> None:
    at = opened("zh", scene=EMPTY)
    options = control(at, "add").options
    assert len(options) == len(THINGS) == 80
    assert all(any(one.zh in text and one.en in text and one.sign in text for text in options) for one in THINGS)


def test_the_sentence_in_the_other_language_is_one_click_away() -> None:
    at = opened("en")
    control(at, "spoken").set_value("zh").run()
    assert at.query_params["in"] in ("zh", ["zh"])
    assert data(at)["panels"][0]["words"][0]["text"] == "一"
    assert say("captions.inside", "en", share=f"{share_inside(scene_of(START), 'zh'):.0%}", canvas="14.1%") in verdict(
        at
    )
