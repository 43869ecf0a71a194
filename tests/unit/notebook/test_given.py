"""Weights from elsewhere become a trace that holds them unchanged, or one sentence says why they cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BartConfig, BartModel, BertConfig, BertModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

import attnviz as av
from attnviz.errors import AttnvizError
from attnviz.messages import LANGUAGES
from attnviz.trace import Gap

TOKENS = ["[CLS]", "tea", "cup", "[SEP]"]


def weights(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.softmax(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), -1)


def holds(trace: av.Trace, layers: list[torch.Tensor]) -> bool:
    """Are these, `[head, query, key]` each, what the trace gives back?"""
    return trace.n_layers == len(layers) and all(torch.equal(trace.weights(i), one) for i, one in enumerate(layers))


LAYERS = [weights(3, 4, 4, seed=seed) for seed in (1, 2)]
ARRANGED: dict[str, tuple[Any, list[torch.Tensor]]] = {
    "transformers": (tuple(one[None] for one in LAYERS), LAYERS),
    "a list without batch": (LAYERS, LAYERS),
    "NumPy by layer": ([one[None].numpy() for one in LAYERS], LAYERS),
    "one array of layers": (torch.stack(LAYERS), LAYERS),
    "layer, batch, head": (torch.stack(LAYERS)[:, None].numpy(), LAYERS),
    "one layer": (LAYERS[0], LAYERS[:1]),
    "one layer with its batch": (LAYERS[0][None], LAYERS[:1]),
    "one head": (LAYERS[0][1], [LAYERS[0][1][None]]),
    "nested lists": (torch.stack(LAYERS).tolist(), LAYERS),
    "a cache of TransformerLens": (
        {"hook_embed": 0, **{f"blocks.{i}.attn.hook_pattern": LAYERS[i][None] for i in (1, 0)}}, LAYERS,
    ),
    "an output": (BaseModelOutput(attentions=tuple(one[None] for one in LAYERS)), LAYERS),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRANGED)
def test_every_arrangement_gives_the_same_weights_bit_for_bit(name: str) -> None:
    given, layers = ARRANGED[name]
    trace = av.from_weights(given, TOKENS, model="theirs")
    assert holds(trace, layers)
    assert (trace.parts, trace.model, trace.crossed) == (("self",), "theirs", False)
    assert trace.tokens == TOKENS and trace.special == (True, False, False, True) and trace.text == "tea cup"


def test_the_text_of_a_batch_is_chosen_by_number() -> None:
    texts = torch.stack(LAYERS)  # [text, head, query, key]
    assert holds(av.from_weights((texts, texts.flip(0)), TOKENS, batch=1), [LAYERS[1], LAYERS[0]])
    assert holds(av.from_weights(texts, TOKENS, batch=1), [LAYERS[1]])


def test_a_layer_that_returned_nothing_is_a_gap_in_its_place() -> None:
    trace = av.from_weights((None, LAYERS[1][None]), TOKENS)
    assert isinstance(trace.layers[0], Gap) and trace.open_layers == [1]
    assert torch.equal(trace.weights(1), LAYERS[1])


def test_what_a_bert_of_transformers_returns_is_taken_as_it_is(wordpiece: PreTrainedTokenizerBase) -> None:
    config = BertConfig(
        vocab_size=len(wordpiece), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=8
    )
    torch.manual_seed(0)
    model = BertModel._from_config(config, attn_implementation="eager").eval()
    read = wordpiece("南京市长江大桥很长。", return_tensors="pt")
    with torch.no_grad():
        outputs = model(**read, output_attentions=True)
    layers = [one[0] for one in outputs.attentions]
    tokens = wordpiece.convert_ids_to_tokens(read["input_ids"][0])
    assert holds(av.from_weights(outputs.attentions, tokens), layers)
    by_ids = av.from_weights(outputs, read["input_ids"], tokenizer=wordpiece)
    assert holds(by_ids, layers) and by_ids.text == "南京市长江大桥很长。"
    with torch.no_grad(), pytest.raises(AttnvizError) as refusal:
        av.from_weights(model(**read), tokens)
    assert refusal.value.message == "given_nothing"


def test_an_encoder_decoder_has_its_three_maps_between_the_right_tokens() -> None:
    config = BartConfig(
        vocab_size=20, d_model=16, encoder_layers=1, decoder_layers=2, encoder_attention_heads=2, decoder_ffn_dim=8,
        decoder_attention_heads=4, encoder_ffn_dim=8,
    )  # fmt: skip
    torch.manual_seed(0)
    model = BartModel._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        ids, written = torch.tensor([[0, 5, 6, 2]]), torch.tensor([[2, 7, 8]])
        outputs = model(input_ids=ids, decoder_input_ids=written, output_attentions=True)
    trace = av.from_weights(outputs, TOKENS, target=["</s>", "thé", "tasse"])
    assert trace.parts == ("cross", "encoder", "decoder")
    named = {"encoder": outputs.encoder_attentions, "decoder": outputs.decoder_attentions}
    for part, given in {**named, "cross": outputs.cross_attentions}.items():
        assert holds(trace.map(part), [one[0] for one in given])
    assert trace.tokens == ["</s>", "thé", "tasse"] and trace.key_tokens == TOKENS
    assert trace.map("encoder").tokens == TOKENS and trace.map("decoder").key_tokens == ["</s>", "thé", "tasse"]
    same = av.from_weights({**named, "cross": outputs.cross_attentions}, TOKENS, target=["</s>", "thé", "tasse"])
    assert torch.equal(same.weights(1), trace.weights(1))


def test_a_lone_map_to_other_things_is_a_cross_map() -> None:
    trace = av.from_weights(weights(2, 4, 3), TOKENS, keys=["a", "b", "c"])
    assert trace.part == "cross" and trace.crossed and trace.key_tokens == ["a", "b", "c"]


LABELS = {
    "WordPiece": (["[CLS]", "play", "##ing", "南", "京", "[SEP]"], "playing南京", None),
    "SentencePiece": (["▁Hello", "▁wor", "ld", "</s>"], "Hello world", None),
    "byte-level": (["<s>", "åįĹ", "äº¬", "Ġtea"], "南京 tea", ["<s>", "南", "京", "␣tea"]),
    "a character in bytes": (["é", "ķ", "¿"], "长", ["长 1/3", "长 2/3", "长 3/3"]),
    "French, and no bytes": (["thé", "glacé"], "thé glacé", ["thé", "glacé"]),
    "TransformerLens": (["<|endoftext|>", "The", " cat", "\n"], "The cat\n", ["<|endoftext|>", "The", "␣cat", "↵"]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_bare_pieces_become_readable_labels_and_the_text_they_spell(kind: str) -> None:
    pieces, text, labels = LABELS[kind]
    trace = av.from_weights(weights(len(pieces), len(pieces)), pieces)
    assert len(trace.tokens) == len(pieces)
    assert text is None or trace.text == text
    assert labels is None or trace.tokens == labels
    assert not {"Ġ", "▁", "\n"} & set("".join(trace.tokens))


BROKEN: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "no weights at all": (lambda: (None, None), {}, "given_nothing"),
    "an empty output": (lambda: BaseModelOutput(last_hidden_state=torch.zeros(1, 4, 8)), {}, "given_nothing"),
    "what generate returns": (lambda: ((LAYERS[0],), (LAYERS[0],)), {}, "given_by_step"),
    "text": (lambda: "attention", {}, "given_unreadable"),
    "rows of different lengths": (lambda: [[0.5, 0.5], [1.0]], {}, "given_unreadable"),
    "numbers in a line": (lambda: [0.5, 0.5], {}, "given_no_map"),
    "nothing in it": (lambda: [], {}, "given_no_map"),
    "six sides": (lambda: torch.ones(1, 1, 1, 1, 4, 4), {}, "given_no_map"),
    "several texts and none chosen": (lambda: (torch.stack(LAYERS),), {}, "given_batch"),
    "a text that is not there": (lambda: (torch.stack(LAYERS),), {"batch": 2}, "no_such_text"),
    "a text before the first": (lambda: (torch.stack(LAYERS),), {"batch": -1}, "no_such_text"),
    "fewer rows than tokens": (lambda: weights(3, 3), {}, "given_shape"),
    "other keys than tokens": (lambda: weights(4, 5), {}, "given_shape"),
    "NaN": (lambda: LAYERS[0].masked_fill(torch.eye(4) > 0, torch.nan), {}, "given_no_number"),
    "scores": (lambda: torch.full((4, 4), -2.0), {}, "given_no_weight"),
    "scores above 1": (lambda: torch.full((4, 4), 3.0), {}, "given_no_weight"),
    "columns that sum to 1": (lambda: LAYERS[0].mT, {}, "given_sum"),
    "a decoder without its tokens": (lambda: {"decoder": LAYERS[0], "cross": LAYERS[0]}, {}, "given_no_target"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_does_not_fit_is_said_in_a_sentence(name: str) -> None:
    given, options, message = BROKEN[name]
    with pytest.raises(AttnvizError) as refusal:
        av.from_weights(given(), TOKENS, **options)
    assert refusal.value.message == message
    assert all(refusal.value.say(language) for language in LANGUAGES)


TOKENS_WRONG = {"a sentence": "tea cup a b", "none": [], "mixed": ["a", 1, "b", 2], "no list": 7, "truths": [True] * 4}


@pytest.mark.parametrize("name", TOKENS_WRONG)
def test_tokens_that_are_no_list_of_strings_are_refused(name: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        av.from_weights(LAYERS, TOKENS_WRONG[name])
    assert refusal.value.message == "given_tokens"


def test_ids_without_their_tokenizer_are_refused() -> None:
    with pytest.raises(AttnvizError) as refusal:
        av.from_weights(LAYERS, torch.tensor([101, 5, 6, 102]))
    assert refusal.value.message == "given_ids"


def test_the_place_of_a_wrong_row_is_named() -> None:
    wrong = LAYERS[1].clone()
    wrong[2, 3] *= 0.5
    with pytest.raises(AttnvizError, match=r"Layer 1, head 2, row 3 sums to 0\.5"):
        av.from_weights([LAYERS[0], wrong], TOKENS)
    assert holds(av.from_weights([LAYERS[0], wrong], TOKENS, sums_to_one=False), [LAYERS[0], wrong])


def test_rows_of_sixteen_bits_may_miss_one_by_their_own_rounding() -> None:
    rough = weights(4, 64, 64).to(torch.bfloat16)
    assert float((rough.float().sum(-1) - 1).abs().max()) > 1e-3
    trace = av.from_weights(rough, [f"t{i}" for i in range(64)])
    assert torch.equal(trace.weights(0), rough.float())


def test_a_query_that_may_look_at_nothing_is_taken_with_its_zeros() -> None:
    given = np.array([[0.0, 0.0], [0.5, 0.5]])
    assert av.from_weights(given, ["a", "b"]).weights(0, 0).tolist() == given.tolist()


def test_what_was_given_stays_as_it_was() -> None:
    given = torch.stack(LAYERS).requires_grad_()
    before = given.detach().clone()
    trace = av.from_weights(given, TOKENS)
    assert torch.equal(given.detach(), before) and given.requires_grad
    assert not trace.weights(0).requires_grad
