"""The page on detectors under AppTest: what was found, the weights in the browser, and what changes them."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Markdown
from transformers import ConditionalDetrImageProcessorPil, DabDetrForObjectDetection

from attnviz import load, record, shipped
from attnviz.axes import Box
from attnviz.measures import found, matched
from attnviz.messages import LANGUAGES, say
from attnviz.ui.pages.finding import run, told
from attnviz.ui.pages.finding.choices import KEY
from tests.pages.opened import PATIENCE, by_key, component, file_of, run_page, said, seen
from tests.pages.pictures.lit import weights_of
from tests.parity.vision.detection import KINDS, saved

FOLDER, START, LEAST = shipped.WEIGHTS / "detr-cells", "BloodImage_00062", 0.4
RETURNED = {"looks": "cross_attentions", "asks": "decoder_attentions", "places": "encoder_attentions"}


def opened(lang: str = "en", **link: str) -> AppTest:
    return run_page("finding", lang, link)


def control(at: AppTest, name: str) -> Any:
    return by_key(at, KEY + name)


def data(at: AppTest) -> dict[str, Any]:
    return component(at, KEY + "picture")


def weights(at: AppTest) -> torch.Tensor:
    return weights_of(data(at))


def first(at: AppTest) -> str:
    """The first sentence on the page."""
    return next(seen(one.value) for one in at.main if isinstance(one, Markdown) and "detr-cells" in seen(one.value))


def network() -> DabDetrForObjectDetection:
    """The model as transformers computes it, its attention untouched by us."""
    made = DabDetrForObjectDetection.from_pretrained(FOLDER, dtype=torch.float32, attn_implementation="eager")
    made.eval()
    return made


def pixels(name: str) -> torch.Tensor:
    processor = ConditionalDetrImageProcessorPil.from_pretrained(FOLDER)
    return processor(images=Image.fromarray(run.sample(name).pixels), return_tensors="pt")["pixel_values"]


@cache
def eager(name: str = START) -> Any:
    """What transformers makes of a sample."""
    with torch.no_grad():
        return network()(pixel_values=pixels(name), output_attentions=True)


def corners(boxes: torch.Tensor, width: int, height: int) -> list[tuple[float, ...]]:
    """Boxes by their corners, in pixels."""
    x, y, wide, high = boxes.unbind(-1)
    sides = torch.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], -1)
    return [tuple(one) for one in (sides * torch.tensor([width, height, width, height])).tolist()]


def counted(name: str, least: float) -> dict[str, Any]:
    """What of a sample was found, missed, found twice: worked out by networkx's matching in a graph."""
    one, output = run.samples()[name], eager(name)
    true = list(zip(corners(torch.tensor(one["boxes"]), 320, 240), one["labels"], strict=True))
    sure, kind = output.logits[0].sigmoid().max(-1)
    boxes, names = corners(output.pred_boxes[0], 320, 240), shipped.config(FOLDER)["id2label"]
    graph = nx.Graph()
    shown = [slot for slot in range(len(boxes)) if sure[slot] >= least]
    for slot in shown:
        for at, (box, label) in enumerate(true):
            share = common(boxes[slot], box) if label == names[str(int(kind[slot]))] else 0.0
            if share >= 0.5:
                graph.add_edge(("box", slot), ("true", at), weight=share)
    pairs = [dict(pair) for pair in nx.max_weight_matching(graph, maxcardinality=True)]
    twice = sum(("box", slot) in graph for slot in shown) - len(pairs)
    return {"found": len(pairs), "true": len(true), "missed": len(true) - len(pairs), "twice": twice,
            "nothing": len(shown) - twice - len(pairs), "labels": [true[pair["true"]][1] for pair in pairs],
            "all": one["labels"], "hits": {pair["box"] for pair in pairs}}  # fmt: skip


