"""What the vision transformers learn from and are measured with: pictures moved, cut, mixed, read in part."""

from __future__ import annotations

import gzip
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ViTForImageClassification

from attnviz.shipped import WEIGHTS, figures, recipe
from attnviz.training import loop
from attnviz.training.vision import card, train
from attnviz.training.vision.data import NAMES, Clothes, Recipe, batches, moved, read_clothes, seen

SMALL = Recipe(heads=2, layers=2, width=8, inner=16, pictures_a_step=3)


def pictures(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(256, (count, 28, 28), generator=generator, dtype=torch.uint8)


def network(recipe: Recipe = SMALL) -> ViTForImageClassification:
    torch.manual_seed(2)
    model = train.new_model(recipe)
    model.eval()
    return model


def test_official_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    shown, labels = pictures(3), [9, 0, 3]
    head = np.array([0x803, 3, 28, 28], ">u4").tobytes()
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + shown.numpy().tobytes()))
    head = np.array([0x801, 3], ">u4").tobytes()
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(head + bytes(labels)))
    found = read_clothes(tmp_path, "test")
    assert torch.equal(found.pictures, shown) and found.labels.tolist() == labels


def test_a_picture_is_moved_by_a_pixel_at_most_and_mirrored() -> None:
    one = torch.zeros(64, 28, 28, dtype=torch.uint8)
    one[:, 10, 5] = 255
    found = moved(one, 1, torch.Generator().manual_seed(0))
    rows, columns = (found == 255).nonzero()[:, 1], (found == 255).nonzero()[:, 2]
    assert len(rows) == 64 and set(rows.tolist()) == {9, 10, 11}
    assert set(columns.tolist()) == {4, 5, 6, 21, 22, 23}


def test_every_picture_comes_once_before_any_comes_again() -> None:
    numbered = torch.zeros(7, 28, 28, dtype=torch.uint8)
    ways = batches(Clothes(numbered, torch.arange(7)), SMALL)
    labels = torch.cat([next(ways)[1] for _ in range(3)]).tolist()
    assert sorted(labels) == list(range(7))


def test_a_shuffled_picture_has_the_same_patches_in_another_order() -> None:
    given = pictures(2)
    found = card.shuffled(given, torch.Generator().manual_seed(0))

    def cut(picture: torch.Tensor) -> list[bytes]:
        return [picture[r : r + 4, c : c + 4].numpy().tobytes() for r in range(0, 28, 4) for c in range(0, 28, 4)]

    for before, after in zip(given, found, strict=True):
        assert sorted(cut(before)) == sorted(cut(after)) and cut(before) != cut(after)


def test_reading_all_patches_in_any_order_is_the_models_own_answer() -> None:
    model, given = network(), seen(pictures(2))
    with torch.no_grad():
        assert torch.allclose(train.answers(model, given, 49), model(pixel_values=given).logits, atol=1e-5)
        assert not torch.allclose(train.answers(model, given, 20), model(pixel_values=given).logits, atol=1e-3)


def test_a_patch_that_is_left_out_changes_nothing_when_it_changes() -> None:
    model, given = network(), seen(pictures(1)).clone()
    with torch.no_grad():
        torch.manual_seed(3)
        read = torch.rand(1, 49).argsort(-1)[0, :20].tolist()
        torch.manual_seed(3)
        before = train.answers(model, given, 20)
        for place in set(range(49)) - set(read):
            row, column = place // 7 * 4, place % 7 * 4
            given[..., row : row + 4, column : column + 4] = 9.0
        torch.manual_seed(3)
        assert torch.equal(before, train.answers(model, given, 20))


def test_without_positions_the_order_of_patches_says_nothing_and_a_step_teaches_none() -> None:
    bag = network(Recipe(heads=2, layers=2, width=8, inner=16, positions=False))
    known, given = network(), pictures(3)
    mixed = card.shuffled(given, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for model, same in ((bag, True), (known, False)):
            first, second = (model(pixel_values=seen(one)).logits for one in (given, mixed))
            assert torch.allclose(first, second, atol=1e-5) is same
    learner = loop.muon(bag, rate=1e-2, decay=0.1)
    learner.descend(bag(pixel_values=seen(given)).logits.square().sum(), 1e-2)
    assert not bag.vit.embeddings.position_embeddings.any()


@pytest.mark.parametrize(("step", "kept"), [(0, 24), (7_199, 24), (7_200, None), (8_999, None)])
def test_the_last_steps_read_whole_pictures(step: int, kept: int | None) -> None:
    assert train.kept_at(step, Recipe(heads=4)) == kept


def test_figures_are_those_of_plain_loops(tmp_path: Path) -> None:
    train.save(tmp_path, network(), SMALL, 1.0)
    model = card.opened(tmp_path)
    clothes = Clothes(pictures(8), torch.tensor([0, 1, 2, 3, 4, 5, 6, 7]))
    found = card.measure(model, clothes)
    with torch.no_grad():
        told = [int(model(pixel_values=seen(one[None])).logits[0].argmax()) for one in clothes.pictures]
        hard = [int(card.hard(model, seen(one[None]))[0].argmax()) for one in clothes.pictures]
    true = clothes.labels.tolist()
    assert found["accuracy"] == sum(a == b for a, b in zip(told, true, strict=True)) / 8
    assert found["hard"] == sum(a == b for a, b in zip(hard, true, strict=True)) / 8
    assert found["classes"]["Pullover"] == float(told[2] == 2)
    assert torch.equal(card.hits(partial(train.answers, model), clothes), torch.tensor(told) == clothes.labels)


def test_card_names_licence_data_and_every_figure(tmp_path: Path) -> None:
    train.save(tmp_path, network(), SMALL, 1.0)
    facts = recipe(tmp_path)
    figures = {"accuracy": 0.91, "hard": 0.82, "shuffled": 0.33, "half": 0.85, "pictures": 10_000}
    text = card.card("vit-2", figures | {"classes": dict.fromkeys(NAMES["en"], 0.5)}, facts)
    assert "license: mit" in text and "Fashion-MNIST" in text
    assert all(f"{figures[name]:.4f}" in text for name in card.FIGURES)
    assert all(f"{zh} · {en}" in text for zh, en in zip(NAMES["zh"], NAMES["en"], strict=True))


@pytest.mark.parametrize("name", card.MODELS)
def test_a_shipped_card_is_what_its_command_writes_of_the_kept_figures(name: str) -> None:
    written = (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    assert written == card.card(name, figures(name), recipe(WEIGHTS / name))
