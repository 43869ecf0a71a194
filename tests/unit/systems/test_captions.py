"""Scenes and their sentences, and the captioner on its own: what is true of a scene, what a word can know."""

from __future__ import annotations

from itertools import combinations, pairwise
from random import Random

import numpy as np
import pytest
import torch
from torch import Tensor

from attnviz.core.rules import Argmax, Rule, Sample, Soft, TopK
from attnviz.errors import ArgumentError, AttnvizError, TextError
from attnviz.messages import LANGUAGES
from attnviz.pictures import Picture
from attnviz.systems.captions.names import ALONE, THINGS
from attnviz.systems.captions.network import Captioner, Shape
from attnviz.systems.captions.scene import SHARE, Put, Scene, cover
from attnviz.systems.captions.system import System, names, on_canvas, path, path_probability, scene_of, things_said
from attnviz.systems.captions.text import BEGIN, END, LONGEST, WORDS
from attnviz.training.captions.data import NAMES, scene

GAP = 1e-5


def scenes(count: int = 60, seed: int = 0) -> list[Scene]:
    random = Random(seed)
    return [scene(random, 1 + number % 4, NAMES) for number in range(count)]


def tiny(seed: int = 0, kind: str = "soft") -> System:
    """A system of untrained numbers, large ones, so that what it says hangs on what it sees."""
    torch.manual_seed(seed)
    network = Captioner(Shape(len(WORDS), channels=(4, 6, 8, 8), annotation=8, embedding=6, state=10, inner=5, hint=3))
    with torch.no_grad():
        for one in network.writer.parameters():
            one.mul_(3)
    drawings = torch.randint(0, 256, (len(THINGS), 3, 24, 24), dtype=torch.uint8)
    return System("tiny", network.eval().requires_grad_(False), drawings, kind)


# what is true of a scene


def claims(sentence: str) -> tuple[str, list[str], list[str]]:
    """An English sentence taken apart: how its halves lie, and the things of both."""
    for between in (" above ", " to the left of "):
        if between in sentence:
            first, second = sentence.split(between)
            return between.strip(), *([part.split()[1] for part in half.split(" and ")] for half in (first, second))
    return "", [part.split()[1] for part in sentence.split(" and ")], []


def middle(put: Put) -> tuple[float, float]:
    return put.left + 11.5, put.top + 11.5


@pytest.mark.parametrize("one", scenes(), ids=str)
def test_an_english_sentence_is_true_of_its_scene(one: Scene) -> None:
    where = {put.name: middle(put) for put in one.things}
    how, first, second = claims(" ".join(word.text for word in one.sentence("en")))
    assert sorted(first + second) == sorted(where)
    for row in (first, second):
        assert [where[name][0] for name in row] == sorted(where[name][0] for name in row)
    for upper in first:
        for lower in second:
            across, down = (where[lower][axis] - where[upper][axis] for axis in (0, 1))
            assert down > 0 if how == "above" else across >= 24
            assert (how == "above") == (where[upper][1] < 31.5 < where[lower][1])


@pytest.mark.parametrize("one", scenes(), ids=str)
def test_the_chinese_sentence_says_the_same_from_its_other_end(one: Scene) -> None:
    known = {thing.zh: thing for thing in THINGS}
    sentence = "".join(word.text for word in one.sentence("zh"))
    how, first, second = claims(" ".join(word.text for word in one.sentence("en")))
    halves = sentence.split({"above": "的上面有", "to the left of": "的左边有", "": "\0"}[how])
    found = []
    for half in halves:
        row = []
        for part in half.split("和"):
            name = next(name for name in known if part.endswith(name) and len(part) == len(name) + 2)
            assert part == f"一{known[name].measure}{name}"
            row.append(known[name].en)
        found.append(row)
    assert found == ([second, first] if second else [first])