def common(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union."""
    wide = max(min(one[2], other[2]) - max(one[0], other[0]), 0)
    high = max(min(one[3], other[3]) - max(one[1], other[1]), 0)
    union = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)) - wide * high
    return wide * high / union


@pytest.mark.parametrize(("name", "least"), [(START, 0.4), ("BloodImage_00180", 0.3), ("BloodImage_00253", 0.05)])
def test_the_boxes_that_are_hits_are_those_of_the_best_match(name: str, least: float) -> None:
    """On the last two PASCAL VOC's way, the surest first, has others."""
    things, best = data(opened(sample=name, least=str(least)))["things"], counted(name, least)["hits"]
    assert {thing["slot"] for thing in things if thing["mark"] == "hit"} == best
    sure = found(record(load("detr-cells"), run.sample(name)), least)
    greedy = matched([(one.box, one.label) for one in sure], run.truth(run.sample(name)))
    assert ({sure[number].slot for number, _ in greedy.pairs} == best) == (name == START)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [START, "BloodImage_00007"])
def test_the_page_begins_with_how_much_was_found_missed_and_found_twice(name: str, lang: str) -> None:
    at, one = opened(lang, sample=name), counted(name, LEAST)
    assert not at.exception and not at.error
    names = shipped.config(FOLDER)["label_names"]
    kinds = sorted(set(one["all"]), key=lambda label: (-one["all"].count(label), one["all"].index(label)))
    told_ = [
        say("finding.of", lang, label=names[lang][names["en"].index(label)], found=one["labels"].count(label),
            true=one["all"].count(label))
        for label in kinds
    ]  # fmt: skip
    counts = {key: one[key] for key in ("found", "true", "missed", "twice", "nothing")}
    words = {"model": "detr-cells", "kinds": say("finding.comma", lang).join(told_), **counts}
    assert first(at) == seen(say("finding.verdict", lang, **words))
    assert say("finding.knows", lang, right="§").split("§")[0] in said(at)
    assert f"{names[lang][1]} {shipped.figures('detr-cells')['White cell']['ap50']:.2f}" in said(at)
    marks = [thing["mark"] for thing in data(at)["things"] if thing["shown"]]
    assert [marks.count(mark) for mark in ("hit", "twice", "nothing")] == [one["found"], one["twice"], one["nothing"]]
    assert sum(ghost["mark"] == "missed" for ghost in data(at)["ghosts"]) == one["missed"]


def test_boxes_labels_and_confidences_are_those_of_transformers() -> None:
    given, output = data(opened()), eager()
    sure, kind = output.logits[0].sigmoid().max(-1)
    theirs = corners(output.pred_boxes[0], 320, 240)
    names = shipped.config(FOLDER)["label_names"]["en"]
    for slot, thing in enumerate(given["things"]):
        assert thing["slot"] == slot and thing["box"] == pytest.approx(theirs[slot], abs=1e-2)
        assert thing["name"] == names[int(kind[slot])] and thing["confidence"] == pytest.approx(
            float(sure[slot]), abs=1e-4
        )
        assert thing["shown"] == (float(sure[slot]) >= LEAST)
    assert given["picked"] == int(sure.argmax())


@pytest.mark.parametrize("mean", ["head", "layer", "all"])
@pytest.mark.parametrize("view", RETURNED)
def test_the_browser_is_given_the_weights_of_transformers(view: str, mean: str) -> None:
    at = opened(view=view, mean=mean, layer="1", head="2")
    maps = torch.stack(eager()[RETURNED[view]])[:, 0].double()
    wanted = {"head": maps[1, 2], "layer": maps[1].mean(0), "all": maps.mean((0, 1))}[mean]
    torch.testing.assert_close(weights(at), wanted, atol=2e-5, rtol=0)  # half a step of two bytes is the worst seen
    given = data(at)["tiles"]
    tiles = np.frombuffer(base64.b64decode(given["shares"]), np.uint8).reshape(maps.shape)
    shares = maps / maps.amax(-1, keepdim=True)
    assert given["all"] and np.abs(tiles - (255 * shares).round().numpy()).max() <= 1


def test_each_place_lies_where_its_pixels_are() -> None:
    given = data(opened())
    for place in range(18 * 24):
        row, column = divmod(place, 24)
        across, down = 320 / 24, 240 / 18
        wanted = [column * across, row * down, (column + 1) * across, (row + 1) * down]
        assert given["boxes"][place] == pytest.approx(wanted)


