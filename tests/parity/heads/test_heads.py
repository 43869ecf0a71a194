"""What a trained head says, against transformers: labels, numbers, tags and answers, whatever was changed inside."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from inspect import signature
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForMultipleChoice,
    AutoTokenizer,
    BartConfig,
    BartForSequenceClassification,
    BertConfig,
    BertForNextSentencePrediction,
    BertForPreTraining,
    ElectraForPreTraining,
    PreTrainedTokenizerBase,
)

from attnviz import (
    Answer,
    Argmax,
    ForbidEdge,
    Logit,
    ModelError,
    RemoveHeads,
    differentiable,
    generate,
    load,
    load_trace,
    measures,
    record,
    record_batch,
)
from attnviz.answers import LONGEST
from attnviz.models import Model
from attnviz.trace import Trace
from tests.parity.heads import headed
from tests.parity.heads.headed import FIRST, SECOND
from tests.unit.saved.same import assert_same

ENCODERS = ("bert", "roberta", "distilbert", "albert", "electra", "deberta-v2", "gpt2", "llama")
CASES = [(kind, name) for kind in ("sequence", "token", "question") for name in (*ENCODERS, "t5")]
CASES += [(kind, name) for kind in ("sequence", "question") for name in ("bart", "mbart")]
Open = Callable[..., Model]


@pytest.fixture
def opened(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> Open:
    def find(kind: str, model_type: str = "bert", **changes: object) -> Model:
        return load(str(headed.save(kind, model_type, tmp_path / "model", wordpiece, **changes)))

    return find


@pytest.mark.parametrize(("kind", "model_type"), CASES)
def test_head_and_maps_equal_transformers_on_a_pair(kind: str, model_type: str, opened: Open, tmp_path: Path) -> None:
    model = opened(kind, model_type, num_labels=2 if kind == "question" else 3)
    trace, expected = record(model, FIRST, pair=SECOND), headed.own(kind, tmp_path / "model", FIRST, SECOND)
    assert model.kind == trace.kind == kind and trace.answer is not None and trace.logits is None
    if kind == "question":
        logits = torch.stack([expected.start_logits[0], expected.end_logits[0]], -1)
    else:
        logits = expected.logits if kind == "sequence" else expected.logits[0]
    assert (trace.answer.scores - logits).abs().max() < 1e-5  # worst seen 2.9e-06
    seen = 0
    for name, part in {**headed.MAPS, "attentions": trace.part}.items():
        for layer, weights in enumerate(expected.get(name) or ()):
            assert (trace.map(part).weights(layer) - weights[0]).abs().max() < 1e-5  # worst seen 1.5e-06
            seen += 1
    assert seen == sum(trace.map(part).n_layers for part in trace.parts)


def test_labels_have_the_names_and_probabilities_of_the_config(opened: Open, tmp_path: Path) -> None:
    trace = record(opened("sequence", id2label={0: "差", 1: "好", 2: "so-so"}), FIRST)
    row = headed.own("sequence", tmp_path / "model", FIRST).logits[0].tolist()
    shares = [math.exp(one) / sum(map(math.exp, row)) for one in row]
    expected = sorted(zip(("差", "好", "so-so"), shares, strict=True), key=lambda one: -one[1])
    assert [name for name, _ in trace.predictions()] == [name for name, _ in expected]
    assert [share for _, share in trace.predictions(7)] == pytest.approx([share for _, share in expected], abs=1e-5)
    assert len(trace.predictions(0, top=2)) == 2
    assert trace.map("self").predictions(0) == trace.predictions(0)


def test_labels_that_hold_each_by_itself_have_probabilities_of_their_own(opened: Open, tmp_path: Path) -> None:
    trace = record(opened("sequence", num_labels=3, problem_type="multi_label_classification"), FIRST)
    row = headed.own("sequence", tmp_path / "model", FIRST).logits[0].tolist()
    found = dict(trace.predictions())
    assert [found[f"LABEL_{n}"] for n in range(3)] == pytest.approx([1 / (1 + math.exp(-x)) for x in row], abs=1e-5)


@pytest.mark.parametrize("changes", [{"num_labels": 1}, {"num_labels": 2, "problem_type": "regression"}])
def test_a_regression_says_its_numbers(changes: dict[str, object], opened: Open, tmp_path: Path) -> None:
    trace = record(opened("sequence", **changes), FIRST, pair=SECOND)
    row = headed.own("sequence", tmp_path / "model", FIRST, SECOND).logits[0].tolist()
    assert [value for _, value in trace.predictions()] == pytest.approx(row, abs=1e-5)
    assert trace.answer is not None and trace.answer.problem == "number"
    with pytest.raises(ModelError) as told:
        measures.prediction_change(trace, trace, 0)
    assert told.value.message == "answer_is_number"


def test_a_tagger_says_the_tag_of_each_token(opened: Open, tmp_path: Path) -> None:
    trace = record(opened("token", id2label={0: "O", 1: "B-PER", 2: "I-PER"}), FIRST)
    rows = headed.own("token", tmp_path / "model", FIRST).logits[0].tolist()
    for place, row in enumerate(rows):
        name, share = trace.predictions(place)[0]
        assert name == ("O", "B-PER", "I-PER")[row.index(max(row))]
        assert share == pytest.approx(math.exp(max(row)) / sum(map(math.exp, row)), abs=1e-5)


def tagged(wordpiece: PreTrainedTokenizerBase, text: str, said: dict[str, str]) -> Answer:
    """A head that says this of tokens by their labels, each with probability 0.9, and O of all others."""
    from attnviz.text.tokens import encode

    read, labels = encode(text, wordpiece, None), ("O", "B-LOC", "I-LOC", "B-ORG")
    scores = torch.zeros(len(read.ids), len(labels))
    for place, name in enumerate(read.labels):
        scores[place, labels.index(said.get(name, "O"))] = math.log(0.9 * 3 / 0.1)
    return Answer("token", scores, labels, read)


def test_tags_stand_over_words_and_names_of_several_words_are_one(wordpiece: PreTrainedTokenizerBase) -> None:
    said = {"南": "B-LOC", "京": "I-LOC", "市": "I-LOC", "长": "B-LOC", "江": "I-LOC", "cats": "B-ORG"}
    found = tagged(wordpiece, "南京市长江大桥 the cats sat", said).tags()
    assert [(tag.label, tag.text) for tag in found] == [("LOC", "南京市"), ("LOC", "长江"), ("ORG", "cats")]
    assert [tag.probability for tag in found] == pytest.approx([0.9] * 3, abs=1e-6)
    assert (found[0].first, found[0].last) == (1, 3)
    apart = tagged(wordpiece, "the cat sat down", {"cat": "B-LOC", "down": "I-LOC"}).tags()
    assert [tag.text for tag in apart] == ["cat", "down"], "a name does not go on over a word that is none"


def test_an_answer_is_the_likeliest_span_of_the_second_text(opened: Open) -> None:
    trace = record(opened("question", num_labels=2), FIRST, pair=SECOND)
    assert trace.answer is not None
    owners, scores = trace.queries.segments, trace.answer.scores.double().tolist()
    open_places = [place for place, owner in enumerate(owners) if owner == 1]
    totals = [sum(math.exp(scores[place][end]) for place in open_places) for end in (0, 1)]
    expected = {}
    for first in open_places:
        for last in open_places:
            if 0 <= last - first < LONGEST:
                share = math.exp(scores[first][0]) / totals[0] * math.exp(scores[last][1]) / totals[1]
                expected[first, last] = share
    found = trace.answer.spans(4)
    assert [span[:2] for span in found] == sorted(expected, key=lambda span: -expected[span])[:4]
    assert [span[2] for span in found] == pytest.approx(sorted(expected.values())[::-1][:4], rel=1e-4)
    assert trace.predictions(0, 1)[0][0] in SECOND and trace.predictions(0, 1)[0][1] == found[0][2]
    assert all(text in FIRST for text, _ in record(opened("question", num_labels=2), FIRST).predictions(0))


@pytest.mark.parametrize("kind", ["sequence", "token", "question"])
def test_rules_and_interventions_change_what_the_head_says(kind: str, opened: Open) -> None:
    model = opened(kind, num_labels=2)
    before = record(model, FIRST, pair=SECOND)
    changes = ({"rule": Argmax()}, {"interventions": [RemoveHeads((1, 2))]}, {"interventions": [ForbidEdge(0, 5)]})
    for change in changes:
        after = record(model, FIRST, pair=SECOND, **change)
        assert before.answer is not None and after.answer is not None
        assert (before.answer.scores - after.answer.scores).abs().max() > 1e-4
        rows = measures.candidates(before, after, 4)
        assert len(rows) >= 2 and any(first != second for _, first, second in rows)
        assert measures.prediction_change(before, after, 4) > 0
    assert measures.prediction_change(before, before, 4) == 0


def test_bits_of_labels_are_the_divergence_of_their_probabilities(opened: Open) -> None:
    model = opened("sequence", num_labels=3)
    before, after = record(model, FIRST), record(model, FIRST, rule=Argmax())
    first, second = (dict(run.predictions()) for run in (before, after))
    expected = sum(share * math.log2(share / second[name]) for name, share in first.items())
    assert measures.prediction_change(before, after, 0) == pytest.approx(expected, abs=1e-4)
    several = [replace(run, answer=replace(run.answer, problem="several")) for run in (before, after)]
    first, second = (dict(run.predictions()) for run in several)
    pairs = [(share, second[name]) for name, share in first.items()]
    both = [(p, q) for share, other in pairs for p, q in ((share, other), (1 - share, 1 - other))]
    expected = sum(p * math.log2(p / q) for p, q in both)
    assert measures.prediction_change(several[0], several[1], 0) == pytest.approx(expected, abs=1e-4)


def test_an_encoder_decoder_that_classifies_is_no_model_that_writes(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    size = {"vocab_size": len(wordpiece), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    config = BartConfig(**headed.BOTH, **size, decoder_start_token_id=3, id2label={0: "no", 1: "yes"})
    BartForSequenceClassification(config).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    model = load(str(tmp_path))
    trace = record(model, FIRST, pair=SECOND)
    assert model.kind == "sequence" and {name for name, _ in trace.predictions(0)} == {"no", "yes"}
    cross = trace.map("cross")
    assert len(cross.tokens) == len(cross.key_tokens) and cross.tokens[1:] == cross.key_tokens[:-1]
    assert cross.queries.segments[1:] == cross.keys.segments[:-1]
    with pytest.raises(ModelError) as told:
        generate(model, FIRST)
    assert told.value.message == "model_writes_nothing"


def bert(size: int, **more: object) -> BertConfig:
    return BertConfig(vocab_size=size, **headed.ENCODERS, **more)


def unused_heads(model: Model) -> str | None:
    """The names of heads that the file holds beside what is used; None where nothing is said of any."""
    said = [one for one in model.notices if one.message in ("head_unused", "head_beside")]
    return str(said[0].values["names"]) if said else None


@pytest.mark.parametrize(
    ("maker", "kind", "unused"),
    [
        (ElectraForPreTraining, "plain", "discriminator_predictions"),
        (BertForPreTraining, "masked", "cls.seq_relationship"),
    ],
)
def test_a_head_that_is_not_used_is_named(
    maker: type, kind: str, unused: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    maker(maker.config_class(vocab_size=len(wordpiece), **headed.ENCODERS)).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    model = load(str(tmp_path))
    assert model.kind == kind and unused_heads(model) == unused
    assert record(model, FIRST).answer is None


def test_whether_a_sentence_follows_another_is_said_too(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    BertForNextSentencePrediction(bert(len(wordpiece))).save_pretrained(tmp_path)
    wordpiece.save_pretrained(tmp_path)
    model = load(str(tmp_path))
    assert model.kind == "sequence" and len(record(model, FIRST, pair=SECOND).predictions(0)) == 2


@pytest.mark.parametrize("lost", ["classifier", "bert.pooler"])
def test_a_head_without_weights_says_nothing(lost: str, opened: Open, tmp_path: Path) -> None:
    """transformers would draw them at random: BERT's classifier reads the pooler."""
    opened("sequence")
    file = tmp_path / "model" / "model.safetensors"
    kept = {name: tensor for name, tensor in load_file(file).items() if not name.startswith(lost)}
    save_file(kept, file, metadata={"format": "pt"})
    model = load(str(tmp_path / "model"))
    assert model.kind == "plain" and record(model, FIRST).answer is None
    assert unused_heads(model) == ("classifier" if lost == "bert.pooler" else None)


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert", "albert", "electra", "deberta-v2", "xlnet"])
def test_choices_get_the_probabilities_and_maps_that_transformers_gives_them(
    model_type: str, opened: Open, tmp_path: Path
) -> None:
    model, choices = opened("choice", model_type), (SECOND, "it was tired", "the dog")
    runs = [record(model, FIRST, pair=choice) for choice in choices]
    folder = tmp_path / "model"
    theirs = AutoModelForMultipleChoice.from_pretrained(folder, attn_implementation="eager").eval()
    side = "left" if model_type == "xlnet" else "right"  # XLNet's head reads the last place, whatever stands there
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side=side)
    given = tokenizer([FIRST] * 3, [*choices], padding=True, return_tensors="pt")
    taken = {name: one[None] for name, one in given.items() if name in signature(theirs.forward).parameters}
    with torch.inference_mode():
        expected = theirs(**taken, output_attentions=True)
    assert model.kind == "choice" and (measures.chosen(runs) - expected.logits[0].softmax(0)).abs().max() < 1e-5
    own = given["attention_mask"].bool()
    for number, run in enumerate(runs):
        for layer, weights in enumerate(expected.attentions):
            rows = weights[number][:, own[number]][..., own[number]]
            assert (run.weights(layer) - rows).abs().max() < 1e-5


