"""The page on captions under AppTest: what is said first, what the browser is given, and what changes the scene."""

from __future__ import annotations

import base64
import json
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from attnviz.core.rules import Argmax, Rule, Sample, Soft
from attnviz.messages import LANGUAGES, say
from attnviz.systems.captions.names import BY_NAME
from attnviz.systems.captions.system import load, path, path_probability, scene_of
from attnviz.ui.pages.captions import run
from attnviz.ui.pages.captions.choices import KEY, START
from tests.pages.opened import PATIENCE, ROOT, elements, said, seen

TEXT = run.as_text(START)
ROUNDED = 6e-5  # weights are sent with four digits


def opened(lang: str = "en", **link: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "pages" / "captions.py"), default_timeout=PATIENCE)
    for name, value in {"lang": lang, **link}.items():
        at.query_params[name] = value
    return at.run()


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return next(element for element in elements(at) if getattr(element, "key", None) == KEY + name)


def data(at: AppTest) -> dict:
    """What the browser is given."""
    return next(
        json.loads(one.proto.json) for one in at.get("bidi_component") if one.proto.id.endswith(KEY + "picture")
    )


def weights(at: AppTest, panel: int, sentence: int) -> torch.Tensor:
    return torch.tensor([word["weights"] for word in data(at)["panels"][panel]["sentences"][sentence]["words"]])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_begins_with_what_both_models_say(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    words = [seen(one.value) for one in at.main.markdown]
    first = [say("captions.model_" + name, lang) for name in run.MODELS]
    verdicts = [one for one in words if one.lstrip("*").startswith(tuple(first))]
    assert len(verdicts) == 2
    for name, verdict in zip(run.MODELS, verdicts, strict=True):
        system = load(name)
        for language in ("zh", "en"):
            assert system.read(TEXT, rule=system.usual, language=language).text in verdict


@pytest.mark.parametrize(
    ("look", "rules"),
    [
        ("trained", (Soft(), Sample(3))),
        ("soft", (Soft(), Soft())),
        ("drawn", (Sample(3), Sample(3))),
        ("argmax", (Argmax(), Argmax())),
    ],
)
def test_the_browser_is_given_the_weights_of_each_word(look: str, rules: tuple[Rule, Rule]) -> None:
    at = opened(look=look, seed="3")
    for panel, (name, rule) in enumerate(zip(run.MODELS, rules, strict=True)):
        for number, language in enumerate(("zh", "en")):
            trace = load(name).read(TEXT, rule=rule, language=language)
            torch.testing.assert_close(weights(at, panel, number), trace.weights(0, 0), atol=ROUNDED, rtol=0)
            sent = data(at)["panels"][panel]
            assert sent["sentences"][number]["path"] == pytest.approx(path_probability(path(trace)))
            assert sent["drawn"] == isinstance(rule, Sample)


def test_each_name_has_its_share_inside_its_box() -> None:
    at, one = opened(), scene_of(TEXT)
    for sentence in data(at)["panels"][0]["sentences"]:
        for word in sentence["words"]:
            if word["of"] is None:
                assert word["inside"] is None
                continue
            put = one.things[word["of"]]
            pixels = np.repeat(np.repeat(np.array(word["weights"]).reshape(8, 8), 8, 0), 8, 1) / 64
            wanted = pixels[put.top : put.top + 24, put.left : put.left + 24].sum()
            assert word["inside"] == pytest.approx(wanted, abs=1e-3)
            assert put.thing.named(sentence["language"]) == word["text"]


def test_the_picture_is_the_scene_and_things_lie_where_they_were_put() -> None:
    given = data(opened())
    pixels = np.asarray(Image.open(BytesIO(base64.b64decode(given["image"].split(",")[1]))))
    assert np.array_equal(pixels, load(run.MODELS[0]).draw(scene_of(TEXT)).pixels)
    assert [(one["name"], one["left"], one["top"]) for one in given["things"]] == run.things(START)
    assert set(given["drawings"]) == {"cat", "dog", "rocket", given["chosen"]}


def test_a_thing_is_put_where_there_is_room_and_a_fifth_is_refused() -> None:
    at = opened(scene="cat.4.2")
    for name in ("dog", "rose", "key"):
        control(at, "thing").set_value(name).run()
        control(at, "put").click().run()
        assert not at.exception and not at.error
        assert [one[0] for one in run.things(at.session_state[KEY + "scene"])][-1] == name
    control(at, "thing").set_value("ship").run()
    control(at, "put").click().run()
    assert len(run.things(at.session_state[KEY + "scene"])) == 4 and not at.exception
    assert say("error.scene_size", "en", most=4, count=5) in said(at)


def test_another_scene_and_a_held_out_one_can_be_read() -> None:
    at = opened()
    before = at.session_state[KEY + "scene"]
    control(at, "another").click().run()
    after = at.session_state[KEY + "scene"]
    assert after != before and not at.exception and not at.error
    control(at, "sample").click().run()
    assert at.session_state[KEY + "scene"] == run.samples()[0] and not at.error
    assert all(run.scene_of(run.another(number)).things for number in range(40))


def test_drawing_again_takes_another_path_and_the_soft_one_stays() -> None:
    at = opened()
    before = weights(at, 0, 1), weights(at, 1, 1)
    control(at, "again").click().run()
    assert at.session_state[KEY + "seed"] == 1
    assert torch.equal(weights(at, 0, 1), before[0])
    after = weights(at, 1, 1)
    assert after.shape != before[1].shape or not torch.equal(after, before[1])


def test_without_the_picture_the_scene_makes_no_difference() -> None:
    one, other = opened(look="blind"), opened(look="blind", scene="egg.2.2-ship.36.36")
    assert torch.equal(weights(one, 0, 0), weights(other, 0, 0))


def test_nothing_on_the_canvas_is_a_sentence_and_no_error() -> None:
    at = opened(scene="")
    assert not at.exception and not at.error and say("captions.nothing", "en") in said(at)
    assert data(at)["panels"] == []


@pytest.mark.parametrize(("scene", "message"), [("cat.4.2-dog.10.8", "scene_overlap"), ("cat.60.2", "scene_outside")])
def test_a_link_to_a_scene_that_cannot_be_is_a_sentence(scene: str, message: str) -> None:
    at = opened("zh", scene=scene)
    assert not at.exception and len(at.error) == 1
    assert at.error[0].value.strip() == say(f"error.{message}", "zh", name=run.things(scene)[-1][0])


def test_every_thing_has_a_drawing_and_a_name_in_both_languages() -> None:
    for name in BY_NAME:
        assert run.drawing(name).startswith("data:image/png;base64,")
    assert len(run.names("zh")) == len(run.names("en")) == 80
