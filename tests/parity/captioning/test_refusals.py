"""What cannot be: a picture for a model without eyes, a text alone for one that needs a picture; each in a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers as hf

import attnviz as av
from attnviz.adapter.captioning.prompts import prompt, template_of
from attnviz.models import memory
from tests.parity.captioning import IMAGE, PROCESSORS, network, noise, opened, saved, tokenizer
from tests.parity.vision import KINDS

PICTURE = noise(40, 30)


def test_a_model_of_texts_alone_takes_no_picture() -> None:
    with pytest.raises(av.ModelError, match="reads no picture"):
        av.record(av.load("lab-1"), "the cat", picture=PICTURE)
    with pytest.raises(av.ModelError, match="reads no picture"):
        av.generate(av.load("lab-gpt"), "the cat", picture=PICTURE)
    with pytest.raises(av.AttnvizError):
        av.record(av.load("vit-1"), PICTURE, picture=PICTURE)


def test_blip_reads_no_text_without_a_picture_and_takes_one_in_its_place(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "blip captions"))
    with pytest.raises(av.ModelError, match="give it one beside the text"):
        av.record(model, "a cat")
    with pytest.raises(av.ModelError, match="give it one beside the text"):
        av.generate(model, "a cat")
    alone = av.record(model, PICTURE)
    assert torch.equal(alone.weights(0), av.record(model, picture=PICTURE).weights(0))
    assert alone.tokens == ["[DEC]"]


def test_llava_goes_on_reading_texts_alone(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava"))
    assert av.record(model, "what is it ?").tokens == ["what", "is", "it", "?"]
    assert len(av.generate(model, "what is it ?", most=2).tokens) == 6


def test_what_goes_with_no_picture_is_named(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava"))
    with pytest.raises(av.AttnvizError, match="cannot be asked for pair"):
        av.record(model, "what", picture=PICTURE, pair="is it")
    with pytest.raises(av.ModelError, match="exactly once"):
        av.record(model, "<image> <image> what", picture=PICTURE)
    with pytest.raises(av.PictureError):
        av.record(model, "what", picture=b"no picture")
    with pytest.raises(av.ModelError):
        av.record(model, "what", picture=PICTURE, states=True)


@pytest.mark.parametrize(("kind", "places"), [("llava", 16), ("qwen2_vl", 20), ("smolvlm", 4 * 13)])
def test_a_folder_that_does_not_say_how_its_pictures_are_prepared_is_told(
    kind: str, places: int, tmp_path: Path
) -> None:
    network(kind).save_pretrained(tmp_path)
    tokenizer(kind).save_pretrained(tmp_path)
    model = opened(tmp_path)
    assert any(note.message == "captioning_default" for note in model.notices)
    assert len(av.record(model, "what", picture=PICTURE).keys.pictured) == places  # type: ignore[attr-defined]


def test_a_model_writes_no_place_of_a_picture(tmp_path: Path) -> None:
    made = network("llava")
    made.lm_head.weight.data.zero_()
    made.model.language_model.norm.weight.data.fill_(1.0)
    made.lm_head.weight.data[IMAGE] = 1e-6  # the likeliest of all wherever the states sum to more than 0
    model = opened(saved(tmp_path, "llava", made))
    trace = av.generate(model, "what is it ?", picture=PICTURE, most=4)
    assert trace.border is not None and IMAGE not in trace.encoded.ids[trace.border :]


def test_a_folder_whose_pictures_cannot_be_prepared_reads_texts_and_says_why_at_a_picture(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava", processor=hf.ViTImageProcessorPil()))
    assert len(av.record(model, "what is it ?").tokens) == 4
    with pytest.raises(av.ModelError, match="ViTImageProcessorPil"):
        av.record(model, "what", picture=PICTURE)


def test_a_blip_that_tells_pictures_and_texts_apart_is_refused(tmp_path: Path) -> None:
    made = network("blip captions")
    made.config.architectures = ["BlipForImageTextRetrieval"]
    folder = saved(tmp_path, "blip captions", made)
    text = (folder / "config.json").read_text().replace("BlipForConditionalGeneration", "BlipForImageTextRetrieval")
    (folder / "config.json").write_text(text)
    with pytest.raises(av.ModelError, match="neither writes captions"):
        av.load(folder)


def test_a_picture_that_would_not_fit_into_the_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(saved(tmp_path, "qwen2_vl"))
    monkeypatch.setattr(memory, "free_for", lambda need: 10)
    with pytest.raises(av.TextError, match="GB"):
        av.record(model, "what", picture=PICTURE)


def test_changes_name_the_places_of_the_row_and_leave_the_tower_alone(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava"))
    before = av.record(model, "what is it ?", picture=PICTURE)
    hidden = av.record(model, "what is it ?", picture=PICTURE, interventions=[av.HideToken(8)])
    assert float(hidden.weights(0)[:, :, 8].max()) == 0 < float(before.weights(0)[:, -1, 8].max())
    assert torch.equal(hidden.attention(0).keys, before.attention(0).keys)  # what the tower saw is the same
    with pytest.raises(av.AttnvizError):
        av.record(model, "what", picture=PICTURE, interventions=[av.HideToken(99)])


def test_a_change_may_name_a_token_that_is_yet_to_be_written(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava"))
    border = len(av.record(model, "what is it ?", picture=PICTURE).tokens)
    changes = [av.HideToken(border)]
    trace = av.generate(model, "what is it ?", picture=PICTURE, most=3, interventions=changes)
    assert trace.border == border and len(trace.tokens) > border + 1
    assert float(trace.weights(0)[:, border + 1 :, border].abs().max()) == 0
    with pytest.raises(av.AttnvizError):
        av.generate(model, "what", picture=PICTURE, most=3, interventions=[av.HideToken(99)])


def test_a_prompt_is_the_one_of_transformers_own_processor(tmp_path: Path) -> None:
    """Idefics3's: tiles in rows, and the whole once more; LLaVA's and PaliGemma's beside it."""
    makers = {
        "idefics3": lambda own, cut: hf.Idefics3Processor(own, cut, image_seq_len=4),
        "llava": lambda own, cut: hf.LlavaProcessor(own, cut, 8, "default", num_additional_image_tokens=1),
        "paligemma": hf.PaliGemmaProcessor,
    }
    for kind, make in makers.items():
        model, own = opened(saved(tmp_path / kind, kind)), PROCESSORS[kind]()
        own.image_seq_length = 16
        theirs = make(own, tokenizer(kind))
        text = prompt("", kind, model.tokenizer, "", "<image>", "what is it ?")
        said = "<image>what is it ?" if kind == "paligemma" else text
        ids = theirs(text=[said], images=[[noise(97, 41).image()]])["input_ids"][0]
        mine = av.record(model, "what is it ?", picture=noise(97, 41)).encoded.ids
        assert list(mine) == list(ids)[-len(mine) :] and len(ids) - len(mine) in (0, 1), kind


