"""What the detector learns from, how it is told what to find, and how it is measured."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from attnviz.training.detection import loss
from attnviz.training.detection.data import (
    HIGH,
    NONE,
    WIDE,
    Batch,
    Cells,
    Recipe,
    batches,
    cut,
    listed,
    moved,
    read_boxes,
    read_cells,
)
from attnviz.training.detection.measure import average_precision, truth
from attnviz.training.detection.network import Beside, frozen, guesses, new_model, thawed

SMALL = Recipe(width=16, heads=2, inner=16, encoder=1, decoder=2, columns=3, rows=2, groups=2, pictures_a_step=2)
XML = """<annotation><size><width>640</width><height>480</height></size>
<object><name>WBC</name><bndbox><xmin>320</xmin><ymin>120</ymin><xmax>480</xmax><ymax>240</ymax></bndbox></object>
<object><name>RBC</name><bndbox><xmin>64</xmin><ymin>48</ymin><xmax>65</xmax><ymax>400</ymax></bndbox></object>
<object><name>Platelets</name><bndbox><xmin>0</xmin><ymin>0</ymin><xmax>32</xmax><ymax>48</ymax></bndbox></object>
</annotation>"""


def dataset(folder: Path, count: int = 3) -> Path:
    """A folder as BCCD has it."""
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (folder / name).mkdir(parents=True)
    for number in range(count):
        (folder / "Annotations" / f"p{number}.xml").write_text(XML)
        Image.new("RGB", (640, 480), (200, 40 * number, 90)).save(folder / "JPEGImages" / f"p{number}.jpg")
    (folder / "ImageSets" / "Main" / "trainval.txt").write_text("".join(f"p{number}\n" for number in range(count)))
    return folder


def batch(boxes: list[list[float]], labels: list[int]) -> Batch:
    pixels = torch.randn(1, 3, HIGH, WIDE, generator=torch.Generator().manual_seed(1))
    return Batch(pixels, torch.tensor([boxes]), torch.tensor([labels]))


def test_boxes_are_shares_of_the_picture_and_lines_are_left_out(tmp_path: Path) -> None:
    folder = dataset(tmp_path)
    boxes, labels = read_boxes(folder / "Annotations" / "p0.xml")
    assert labels.tolist() == [1, 2]
    torch.testing.assert_close(boxes, torch.tensor([[0.625, 0.375, 0.25, 0.25], [0.025, 0.05, 0.05, 0.1]]))
    assert listed(folder, "trainval") == ("p0", "p1", "p2")
    cells = read_cells(folder, "trainval", (32, 24))
    assert cells.pictures.shape == (3, 3, 24, 32) and cells.labels.shape == (3, 2)
    assert abs(int(cells.pictures[2, 1].float().mean()) - 80) <= 2  # the green of the third


def test_the_truth_is_in_pixels_of_the_picture(tmp_path: Path) -> None:
    (box, name), _ = truth(dataset(tmp_path) / "Annotations" / "p0.xml", 640, 480)
    assert name == "White cell" and tuple(round(side, 3) for side in box) == (320, 120, 480, 240)


def test_a_box_goes_where_its_pixels_go() -> None:
    """A bright box is followed through mirror and zoom: where the picture is bright afterwards, the box must be."""
    pixels = torch.zeros(1, 3, 180, 240, dtype=torch.uint8)
    pixels[:, :, 60:100, 100:150] = 255
    whole = torch.tensor([[[125 / 240, 80 / 180, 50 / 240, 40 / 180]]])
    cells = Cells(("p",), pixels, whole, torch.tensor([[0]]))
    recipe, generator = replace(SMALL, colour=0.0), torch.Generator().manual_seed(3)
    for _ in range(12):
        one = moved(cells, torch.tensor([0]), recipe, generator)
        if one.labels[0, 0] == NONE:
            continue
        bright = one.pixels[0, 0] > 0
        rows, columns = bright.any(1).nonzero()[:, 0], bright.any(0).nonzero()[:, 0]
        x, y, wide, high = one.boxes[0, 0].tolist()
        assert abs((x - wide / 2) * WIDE - int(columns[0])) < 1.5 and abs((x + wide / 2) * WIDE - int(columns[-1])) < 2
        assert abs((y - high / 2) * HIGH - int(rows[0])) < 1.5 and abs((y + high / 2) * HIGH - int(rows[-1])) < 2


def test_a_box_of_which_little_is_left_is_gone() -> None:
    boxes = torch.tensor([[[0.1, 0.5, 0.2, 0.2], [0.9, 0.5, 0.1, 0.1]]])
    inside, labels = cut(boxes, torch.tensor([[0, 1]]), torch.full((1, 2), 0.5), torch.tensor([[0.5, 0.0]]))
    assert labels.tolist() == [[NONE, 1]] and inside[0, 0].tolist() == [0, 0, 0, 0]
    torch.testing.assert_close(inside[0, 1], torch.tensor([0.8, 0.5, 0.2, 0.2]))


def test_every_batch_has_as_many_pictures(tmp_path: Path) -> None:
    cells = read_cells(dataset(tmp_path), "trainval", (240, 180))
    ways = batches(cells, SMALL)
    assert all(next(ways).pixels.shape == (2, 3, HIGH, WIDE) for _ in range(3))


def test_what_learns_says_what_transformers_says_once_it_is_frozen() -> None:
    """The decoder is gone through by hand while it learns; its norms are folded afterwards."""
    torch.manual_seed(0)
    model = thawed(new_model(SMALL))
    beside, one = Beside(SMALL, 3), batch([[0.5, 0.5, 0.2, 0.2]], [0])
    for _ in range(3):
        guesses(model, beside, one)  # so that the norms have seen something
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        mine, theirs = guesses(model, beside, one), frozen(model, model, SMALL)(pixel_values=one.pixels)
    torch.testing.assert_close(mine.logits[-1][:, :6], theirs.logits, atol=1e-4, rtol=0)
    torch.testing.assert_close(mine.boxes[-1][:, :6], theirs.pred_boxes, atol=1e-5, rtol=0)


def test_groups_and_noisy_queries_change_nothing_of_what_the_kept_ones_say() -> None:
    torch.manual_seed(0)
    model, beside = thawed(new_model(SMALL)).eval(), Beside(SMALL, 3)
    few = batch([[0.5, 0.5, 0.2, 0.2]], [0])
    many = Batch(few.pixels, torch.rand(1, 5, 4) * 0.3 + 0.3, torch.tensor([[0, 1, 2, NONE, 1]]))
    with torch.no_grad():
        first, second = guesses(model, beside, few), guesses(model, beside, many)
        beside.anchors.data.uniform_(-1, 1)
        third = guesses(model, beside, many)
    torch.testing.assert_close(first.boxes[:, :, :6], second.boxes[:, :, :6], atol=1e-6, rtol=0)
    torch.testing.assert_close(first.logits[:, :, :6], third.logits[:, :, :6], atol=1e-6, rtol=0)


def test_each_box_is_found_by_the_queries_that_cost_least_in_every_group() -> None:
    """Against every way of assigning two boxes to three queries, tried one after another."""
    torch.manual_seed(4)
    one = batch([[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.1, 0.3]], [0, 2])
    logits, boxes = torch.randn(1, 1, 6, 3), torch.rand(1, 1, 6, 4) * 0.5 + 0.2
    result = loss.matched(logits, boxes, one, groups=2)[0, 0]
    chance = logits[0, 0].sigmoid()
    named = 0.25 * (1 - chance) ** 2 * -chance.log() - 0.75 * chance**2 * -(1 - chance).log()
    for group in range(2):
        own = slice(3 * group, 3 * group + 3)

        def cost(queries: tuple[int, ...], own: slice = own) -> float:
            total = 0.0
            for true, query in enumerate(queries):
                box = boxes[0, 0, own][query]
                general = loss.overlap(loss.corners(box), loss.corners(one.boxes[0, true]))[1]
                total += float(2 * named[own][query, one.labels[0, true]] - 2 * general)
                total += float(5 * (box - one.boxes[0, true]).abs().sum())
            return total

        best = min(itertools.permutations(range(3), 2), key=cost)
        assert [result[own].tolist().index(true) for true in range(2)] == list(best)


def test_generalised_overlap_of_boxes_apart_is_less_the_further_they_are() -> None:
    share, general = loss.overlap(torch.tensor([0.0, 0, 1, 1]), torch.tensor([[1.0, 0, 2, 1], [3.0, 0, 4, 1]]))
    assert share.tolist() == [0, 0] and general.tolist() == [0, -0.5]  # 4 wide, of which 2 are covered


def test_the_loss_falls_when_it_is_followed() -> None:
    torch.manual_seed(0)
    model, beside = thawed(new_model(SMALL)), Beside(SMALL, 3)
    one = batch([[0.3, 0.3, 0.2, 0.2], [0.7, 0.6, 0.1, 0.3]], [0, 2])
    optimiser = torch.optim.AdamW([*model.parameters(), *beside.parameters()], lr=3e-3)
    seen = []
    for _ in range(8):
        total = torch.stack(list(loss.losses(guesses(model, beside, one), 2, one).values())).sum()
        total.backward()
        optimiser.step()
        optimiser.zero_grad()
        seen.append(float(total.detach()))
    assert seen[-1] < 0.9 * seen[0]


def test_average_precision_is_what_was_worked_out_by_hand() -> None:
    """Right at ranks 1, 3 and 5 of 5, of 4 true things: precision 1, 2/3 and 3/5 at recalls 1/4, 2/4 and 3/4."""
    said = [(0.5, True), (0.9, True), (0.8, False), (0.7, True), (0.6, False)]
    assert average_precision(said, 4) == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)


def test_precision_is_never_made_to_rise_with_recall() -> None:
    """Wrong, then right twice, of 2: the envelope is 2/3 at both."""
    assert average_precision([(0.9, False), (0.8, True), (0.7, True)], 2) == pytest.approx(2 / 3)
    assert average_precision([], 3) == 0
