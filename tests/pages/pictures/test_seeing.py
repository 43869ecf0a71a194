"""The page on pictures under AppTest: what the model says, the weights in the browser, and what changes them."""

from __future__ import annotations

import base64
import re
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Markdown
from transformers import ViTForImageClassification

from attnviz import shipped
from attnviz.axes import Patches
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.seeing import choices, run
from attnviz.ui.pages.seeing.choices import KEY
from tests.pages.opened import by_key, component, run_page, said, seen
from tests.pages.pictures.lit import weights_of

FOLDER = shipped.WEIGHTS / "vit-4"


def opened(lang: str = "en", **link: str) -> AppTest:
    return run_page("seeing", lang, link)


def control(at: AppTest, name: str) -> Any:
    return by_key(at, KEY + name)


def data(at: AppTest) -> dict[str, Any]:
    return component(at, KEY + "picture")


def weights(at: AppTest) -> torch.Tensor:
    return weights_of(data(at))


def pixels(name: str) -> torch.Tensor:
    """A sample as transformers' own processor would hand it over, made by hand."""
    grey = torch.from_numpy(run.sample(name).pixels.copy()).permute(2, 0, 1).float() / 255
    return ((grey - 0.286) / 0.353)[None]


def eager(folder: Path = FOLDER) -> ViTForImageClassification:
    """The model as transformers computes it, its attention untouched by us."""
    model = ViTForImageClassification.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model.eval()
    return model


def answer(at: AppTest) -> str:
    """The first sentence on the page."""
    return next(seen(one.value) for one in at.main if isinstance(one, Markdown) and "vit-4" in seen(one.value))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["sneaker", "dress"])
def test_the_page_begins_with_what_transformers_says_of_the_picture(name: str, lang: str) -> None:
    at = opened(lang, sample=name)
    assert not at.exception and not at.error
    with torch.no_grad():
        shares = eager()(pixel_values=pixels(name)).logits[0].softmax(-1)
    label = shipped.config(FOLDER)["label_names"][lang][int(shares.argmax())]
    words = {"model": "vit-4", "label": label, "share": f"{shares.max():.1%}"}
    assert answer(at) == say("seeing.says", lang, **words)


@pytest.mark.parametrize(("view", "layer", "head"), [("head", 1, 2), ("layer", 3, 0), ("all", 0, 0), ("rollout", 0, 0)])
def test_the_browser_is_given_the_weights_of_transformers(view: str, layer: int, head: int) -> None:
    at = opened(view=view, layer=str(layer), head=str(head))
    with torch.no_grad():
        maps = torch.stack(eager()(pixel_values=pixels("sneaker"), output_attentions=True).attentions)[:, 0].double()
    passed = [(one.mean(0) + torch.eye(50)) / 2 for one in maps]
    wanted = {
        "head": maps[layer, head],
        "layer": maps[layer].mean(0),
        "all": maps.mean((0, 1)),
        "rollout": passed[3] @ passed[2] @ passed[1] @ passed[0],
    }[view]
    torch.testing.assert_close(weights(at), wanted, atol=2e-5, rtol=0)  # the worst seen is half a step of two bytes
    tiles = np.frombuffer(base64.b64decode(data(at)["tiles"]["shares"]), np.uint8).reshape(4, 4, 50, 50)
    shares = maps / maps[..., 1:].amax(-1, keepdim=True)
    assert np.abs(tiles - (255 * shares.clamp(max=1)).round().numpy()).max() <= 1


def test_each_patch_lies_where_its_pixels_are() -> None:
    given = data(opened())
    assert given["boxes"][0] is None and given["names"][0] == say("seeing.class_token", "en")
    for place in range(1, 50):
        row, column = divmod(place - 1, 7)
        assert given["boxes"][place] == [4 * column, 4 * row, 4 * column + 4, 4 * row + 4]
    sent = Image.open(BytesIO(base64.b64decode(given["image"].split(",")[1])))
    assert np.array_equal(np.asarray(sent), run.sample("sneaker").pixels)


def test_hidden_patches_are_as_if_they_had_never_been_read() -> None:
    hidden = [10, 11, 12, 24, 25]
    at = opened(hidden=".".join(map(str, hidden)))
    model = eager()
    with torch.no_grad():
        states = model.vit.embeddings(pixels("sneaker"))
        states = states[:, [place for place in range(50) if place not in hidden]]
        for layer in model.vit.layers:
            states = layer(states, None)
        shares = model.classifier(model.vit.layernorm(states)[:, 0])[0].softmax(-1)
    assert f"{shares.max():.1%}" in answer(at) and say("seeing.how_hidden", "en", count=5) in answer(at)
    assert weights(at)[:, hidden].isnan().all() and data(at)["hidden"] == hidden