def test_a_trace_of_both_is_saved_and_read_back(tmp_path: Path) -> None:
    trace = av.record(opened(saved(tmp_path, "smolvlm")), "what", picture=PICTURE)
    trace.save(tmp_path / "trace")
    again = av.load_trace(tmp_path / "trace")
    assert again.keys == trace.keys and again.keys is again.queries
    assert torch.equal(again.weights(1), trace.weights(1)) and again.encoded.text == trace.encoded.text


def test_the_tower_of_a_clip_is_still_opened_alone(tmp_path: Path) -> None:
    KINDS["clip"]().save_pretrained(tmp_path)
    assert isinstance(av.load(tmp_path), av.VisionModel)


def test_a_template_that_lies_beside_in_a_file_of_its_own_is_taken_before_the_tokenizers(tmp_path: Path) -> None:
    own = tokenizer("llava")
    own.chat_template = "{{ 'mine' }}"
    assert template_of(tmp_path, own) == "{{ 'mine' }}"
    (tmp_path / "chat_template.json").write_text('{"chat_template": "{{ 1 }}"}', encoding="utf-8")
    assert template_of(tmp_path, own) == "{{ 1 }}"
    (tmp_path / "chat_template.json").write_text("[]", encoding="utf-8")
    assert template_of(tmp_path, own) == "{{ 'mine' }}"