def test_each_naming_word_points_at_its_thing_and_each_article_at_the_next() -> None:
    for one in scenes():
        for language in LANGUAGES:
            words = one.sentence(language)
            named = [word for word in words if word.of is not None]
            assert sorted(word.of or 0 for word in named) == list(range(len(one.things)))
            assert all(one.things[word.of or 0].thing.named(language) == word.text for word in named)
            for word, after in pairwise(words):
                assert word.about is None or word.about == after.of


def test_an_article_fits_the_name_after_it() -> None:
    assert {thing.en for thing in THINGS if thing.article == "an"} >= {"elephant", "owl", "octopus", "egg", "umbrella"}
    assert all((thing.en[0] in "aeiou") == (thing.article == "an") for thing in THINGS)


def test_names_are_one_word_each_and_nobody_has_anothers() -> None:
    for language in LANGUAGES:
        names = [thing.named(language) for thing in THINGS]
        assert len(set(names)) == len(names) == 80
        assert not any(" " in name for name in names)
    assert set(ALONE) < {thing.en for thing in THINGS}


def test_at_most_two_things_lie_in_one_row_wherever_they_are() -> None:
    for one in scenes(200, seed=5):
        assert all(len(row) <= 2 for row in one.rows)
    tops = [top for top in range(41) if Put("cat", 0, top).upper]
    assert max(tops) - min(tops) < 24  # no two of a row stand one above the other, and three of 24 are wider than 64


def test_the_picture_of_a_scene_is_its_drawings_on_white_pixel_by_pixel() -> None:
    system = tiny()
    for one in scenes(12):
        wanted = np.full((64, 64, 3), 255, np.uint8)
        for put in one.things:
            drawing = system.drawings[NAMES.index(put.name)]
            for row in range(24):
                for column in range(24):
                    wanted[put.top + row, put.left + column] = drawing[:, row, column].numpy()
        assert np.array_equal(system.draw(one).pixels, wanted)


@pytest.mark.parametrize(("left", "top"), [(0, 0), (40, 40), (3, 17), (12, 29)])
def test_the_share_inside_a_box_is_that_of_its_pixels(left: int, top: int) -> None:
    weights = torch.rand(64, generator=torch.Generator().manual_seed(left))
    pixels = weights.view(8, 8).repeat_interleave(8, 0).repeat_interleave(8, 1) / 64
    wanted = pixels[top : top + 24, left : left + 24].sum()
    torch.testing.assert_close(Scene((Put("cat", left, top),)).inside(weights, 0), wanted)
    torch.testing.assert_close(float(cover(left, top).sum() / 64), SHARE)