def test_a_model_without_positions_says_the_same_of_shuffled_patches(tmp_path: Path) -> None:
    bag = tmp_path / "vit-4-without"
    shutil.copytree(FOLDER, bag)
    tensors = load_file(bag / "model.safetensors")
    (name,) = [one for one in tensors if "position_embeddings" in one]
    save_file({**tensors, name: torch.zeros_like(tensors[name])}, bag / "model.safetensors", metadata={"format": "pt"})
    before, after = (data_and_table(opened(model=str(bag), order=order)) for order in ("0", "5"))
    assert before[0]["patches"] == list(range(50)) and sorted(after[0]["patches"]) == list(range(50))
    assert after[0]["patches"] != before[0]["patches"]
    assert all(abs(one - two) < 1e-3 for one, two in after[1])  # before and after, to three decimals
    known = data_and_table(opened(order="5"))[1]
    assert any(abs(one - two) > 0.01 for one, two in known)


def data_and_table(at: AppTest) -> tuple[dict, list[tuple[float, float]]]:
    """What the browser is given, and the probabilities of the table before and after."""
    found = next(one.proto.body for one in at.get("html") if "class='effect'" in one.proto.body)
    numbers = [float(one) for one in re.findall(r"</i>(?:&lt;)?([\d.]+)</td>", found)]
    return data(at), list(zip(numbers[::2], numbers[1::2], strict=False))


def test_a_shuffled_patch_is_lit_where_it_belongs() -> None:
    given = data(opened(order="5"))
    for place in range(1, 50):
        row, column = divmod(given["patches"][place] - 1, 7)
        assert given["boxes"][place] == [4 * column, 4 * row, 4 * column + 4, 4 * row + 4]


def test_a_shuffled_picture_shows_every_patch_where_it_was_put() -> None:
    picture, given = run.sample("sneaker"), opened(order="5")
    order = tuple(number - 1 for number in data(given)["patches"][1:])
    mixed = run.mixed(picture, Patches(28, 28, 7, 7, ("[CLS]",), order=order)).pixels
    for place, number in enumerate(order):
        (r, c), (row, column) = divmod(place, 7), divmod(number, 7)
        here, there = mixed[4 * r : 4 * r + 4, 4 * c : 4 * c + 4], picture.pixels[4 * row : 4 * row + 4]
        assert np.array_equal(here, there[:, 4 * column : 4 * column + 4])


def test_a_head_is_removed_and_given_back() -> None:
    at = opened(layer="1", head="3")
    before = answer(at)
    control(at, "remove").click().run()
    assert at.query_params["without"] == ["1.3"] or at.query_params["without"] == "1.3"
    model = eager()
    with torch.no_grad():
        output = dict(model.named_parameters())["vit.layers.1.attention.o_proj.weight"]
        output[:, 48:] = 0  # what the last of 4 heads brings
        shares = model(pixel_values=pixels("sneaker")).logits[0].softmax(-1)
    assert f"{shares.max():.1%}" in answer(at)
    control(at, "remove").click().run()
    assert answer(at) == before


def test_hard_attention_acts_while_the_model_computes() -> None:
    at = opened(rule="hard", hard="argmax")
    rows = weights(at)
    assert ((rows > 0.5).sum(-1) == 1).all() and torch.allclose(rows.sum(-1), torch.ones(50, dtype=torch.float64))
    assert answer(at).startswith(say("rule.argmax", "en"))


def test_special_places_are_left_out_at_one_click() -> None:
    at = opened()
    assert 0 in data(at)["chips"]
    control(at, "specials").set_value(False).run()
    assert data(at)["chips"] == [] and data(at)["sinks"] == []


def test_a_sample_takes_the_place_of_a_file_and_shows_all_patches(tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (60, 40), (200, 30, 30)).save(file)
    at = opened(file=str(file), hidden="3.4")
    assert not at.error and (data(at)["width"], data(at)["height"]) == (60, 40)
    assert data(at)["boxes"][1] == pytest.approx([0, 0, 60 / 7, 40 / 7])
    control(at, "source").set_value("samples").run()
    control(at, "pick").set_value("bag").run()
    assert data(at)["width"] == 28 and data(at)["hidden"] == []
    assert "file" not in at.query_params and at.session_state[KEY + "sample"] == "bag"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_no_picture_and_a_model_that_reads_texts_are_one_sentence_each(lang: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    for link in ({"file": str(broken)}, {"file": str(tmp_path / "nowhere.png")}, {"model": "lab-4"}):
        at = opened(lang, **link)
        assert not at.exception and len(at.error) == 1 and at.error[0].value.strip()
        assert say("ui.fault", lang, code="§").split("§")[0] not in at.error[0].value


def test_a_wrong_sample_says_what_it_truly_is() -> None:
    name = next(one for one in run.samples() if one.endswith("-2"))
    at = opened(sample=name)
    true = choices.named(run.samples()[name]["label"], "en")
    assert say("seeing.truth_other", "en", label=true, number=run.samples()[name]["number"]) in seen(said(at))


def test_places_and_heads_of_a_link_that_are_none_are_left_out() -> None:
    at = opened(hidden="3.x", without="0.1-x")
    assert not at.exception and not at.error
    assert at.session_state[KEY + "hidden"] == at.session_state[KEY + "without"] == ""