def test_the_share_inside_its_box_is_said_beside_the_boxes_share_and_stands_in_the_file() -> None:
    at, output = opened(), eager()
    slot = data(at)["picked"]
    left, top, right, bottom = corners(output.pred_boxes[0], 320, 240)[slot]
    inside = torch.zeros(18, 24, dtype=torch.double)
    for row in range(18):
        for column in range(24):
            wide = max(min(right, (column + 1) * 320 / 24) - max(left, column * 320 / 24), 0)
            high = max(min(bottom, (row + 1) * 240 / 18) - max(top, row * 240 / 18), 0)
            inside[row, column] = wide * high / (320 / 24 * 240 / 18)
    looks = torch.stack(output.cross_attentions)[:, 0, :, slot].double() @ inside.flatten()
    layer, head = divmod(int(looks.argmax()), 4)
    table = "".join(one.proto.body for one in at.get("html"))
    assert f"<td>{float(looks.max()):.0%}</td>" in table
    assert say("finding.map_head", "en", part="", layer=layer, head=head) in table


def test_painted_places_are_the_mean_colour_before_the_model_sees_them() -> None:
    hidden = [100, 101, 124, 125]
    at, given = opened(hidden=".".join(map(str, hidden)), painted="1"), pixels(START)
    for place in hidden:
        row, column = divmod(place, 24)
        given[:, :, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = 0
    with torch.no_grad():
        output = network()(pixel_values=given)
    theirs = corners(output.pred_boxes[0], 320, 240)
    for slot, thing in enumerate(data(at)["things"]):
        assert thing["box"] == pytest.approx(theirs[slot], abs=1e-2)
    assert say("finding.how_painted", "en", count=4) in seen(said(at))


def test_hidden_places_get_nothing_from_anyone() -> None:
    for view in ("looks", "places"):
        at = opened(hidden="100.101", view=view)
        assert weights(at)[:, [100, 101]].isnan().all() and data(at)["hidden"] == [100, 101]
    assert say("finding.how_hidden", "en", count=2) in seen(said(at))


@pytest.mark.parametrize(
    ("view", "name"),
    [
        ("looks", "decoder.layers.1.cross_attn.cross_attn.output_proj"),
        ("places", "encoder.layers.1.self_attn.out_proj"),
    ],
)
def test_a_head_is_removed_and_given_back(view: str, name: str) -> None:
    at = opened(view=view, layer="1", head="3")
    before = data(at)["things"]
    control(at, "remove").click().run()
    model = network()
    with torch.no_grad():
        dict(model.named_parameters())[f"model.{name}.weight"][:, 96:] = 0  # what the last of 4 heads brings
        theirs = corners(model(pixel_values=pixels(START)).pred_boxes[0], 320, 240)
    after = data(at)
    assert all(thing["box"] == pytest.approx(theirs[slot], abs=1e-2) for slot, thing in enumerate(after["things"]))
    assert after["things"] != before and after["without"] == [[1, 3]]
    assert say("finding.how_without", "en", count=1) in seen(said(at))
    control(at, "remove").click().run()
    assert data(at)["things"] == before


def test_hard_attention_acts_while_the_model_computes_and_what_changed_is_said() -> None:
    before, at = data(opened()), opened(rule="hard", hard="argmax")
    rows, after = weights(at), data(at)
    assert ((rows > 0.5).sum(-1) == 1).all()
    was, now = ({thing["slot"] for thing in one["things"] if thing["shown"]} for one in (before, after))
    says = next(
        seen(one.value) for one in at.main if isinstance(one, Markdown) and say("rule.argmax", "en") in one.value
    )
    assert (
        f"{len(was & now)} boxes stay" in says.replace("**", "")
        and f"{len(was - now)} go, {len(now - was)} come" in says
    )
    assert sum(ghost["mark"] == "before" for ghost in after["ghosts"]) == len(was)


def test_the_confidence_decides_which_boxes_are_shown() -> None:
    sure = eager().logits[0].sigmoid().amax(-1)
    for least in (0.15, 0.75):
        given = data(opened(least=str(least)))
        assert sum(thing["shown"] for thing in given["things"]) == int((sure >= least).sum())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_ones_own_picture_has_no_truth_and_may_hold_nothing(lang: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (90, 70), (235, 225, 230)).save(file)
    at = opened(lang, file=str(file), least="0.95")
    assert not at.exception and not at.error
    assert first(at) == seen(say("finding.found_nothing", lang, model="detr-cells", least="95%"))
    assert data(at)["ghosts"] == [] and data(at)["picked"] == -1 and (data(at)["width"], data(at)["height"]) == (90, 70)


def test_a_sample_takes_the_place_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.new("RGB", (90, 70), (235, 225, 230)).save(file)
    at = opened(file=str(file), hidden="3.4", box="5")
    control(at, "source").set_value("samples").run()
    control(at, "pick").set_value("BloodImage_00132").run()
    assert data(at)["width"] == 320 and data(at)["hidden"] == [] and "file" not in at.query_params
    assert at.session_state[KEY + "sample"] == "BloodImage_00132" and at.session_state[KEY + "box"] == -1


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_is_no_picture_or_finds_nothing_is_one_sentence_that_leads_on(lang: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    for link in ({"file": str(broken)}, {"model": "lab-4"}, {"model": "vit-4"}):
        at = opened(lang, **link)
        assert not at.exception and len(at.error) == 1 and at.error[0].value.strip()
        assert say("ui.fault", lang, code="§").split("§")[0] not in at.error[0].value
    assert say("ui.page_seeing", lang) in at.error[0].value
    other = AppTest.from_file(file_of("seeing"), default_timeout=PATIENCE)
    other.query_params["lang"], other.query_params["model"] = lang, "detr-cells"
    assert say("ui.page_finding", lang) in other.run().error[0].value


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_detector_is_shown_with_all_its_views(kind: str, tmp_path: Path) -> None:
    folder = saved(tmp_path, kind)
    at = opened(model=str(folder), least="0.05")
    for view in RETURNED:
        control(at, "view").set_value(view).run()
        assert not at.exception and not at.error, [one.value for one in at.error]
        given = data(at)
        assert given["queries"] == (len(given["grid"]) if view == "places" else len(given["things"]))
        assert given["keys"] == len(given["boxes"]) == (len(given["things"]) if view == "asks" else len(given["grid"]))
    assert {thing["name"] for thing in given["things"]} <= {"cat", "猫", "dog"}


def test_what_moved_is_what_was_worked_out_by_hand() -> None:
    def thing(slot: int, left: float, label: str = "cat", shown: bool = True) -> told.Thing:
        return told.Thing(slot, Box(left, 0.0, left + 2, 2.0), label, 0.9, shown)

    before = told.Seen((thing(0, 0.0), thing(1, 4.0), thing(2, 8.0), thing(3, 0.0, shown=False)))
    after = told.Seen((thing(0, 3.0), thing(1, 4.0, "dog"), thing(2, 8.0, shown=False), thing(3, 0.0)))
    assert told.moved(before, after) == told.Moved(stayed=2, gone=1, new=1, renamed=1, mean=1.5, most=3.0)


def test_boxes_as_csv_have_a_line_each() -> None:
    one = told.Thing(7, Box(-2.0, 0.0, 8.0, 5.0), "cat", 0.75, True, "twice", 3)
    lines = told.table([one], [0.5], (10, 10)).splitlines()
    assert lines[0].startswith("query,label,confidence,left,top,right,bottom,area,inside,agrees")
    assert lines[1] == "7,cat,0.7500,-2.00,0.00,8.00,5.00,0.4000,0.5000,twice,3"


def test_places_and_heads_of_a_link_that_are_none_are_left_out() -> None:
    at = opened(hidden="3.x", without="cross.0-1")
    assert not at.exception and not at.error
    assert at.session_state[KEY + "hidden"] == at.session_state[KEY + "without"] == ""