@pytest.mark.parametrize(
    ("things", "message"),
    [
        ((), "scene_size"),
        (tuple(Put(name, 0, 0) for name in NAMES[:5]), "scene_size"),
        ((Put("gryphon", 0, 0),), "scene_unknown"),
        ((Put("cat", 41, 0),), "scene_outside"),
        ((Put("cat", 0, -1),), "scene_outside"),
        ((Put("cat", 0, 0), Put("cat", 30, 30)), "scene_twice"),
        ((Put("cat", 0, 0), Put("dog", 23, 23)), "scene_overlap"),
    ],
)
def test_a_scene_that_cannot_be_is_a_sentence(things: tuple[Put, ...], message: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        Scene(things)
    assert refusal.value.message == message
    assert refusal.value.say("zh") != refusal.value.say("en")


def test_a_scene_can_be_given_as_text() -> None:
    assert scene_of(" cat 4 2,dog 36 34 ") == Scene((Put("cat", 4, 2), Put("dog", 36, 34)))
    for text, message in (("", "text_empty"), ("a cat", "scene_text"), ("cat 4 2; dog 3 4", "scene_text")):
        with pytest.raises(TextError) as refusal:
            scene_of(text)
        assert refusal.value.message == message


# the network


def test_a_place_is_moved_by_the_pixels_round_it_and_by_no_others() -> None:
    eye, white = tiny().network.eye, torch.full((1, 3, 64, 64), 255, dtype=torch.uint8)
    before = eye(white)
    for row, column in ((0, 0), (30, 5), (63, 63), (27, 44)):
        dark = white.clone()
        dark[..., row, column] = 0
        moved = ((eye(dark) - before).abs().sum(-1) > 0).view(8, 8)
        for place in moved.nonzero().tolist():  # 15 pixels round the fourth of its eight
            assert all(abs(8 * number + 3 - pixel) <= 15 for number, pixel in zip(place, (row, column), strict=True))
        assert moved[row // 8, column // 8]


def test_one_bright_patch_lights_up_exactly_there() -> None:
    """A network made by hand, whose keys are the darkness of the middle of each place."""
    system = tiny()
    network = system.network
    for layer in network.eye.layers:
        layer.weight.zero_()
        layer.weight.view(len(layer.weight), -1, layer.side, layer.side)[0, 0, layer.side // 2, layer.side // 2] = -1.0
        layer.bias.zero_()
    network.writer.places.zero_()
    network.writer.layers["query"].weight.zero_()
    network.writer.layers["key"].weight.zero_()
    network.writer.layers["key"].weight[0, 0] = -50.0
    network.writer.vector.zero_()
    network.writer.vector[0] = -60.0
    for row, column in ((0, 0), (3, 6), (7, 7), (5, 0)):
        pixels = np.full((64, 64, 3), 255, np.uint8)
        pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 0
        trace = system.read(Picture(pixels))
        weights = trace.weights(0, 0)
        assert weights.argmax(-1).unique().tolist() == [8 * row + column]
        box = trace.keys.stands_for(8 * row + column)
        assert tuple(box) == (8 * column, 8 * row, 8 * column + 8, 8 * row + 8)  # type: ignore[arg-type]


def by_loops(system: System, pixels: Tensor, language: str, choose) -> tuple[list[int], Tensor]:  # type: ignore[no-untyped-def]
    """The same sentence from the equations, a place and a word at a time; `choose` makes weights of scores."""
    network, writer = system.network, system.network.writer
    layers = writer.layers
    annotations = network.eye(pixels[None])[0] + writer.places
    hint = torch.stack([torch.tanh(layers["hint"](one)) for one in annotations]).mean(0)
    state, word, ids, maps = torch.tanh(layers["first"](hint)), BEGIN[language], list[int](), list[Tensor]()
    gru = torch.nn.GRUCell(6, 10)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(gru, name).data = getattr(layers["words"], f"{name}_l0").data
    while len(ids) < LONGEST and word != END:
        state = gru(writer.embedding.weight[word], state)
        scores = torch.stack([
            writer.vector @ torch.tanh(layers["query"].weight @ state + layers["key"].weight @ one)
            for one in annotations
        ])  # fmt: skip
        weights = choose(scores, len(ids))
        seen = sum(weight * one for weight, one in zip(weights, annotations, strict=True))
        logits = writer.out(torch.tanh(layers["readout"](torch.cat([state, seen]))))
        logits[1:3] = -torch.inf
        word = int(logits.argmax())
        ids.append(word)
        maps.append(weights)
    return ids, torch.stack(maps)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", [Soft(), Argmax(), TopK(3), Sample(7)], ids=str)
def test_a_sentence_is_what_the_equations_say(rule: Rule, language: str) -> None:
    system, one = tiny(3), scenes(4)[3]
    trace = system.read(one, rule=rule, language=language)

    def choose(scores: Tensor, number: int) -> Tensor:
        return rule.at(0, 0, number).weigh(scores[None])[0]

    ids, weights = by_loops(system, one.drawn(system.drawings), language, choose)
    assert list(trace.encoded.ids) == ids
    torch.testing.assert_close(trace.weights(0, 0), weights, atol=GAP, rtol=0)


def test_the_states_have_read_words_alone() -> None:
    """What was looked at changes no state: the same words after the same first state give the same queries."""
    network = tiny().network
    first, words = torch.randn(1, 10), torch.tensor([[1, 7, 30, 9]])
    states = network.states(words, first)
    step = [network.states(words[:, at : at + 1], state) for at, state in _states(network, words, first)]
    torch.testing.assert_close(states, torch.cat(step, dim=1))


def _states(network: Captioner, words: Tensor, first: Tensor) -> list[tuple[int, Tensor]]:
    state, found = first, []
    for at in range(words.shape[1]):
        found.append((at, state))
        state = network.states(words[:, at : at + 1], state)[:, 0]
    return found


def test_a_blind_one_says_the_same_of_every_picture() -> None:
    system, (one, other) = tiny(1), scenes(8)[3:5]
    assert system.read(one, blind=True).text == system.read(other, blind=True).text
    assert not torch.equal(system.read(one).weights(0, 0)[0], system.read(other).weights(0, 0)[0])


def test_a_path_has_the_softmax_weight_of_each_place_drawn() -> None:
    system, one = tiny(2, "hard"), scenes(3)[2]
    trace = system.read(one, rule=Sample(5))
    soft = trace.scores(0, 0).softmax(-1)
    steps = path(trace)
    assert [step.place for step in steps] == trace.weights(0, 0).argmax(-1).tolist()
    wanted = torch.stack([soft[word, step.place] for word, step in enumerate(steps)])
    torch.testing.assert_close(torch.tensor([step.probability for step in steps]), wanted)
    assert path_probability(steps) == pytest.approx(float(wanted.double().prod()), rel=1e-5)


def test_another_seed_draws_another_path_and_the_same_one_the_same() -> None:
    system, one = tiny(2), scenes(3)[2]
    places = [tuple(step.place for step in path(system.read(one, rule=Sample(seed)))) for seed in (1, 1, 2, 3)]
    assert places[0] == places[1] and len(set(places)) == 3


def test_words_are_matched_with_the_things_that_they_name() -> None:
    one = Scene((Put("cat", 0, 0), Put("egg", 30, 30)))
    for language in LANGUAGES:
        words = one.sentence(language)
        trace = tiny().read(one, language=language)
        trace = _with_words(trace, [WORDS.index(word.text) for word in words], language)
        assert names(trace, one) == [word.of for word in words]
        assert sorted(things_said(trace)) == ["cat", "egg"]
        spelled = "".join(word.text for word in words) if language == "zh" else " ".join(word.text for word in words)
        assert trace.text == spelled


def _with_words(trace, ids, language):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    from attnviz.systems.captions.text import written

    return replace(trace, queries=written(ids, language))


@pytest.mark.parametrize(("wide", "high"), [(64, 64), (300, 100), (1, 1), (50, 2000), (7, 9)])
def test_any_picture_lies_whole_in_the_middle_of_the_canvas(wide: int, high: int) -> None:
    canvas = on_canvas(Picture(np.zeros((high, wide, 3), np.uint8)))
    dark = (canvas == 0).all(0)
    rows, columns = dark.any(1).nonzero().flatten(), dark.any(0).nonzero().flatten()
    across, down = len(columns), len(rows)
    assert dark.sum() == across * down and max(across, down) == 64
    assert across == max(1, round(64 * wide / max(wide, high))) and down == max(1, round(64 * high / max(wide, high)))
    assert abs(int(columns[0]) - (63 - int(columns[-1]))) <= 1 and abs(int(rows[0]) - (63 - int(rows[-1]))) <= 1


def test_what_is_no_scene_is_a_sentence() -> None:
    with pytest.raises(ArgumentError) as refusal:
        tiny().read(7)  # type: ignore[arg-type]
    assert refusal.value.message == "scene_kind"
    with pytest.raises(ArgumentError) as refusal:
        tiny().read("cat 4 2", language="fr")
    assert refusal.value.message == "scene_language"


def test_every_pair_may_be_said_in_either_order_of_rows() -> None:
    for one, other in combinations(NAMES[:6], 2):
        told = " ".join(word.text for word in Scene((Put(one, 5, 2), Put(other, 5, 38))).sentence("en"))
        assert told.split()[1] == one and told.split()[-1] == other
