"""Weights and what is written are those of transformers' own eager attention, for every kind and size of picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import attnviz as av
from tests.parity.captioning import IMAGE, KINDS, SIZES, noise, opened, saved

CLOSE = 1e-5
QUESTION = "what is it ?"
ROWS = [kind for kind in KINDS if not kind.startswith("blip")]


def eagerly(folder: Path, model: av.VisionLanguageModel) -> Any:
    """The network of a folder with transformers' own attention."""
    made: Any = type(model.network)
    return made.from_pretrained(
        folder, config=made.config_class.from_pretrained(folder), attn_implementation="eager"
    ).eval()


def prepared(model: av.VisionLanguageModel, picture: av.Picture) -> dict[str, Any]:
    """What transformers' own processor makes of a picture."""
    return dict(model.processor(images=picture.image(), return_tensors="pt"))


def typed(kind: str, ids: torch.Tensor, border: int) -> dict[str, torch.Tensor]:
    """The kinds of tokens that some types are told."""
    if kind == "paligemma":
        return {"token_type_ids": (torch.arange(ids.shape[1]) >= border).long()[None]}
    return {"mm_token_type_ids": (ids == IMAGE).long()} if kind.startswith("qwen") else {}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ROWS)
def test_in_a_row_weights_and_predictions_are_those_of_eager_attention(kind: str, size: str, tmp_path: Path) -> None:
    folder, picture = saved(tmp_path, kind), noise(*SIZES[size])
    model = opened(folder)
    trace = av.record(model, QUESTION, picture=picture, target="a cat")
    ids = torch.tensor([trace.encoded.ids])
    assert trace.border == ids.shape[1] - 2
    given: dict[str, Any] = {"input_ids": ids, **prepared(model, picture), **typed(kind, ids, trace.border)}
    with torch.inference_mode():
        plain = eagerly(folder, model)(**given, output_attentions=True, output_hidden_states=True)
    assert trace.parts == ("self",) and trace.n_layers == len(plain.attentions) == 2
    for layer, theirs in enumerate(plain.attentions):
        torch.testing.assert_close(trace.weights(layer), theirs[0], atol=CLOSE, rtol=0)
    assert trace.logits is not None
    torch.testing.assert_close(trace.logits, plain.logits[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", SIZES)
def test_a_caption_and_an_answer_of_blip_look_as_they_do_in_transformers(size: str, tmp_path: Path) -> None:
    picture = noise(*SIZES[size])
    for kind in ("blip captions", "blip answers"):
        folder = saved(tmp_path / kind, kind)
        model = opened(folder)
        trace = av.record(model, QUESTION, picture=picture, target="a cat")
        words = trace.map("decoder").encoded
        told = prepared(model, picture)
        with torch.inference_mode():
            own = eagerly(folder, model)
            image = own.vision_model(**told, output_attentions=True)
            gaps = {"encoder": image.attentions}
            states = image.last_hidden_state
            if kind == "blip answers":
                asked = torch.tensor([trace.map("question").encoded.ids])
                read = own.text_encoder(asked, encoder_hidden_states=states, output_attentions=True)
                gaps |= {"question": read.attentions, "cross": read.cross_attentions}
                states = read.last_hidden_state
            said = own.text_decoder(
                torch.tensor([words.ids]), encoder_hidden_states=states, output_attentions=True, use_cache=False
            )
        gaps |= {"decoder": said.attentions, ("asked" if kind == "blip answers" else "cross"): said.cross_attentions}
        assert set(trace.parts) == set(gaps) and trace.part == "cross" and words.labels[0] == "[DEC]"
        for part, theirs in gaps.items():
            assert len(theirs) == trace.map(part).n_layers == 2
            for layer, one in enumerate(theirs):
                torch.testing.assert_close(trace.map(part).weights(layer), one[0], atol=CLOSE, rtol=0)
        if kind == "blip captions":
            assert trace.logits is not None
            torch.testing.assert_close(trace.logits, said.logits[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_what_transformers_writes(kind: str, tmp_path: Path) -> None:
    folder, picture = saved(tmp_path, kind), noise(97, 41)
    model = opened(folder)
    trace = av.generate(model, QUESTION, picture=picture, most=5)
    words = trace if kind in ROWS else trace.map("decoder")
    assert words.border is not None
    mine = words.encoded.ids[words.border :]
    told = prepared(model, picture)
    if kind in ROWS:
        told["input_ids"] = torch.tensor([words.encoded.ids[: words.border]])
        told |= typed(kind, told["input_ids"], words.border)
    elif kind == "blip answers":
        told["input_ids"] = torch.tensor([trace.map("question").encoded.ids])
    else:
        told["input_ids"] = torch.tensor([[*words.encoded.ids[: words.border], 2]])  # which it cuts off
    told |= {"suppress_tokens": [IMAGE]} if kind in ROWS else {}  # a place of a picture is never written
    with torch.inference_mode():
        found = eagerly(folder, model).generate(**told, max_new_tokens=5, min_new_tokens=0, do_sample=False)[0].tolist()
    theirs = found[words.border :]
    assert list(mine) == theirs[: len(mine)] and len(mine) > 0
    assert words.tokens[words.border] == trace.name_piece(mine[0]) or not trace.logits is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_acts_and_leaves_the_model_as_it_was(kind: str, tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, kind)), noise(64, 64)
    before = av.record(model, QUESTION, picture=picture)
    hard = av.record(model, QUESTION, picture=picture, rule=av.Argmax())
    assert bool(((hard.weights(0) == 0) | (hard.weights(0) == 1)).all())
    again = av.record(model, QUESTION, picture=picture)
    assert torch.equal(again.weights(1), before.weights(1)) and not torch.equal(hard.weights(1), before.weights(1))