def test_a_choice_has_a_number_that_rules_change_and_other_models_have_none(opened: Open) -> None:
    model = opened("choice")
    before, after = (record(model, FIRST, pair=SECOND, rule=rule) for rule in (None, Argmax()))
    assert measures.candidates(before, after, 0)[0][1:] == (before.predictions()[0][1], after.predictions()[0][1])
    assert abs(before.predictions()[0][1] - after.predictions()[0][1]) > 1e-4
    for others in ([], [before, record(opened("plain"), FIRST)]):
        with pytest.raises(ModelError) as told:
            measures.chosen(others)
        assert told.value.message == "no_choices"


@pytest.mark.parametrize("kind", ["sequence", "token", "question"])
def test_a_saved_run_still_says_what_its_head_said(kind: str, opened: Open, tmp_path: Path) -> None:
    trace = record(opened(kind, num_labels=2), FIRST, pair=SECOND)
    trace.save(tmp_path / "trace")
    again = load_trace(tmp_path / "trace")
    assert_same(trace, again)
    assert again.predictions(3) == trace.predictions(3) and again.queries.segments == trace.queries.segments
    assert trace.slim().answer is None


def test_a_trace_that_was_saved_before_there_were_heads_and_pairs_still_opens(opened: Open, tmp_path: Path) -> None:
    from safetensors import safe_open

    record(opened("plain"), FIRST).save(tmp_path / "trace")
    with safe_open(tmp_path / "trace", "pt") as file:
        said, tensors = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    whole = json.loads(said["text"])
    whole["trace"].pop("answer")
    for shared in whole["shared"]:
        shared.pop("pair", None), shared.pop("types", None)
    save_file(tensors, tmp_path / "old", said | {"text": json.dumps(whole)})
    assert load_trace(tmp_path / "old").tokens == load_trace(tmp_path / "trace").tokens


@pytest.mark.parametrize("kind", ["sequence", "token", "question"])
def test_many_texts_get_what_each_gets_alone(kind: str, opened: Open) -> None:
    model = opened(kind, num_labels=2)
    texts = [FIRST, SECOND, record(model, FIRST, pair=SECOND).encoded]
    for text, one in zip(texts, record_batch(model, texts), strict=True):
        alone = record(model, text)
        assert alone.answer is not None and one.answer is not None
        assert torch.equal(alone.answer.scores, one.answer.scores)


def test_the_gradient_of_a_label_is_that_of_its_logit(opened: Open) -> None:
    model = opened("sequence", num_labels=3)
    run = differentiable(model, FIRST, pair=SECOND)
    found = run.gradients(Logit(position=0, token=2))
    assert run.trace.answer is not None and found.value == pytest.approx(run.trace.answer.scores[0, 2].item(), abs=1e-6)
    assert any(one is not None and one.abs().max() > 0 for one in found.layers)


def test_without_predictions_a_head_says_nothing(opened: Open) -> None:
    trace: Trace = record(opened("sequence"), FIRST, predictions=False)
    with pytest.raises(ModelError) as told:
        trace.predictions(0)
    assert told.value.message == "model_predicts_nothing"
