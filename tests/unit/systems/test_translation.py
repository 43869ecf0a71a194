"""The translation system on its own: the split, the words, the network against plain loops, the rules."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from attnviz.core.rules import Argmax, Rule, Sample, Soft, Sparsemax, TopK
from attnviz.errors import ModelError, TextError
from attnviz.systems.translation.network import Shape, Translator
from attnviz.systems.translation.system import NAMES, System, Uniform, load, so_far, surprise, terms
from attnviz.systems.translation.text import BEGIN, END, LONGEST, PAD, UNKNOWN, restored
from attnviz.text.tokens import Encoded
from attnviz.trace import Gap, Trace
from attnviz.training.translation.data import Pair, bare, batches, capitals, groups, languages, split
from attnviz.training.translation.train import Recipe, loss

TEXTS = {"nmt-zh-en": "我昨晚做了一个奇怪的梦。", "nmt-en-zh": "I had a strange dream last night."}
GAP = 1e-12  # in float64; worst seen 4e-15
HARD: tuple[Rule, ...] = (Argmax(), TopK(2, True), Sample(3), Sparsemax(), Soft(0.2))


def pairs(count: int = 400, seed: int = 0) -> list[Pair]:
    """Made-up pairs, many of which share a sentence."""
    dice = random.Random(seed)
    return [
        Pair(f"Sentence {dice.randrange(250)}.", f"句子{'甲乙丙丁'[dice.randrange(4)]}{dice.randrange(120)}。", f"#{n}")
        for n in range(count)
    ]


@pytest.fixture(scope="module", params=["nmt-zh-en", "nmt-en-zh"])
def system(request: pytest.FixtureRequest) -> System:
    return load(request.param)


@pytest.fixture(scope="module")
def trace(system: System) -> Trace:
    return system.translate(TEXTS[system.name])


# the split


def test_no_sentence_is_on_two_sides() -> None:
    sides = split([*pairs(), Pair("Sentence 7!", "句子甲7", "#")])
    for language in ("en", "zh"):
        seen = {side: {bare(pair.of(language)) for pair in mine} for side, mine in sides.items()}
        assert not seen["training"] & seen["test"]
        assert not seen["training"] & seen["validation"]
        assert not seen["validation"] & seen["test"]


def test_split_keeps_every_pair_and_does_not_hang_on_the_order_of_the_file() -> None:
    given = [Pair(f"One {n}.", f"一{n}。", "") for n in range(3_000)]
    sides = split(given)
    assert sorted((pair for mine in sides.values() for pair in mine), key=repr) == sorted(given, key=repr)
    turned = split(given[::-1])
    assert {side: set(mine) for side, mine in sides.items()} == {side: set(mine) for side, mine in turned.items()}
    assert 90 < len(sides["test"]) < 220 and 30 < len(sides["validation"]) < 100


def test_pairs_that_share_a_sentence_in_any_spelling_are_one_group() -> None:
    given = [Pair("Hi!", "你好。", ""), Pair("hi", "嗨", ""), Pair("Hello.", "你好！", ""), Pair("Bye.", "再见。", "")]
    assert sorted(map(len, groups(given))) == [1, 3]


# words


@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith("plain")])
def test_what_is_read_is_written_again(name: str) -> None:
    texts = {"zh": "汤姆说：“我昨天读了3本书，NHK播的。”", "en": 'Tom said, "I don\'t like 3.5 of them, Mary."'}
    for vocabulary in (load(name).source, load(name).target):
        read = vocabulary.read(texts[vocabulary.language])
        written = vocabulary.write(read.ids)
        assert read.ids[-1] == END and UNKNOWN not in read.ids
        assert written.text == texts[vocabulary.language]
        for encoded in (read, written):
            faces = [encoded.text[slice(*span)] if span else "</s>" for span in encoded.spans]
            assert "".join(faces[:-1]) == encoded.text.replace(" ", "")
            assert [label.removeprefix("##") for label in encoded.labels] == faces


def test_the_rest_of_a_word_is_marked_and_an_unknown_character_keeps_its_face() -> None:
    source = load("nmt-en-zh").source
    labels = source.read("unbelievably 😀").labels
    assert len(labels) > 3 and labels[1].startswith("##") and labels[-2] == "[UNK:😀]"


def test_a_long_text_is_read_as_far_as_the_model_reaches() -> None:
    read = load("nmt-zh-en").source.read("我" * 500)
    assert len(read.ids) == LONGEST and read.cut == LONGEST - 1


@pytest.mark.parametrize(("text", "message"), [("", "text_empty"), (" \n", "text_empty"), ("x" * 200_001, "text_huge")])
def test_texts_that_cannot_be_read_say_so(text: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        load("nmt-zh-en").translate(text)
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["😀", "\ud800", "مرحبا", "<b>x</b>", "a\u202eb", "長", "\x00"])
def test_any_other_text_is_translated_or_refused_in_a_sentence(text: str) -> None:
    for name in TEXTS:
        try:
            assert load(name).translate(text).tokens
        except TextError as error:
            assert error.message == "text_nothing_left"


def test_capitals_come_back() -> None:
    names = capitals(["He met Tom, and I did.", "She met Tom. Then I left Bob.", "The end."])
    assert names == {"tom": "Tom", "i": "I"}, "Bob was met once"
    assert restored('here is tom. "is he?" she and i ask.', names) == 'Here is Tom. "Is he?" She and I ask.'


# the network


def gru(x: Tensor, h: Tensor, parts: dict[str, Tensor], suffix: str = "") -> list[float]:
    """One step of a gated recurrent unit, number by number (Cho et al. 2014, with PyTorch's reset gate)."""
    size = len(h)

    def line(kind: str, row: int, inner: Tensor) -> float:
        weights, bias = parts[f"weight_{kind}{suffix}"][row], parts[f"bias_{kind}{suffix}"][row]
        return sum(float(w) * float(v) for w, v in zip(weights, inner, strict=True)) + float(bias)

    def sigmoid(value: float) -> float:
        return 1 / (1 + math.exp(-value))

    found = []
    for unit in range(size):
        reset = sigmoid(line("ih", unit, x) + line("hh", unit, h))
        update = sigmoid(line("ih", size + unit, x) + line("hh", size + unit, h))
        new = math.tanh(line("ih", 2 * size + unit, x) + reset * line("hh", 2 * size + unit, h))
        found.append((1 - update) * new + update * float(h[unit]))
    return found


def dense(weight: Tensor, bias: Tensor | None, vector: Sequence[float] | Tensor) -> list[float]:
    """A linear map, number by number."""
    return [
        sum(float(w) * float(v) for w, v in zip(row, vector, strict=True))
        + (0.0 if bias is None else float(bias[number]))
        for number, row in enumerate(weight)
    ]


def in_double(system: System) -> System:
    """The same model computing in float64."""
    network = Translator(system.network.shape)
    network.load_state_dict(system.network.state_dict())
    return replace(system, network=network.double().eval().requires_grad_(False))


def read_by_hand(weights: dict[str, Tensor], ids: tuple[int, ...], width: int) -> tuple[list[Tensor], list[float]]:
    """The annotations and the first decoder state."""
    parts = {name.removeprefix("encoder."): value for name, value in weights.items() if name.startswith("encoder.")}
    vectors = [weights["source.weight"][number] for number in ids]
    forward, backward = [torch.zeros(width, dtype=torch.float64)], [torch.zeros(width, dtype=torch.float64)]
    for vector in vectors:
        forward.append(torch.tensor(gru(vector, forward[-1], parts, "_l0"), dtype=torch.float64))
    for vector in reversed(vectors):
        backward.append(torch.tensor(gru(vector, backward[-1], parts, "_l0_reverse"), dtype=torch.float64))
    annotations = [torch.cat(both) for both in zip(forward[1:], backward[:0:-1], strict=True)]
    return annotations, [math.tanh(v) for v in dense(weights["first.weight"], weights["first.bias"], backward[-1])]


def energies_by_hand(weights: dict[str, Tensor], state: list[float], annotations: list[Tensor]) -> list[float]:
    """v.tanh(W s + U h) for each annotation."""
    found, looking = [], dense(weights["query_weight"], None, state)
    for annotation in annotations:
        looked = dense(weights["key_weight"], None, annotation)
        both = zip(weights["vector"], looking, looked, strict=True)
        found.append(sum(float(v) * math.tanh(a + b) for v, a, b in both))
    return found


def test_encoder_and_two_decoder_steps_are_those_of_plain_loops() -> None:
    """Trained weights, float64."""
    system = in_double(load("nmt-zh-en"))
    weights = system.network.state_dict()
    decoder = {name.removeprefix("decoder."): value for name, value in weights.items() if name.startswith("decoder.")}
    trace = system.translate("我怕死。", most=2)
    assert trace.looked_at is not None and trace.logits is not None
    annotations, state = read_by_hand(weights, trace.looked_at.ids, system.network.shape.encoder)
    before = BEGIN
    for step in range(2):
        energies = energies_by_hand(weights, state, annotations)
        total = sum(math.exp(energy) for energy in energies)
        chances = [math.exp(energy) / total for energy in energies]
        assert trace.scores(0, 0)[step].tolist() == pytest.approx(energies, abs=GAP)
        assert trace.attention(0, 0).weights[step].tolist() == pytest.approx(chances, abs=GAP)
        context = torch.stack(annotations).T @ torch.tensor(chances, dtype=torch.float64)
        embedded = weights["target.weight"][before]
        state = gru(torch.cat([embedded, context]), torch.tensor(state, dtype=torch.float64), decoder)
        both = [*state, *embedded.tolist(), *context.tolist()]
        inner = dense(weights["readout.weight"], weights["readout.bias"], both)
        logits = dense(weights["target.weight"], weights["bias"], [math.tanh(v) for v in inner])
        assert trace.outputs[step].tolist() == pytest.approx(state, abs=GAP)
        assert trace.logits[step][END:].tolist() == pytest.approx(logits[END:], abs=GAP)
        before = trace.encoded.ids[step]
        assert before == max(range(END, len(logits)), key=logits.__getitem__)


def test_prepared_keys_give_what_additive_attention_gives(system: System) -> None:
    network = system.network
    states, annotations = torch.randn(3, 2, network.shape.decoder), torch.randn(3, 5, 2 * network.shape.encoder)
    allowed = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])[:, None]
    prepared = annotations @ network.key_weight.T
    one = network.look(states, annotations, Soft(), allowed)
    other = network.look_prepared(states, prepared, annotations, Soft(), allowed)
    torch.testing.assert_close(one.weights, other.weights, atol=1e-5, rtol=0)
    torch.testing.assert_close(one.output, other.output, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rule", [None, *HARD])
def test_recorded_weights_give_the_context_that_the_decoder_got(system: System, rule: Rule | None) -> None:
    """Each state, made again from the recorded weights; worst gap seen 1e-6."""
    trace = system.translate(TEXTS[system.name], rule=rule)
    found, network = trace.attention(0, 0), system.network
    ids = torch.tensor([BEGIN, *trace.encoded.ids[:-1]])
    contexts = trace.weights(0, 0) @ found.values
    again = network.step(network.target(ids), contexts, found.queries)
    torch.testing.assert_close(again, trace.outputs, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.queries[1:], trace.outputs[:-1], atol=0, rtol=0)


@pytest.mark.parametrize("forced", [None, {"en": "She saw a dog.", "zh": "她见了一只狗。"}])
def test_training_reads_what_decoding_writes(system: System, forced: dict[str, str] | None) -> None:
    """The loss of the training script on a translation, the model's or one's own, is the surprise of the trace."""
    trace = system.translate(TEXTS[system.name], target=forced and forced[system.target.language])
    assert trace.looked_at is not None
    pair = (list(trace.looked_at.ids), [BEGIN, *trace.encoded.ids])
    batch = next(batches([pair], 1, random.Random(0)))
    nats = loss(system.network, batch, Recipe(), 0.0).item()
    chances = [float(trace.probabilities(n)[number].log()) for n, number in enumerate(trace.encoded.ids)]
    assert nats == pytest.approx(-sum(chances) / len(chances), abs=0.01)  # which forbids three pieces
    assert surprise(trace) == pytest.approx(-sum(chances) / len(chances) / math.log(2), abs=1e-6)


def test_padding_does_not_change_a_pair(system: System) -> None:
    short, long = ([5, 6, END], [BEGIN, 7, END]), ([5, 6, 8, 9, 10, END], [BEGIN, 7, 9, 8, END])
    alone = [
        loss(system.network, next(batches([one], 1, random.Random(0))), Recipe(), 0.0).item() for one in (short, long)
    ]
    both = loss(system.network, next(batches([short, long], 2, random.Random(0))), Recipe(), 0.0).item()
    assert both == pytest.approx((2 * alone[0] + 4 * alone[1]) / 6, abs=1e-5)


# the rules


def test_the_map_is_one_head_of_states_over_annotations(trace: Trace) -> None:
    assert (trace.part, trace.n_layers, trace.n_heads) == ("cross", 1, 1)
    assert trace.weights(0).shape == (1, len(trace.tokens), len(trace.key_tokens))
    assert trace.key_tokens[-1] == trace.tokens[-1] == "</s>"
    torch.testing.assert_close(trace.weights(0).sum(-1), torch.ones(1, len(trace.tokens)))
    for place, label in enumerate(trace.tokens):
        assert trace.predictions(place, 1)[0][0].lower() == label.lower()
    assert trace.rule == Soft()


@pytest.mark.parametrize("rule", HARD)
def test_a_rule_acts_while_the_translation_is_written(system: System, rule: Rule) -> None:
    soft, other = (system.translate(TEXTS[system.name], rule=one) for one in (None, rule))
    assert other.rule == rule
    shared = min(len(soft.tokens), len(other.tokens), 3)
    assert not torch.allclose(soft.outputs[:shared], other.outputs[:shared], atol=1e-4)


class Broken(Rule):
    """A rule that cannot be used."""

    def weigh(self, scores: Tensor) -> Tensor:
        raise ZeroDivisionError


def test_a_rule_that_raises_raises_in_translate(system: System) -> None:
    with pytest.raises(ZeroDivisionError):
        system.translate(TEXTS[system.name], rule=Broken())


def test_uniform_gives_every_source_token_the_same_and_changes_the_translation(system: System, trace: Trace) -> None:
    flat = system.translate(TEXTS[system.name], uniform=True)
    assert torch.equal(flat.weights(0, 0), torch.full_like(flat.weights(0, 0), 1 / len(flat.key_tokens)))
    assert flat.rule == Uniform() and flat.text != trace.text


def test_uniform_leaves_out_what_is_not_allowed() -> None:
    scores = torch.tensor([[1.0, -torch.inf, 3.0], [-torch.inf] * 3])
    assert Uniform().weigh(scores).tolist() == [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]


def test_a_drawn_rule_draws_the_same_again(system: System) -> None:
    one, other = (system.translate(TEXTS[system.name], rule=Sample(5)) for _ in range(2))
    assert one.encoded == other.encoded and torch.equal(one.weights(0), other.weights(0))
    assert set(one.weights(0).unique().tolist()) <= {0.0, 1.0}


def test_a_translation_of_ones_own_is_read_word_by_word(system: System, trace: Trace) -> None:
    again = system.translate(TEXTS[system.name], target=trace.text)
    assert again.encoded.ids == trace.encoded.ids
    assert trace.logits is not None and again.logits is not None
    torch.testing.assert_close(again.logits, trace.logits)
    other = system.translate(TEXTS[system.name], target={"en": "No.", "zh": "不。"}[system.target.language])
    assert other.text in ("No.", "不。") and surprise(other) > surprise(trace)


def test_progress_is_told_the_trace_so_far(system: System, trace: Trace) -> None:
    told: list[Trace] = []
    system.translate(TEXTS[system.name], progress=told.append)
    assert [len(one.tokens) for one in told] == list(range(1, len(trace.tokens) + 1))
    for one in told:
        part = so_far(trace, len(one.tokens))
        assert part.encoded.labels == one.encoded.labels
        torch.testing.assert_close(part.weights(0), one.weights(0))


def test_the_energy_is_the_sum_of_its_units(trace: Trace) -> None:
    for query, key in ((0, 0), (1, 3)):
        assert terms(trace, query, key).sum().item() == pytest.approx(trace.cell(0, 0, query, key).product, abs=1e-5)


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith("plain")])
def test_a_model_without_attention_writes_and_has_no_map(name: str) -> None:
    system = load(name)
    trace = system.translate(TEXTS[name.removesuffix("-plain")])
    assert trace.text and isinstance(trace.layers[0], Gap) and not trace.open_layers
    assert not system.attends and not hasattr(system.network, "query_weight")
    with pytest.raises(ModelError) as caught:
        system.translate("我怕死。", rule=Argmax())
    assert caught.value.message == "model_without_attention"


def test_most_bounds_what_is_written_and_what_is_never_written_is_not(system: System) -> None:
    trace = system.translate(TEXTS[system.name], most=2)
    assert len(trace.tokens) == 2 and trace.logits is not None
    assert trace.logits[:, [PAD, UNKNOWN, BEGIN]].max() == -torch.inf


def test_names_say_the_languages_and_others_are_refused() -> None:
    assert languages("nmt-en-zh-plain") == ("en", "zh")
    with pytest.raises(ValueError, match="needed"):
        languages("nmt-fr-en")
    with pytest.raises(ModelError):
        load("nowhere")


def test_the_two_models_differ_by_the_attention_alone() -> None:
    for name in ("nmt-zh-en", "nmt-en-zh"):
        one, other = load(name).network, load(f"{name}-plain").network
        assert one.shape == replace(other.shape, attention=True) and isinstance(one.shape, Shape)
        extra = set(one.state_dict()) - set(other.state_dict())
        assert extra == {"query_weight", "key_weight", "vector"}


def test_encoded_of_a_translation_is_the_text(trace: Trace) -> None:
    assert isinstance(trace.encoded, Encoded) and trace.encoded.text == trace.text
    assert trace.text[0].isupper() or trace.text[0] > "\u3000"