def test_a_qwen_is_asked_as_its_maker_asks_it() -> None:
    """The turn of a person with a picture, as Qwen2-VL's own template writes it."""
    said = "<|im_start|>user\n<|vision_start|><image><|vision_end|>what ?<|im_end|>\n<|im_start|>assistant\n"
    for kind in ("qwen2_vl", "qwen2_5_vl"):
        assert prompt("", kind, tokenizer(kind), "", "<image>", "what ?") == said


def test_a_prompt_that_fills_the_model_leaves_no_room_for_an_answer(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "llava"))
    full = replace(model, limit=len(av.record(model, "what is it ?", picture=PICTURE).tokens))
    with pytest.raises(av.TextError, match="already fills"):
        av.generate(full, "what is it ?", picture=PICTURE)
    assert (
        len(av.generate(replace(full, limit=(full.limit or 0) + 1), "what is it ?", picture=PICTURE).tokens)
        == (full.limit or 0) + 1
    )


def test_a_templates_own_prompt_is_taken_where_it_has_the_picture_and_the_text(tmp_path: Path) -> None:
    own = tokenizer("llava")
    takes = (
        "{% for m in messages %}{% for c in m.content %}{{ '<image>' if c.type == 'image' else c.text }} {% endfor %}"
        "{% endfor %}assistant"
    )
    assert prompt("", "llava", own, takes, "<image>", "what is it ?") == "<image> what is it ? assistant"
    words = "{% for m in messages %}{{ m.content }}{% endfor %}"  # made for texts: what it has is no prompt
    assert prompt("", "llava", own, words, "<image>", "what ?") == "USER: <image>\nwhat ? ASSISTANT:"
    assert prompt("", "llava", own, takes, "<image>", "see <image>") == "see <image>"


@pytest.mark.parametrize("kind", ["qwen2_vl", "qwen2_5_vl"])
def test_what_a_qwen_keeps_of_its_last_picture_is_read_by_no_one_else(kind: str, tmp_path: Path) -> None:
    """`rope_deltas` on the network is of whoever asked last: another visitor between two tokens changes nothing."""
    model, wide = opened(saved(tmp_path, kind)), noise(97, 41)
    alone = av.generate(model, "what is it ?", picture=PICTURE, most=4)
    others = [av.generate(model, "a cat", picture=wide, most=2)]
    kept = []

    def visit(count: int, said: str) -> None:
        others.append(av.generate(model, "a cat", picture=wide, most=2))
        kept.append(model.network.model.rope_deltas)
        model.network.model.rope_deltas = torch.tensor([[1000]])

    again = av.generate(model, "what is it ?", picture=PICTURE, most=4, on_token=visit)
    assert again.encoded.ids == alone.encoded.ids and len(kept) == 4
    for layer in range(alone.n_layers):
        torch.testing.assert_close(again.weights(layer), alone.weights(layer), atol=1e-6, rtol=0)
    for other in others[1:]:
        assert other.encoded.ids == others[0].encoded.ids
        torch.testing.assert_close(other.weights(1), others[0].weights(1), atol=1e-6, rtol=0)
    read = av.record(model, "what is it ?", picture=PICTURE)  # with what the last visitor left
    torch.testing.assert_close(
        read.weights(1), alone.weights(1)[:, : len(read.keys), : len(read.keys)], atol=1e-6, rtol=0
    )
    assert av.record(model, "what is it ?").tokens == ["what", "is", "it", "?"]
