"""Two towers and the cosine of each patch with a text: transformers' own numbers, and each on its own patch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import attnviz as av
from attnviz.axes import Box
from attnviz.ui.stores.sizes import network_bytes
from tests.parity.architectures import spread_out
from tests.parity.vision import READS, SEES, SIZES, WAYS, lit, noise, opened

CLOSE = 1e-5  # the worst seen: 2e-7
WORDS = ["[PAD]", "[UNK]", "a", "cat", "dog", "small", "<eos>"]
MAKERS = {
    "clip": lambda text: hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=SEES, projection_dim=16)),
    "siglip": lambda text: hf.SiglipModel(hf.SiglipConfig(text_config=text, vision_config=SEES)),
}
TEXT = "a small cat"


def network(kind: str) -> Any:
    """Both towers, their weights wide enough to tell texts and patches apart."""
    torch.manual_seed(0)
    made = MAKERS[kind]({**READS, "eos_token_id": 6, "pad_token_id": 0}).float().eval()
    return spread_out(made, kind)


def tokenizer() -> Any:
    """A tokenizer of whole words, with an end after them."""
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, "[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 6)])
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]", eos_token="<eos>", model_max_length=32
    )


def saved(folder: Path, kind: str, made: Any = None, way: str = "short side and cut") -> Path:
    """Both towers as a folder."""
    (network(kind) if made is None else made).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    WAYS[way]().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", MAKERS)
def test_the_cosines_are_those_of_transformers_own_towers(kind: str, size: str, tmp_path: Path) -> None:
    picture, model = noise(*SIZES[size]), opened(saved(tmp_path, kind))
    found = av.patch_text(model, picture, TEXT)
    own = type(network(kind)).from_pretrained(tmp_path, attn_implementation="eager").eval()
    values = model.processor(images=picture.image(), return_tensors="pt")["pixel_values"]
    long = {"padding": "max_length", "max_length": 32} if kind == "siglip" else {}
    ids = tokenizer()(TEXT, return_tensors="pt", **long)["input_ids"]
    with torch.inference_mode():
        whole = own(input_ids=ids, pixel_values=values)
        states = own.vision_model(values).last_hidden_state[0]
        if kind == "clip":
            patches = own.visual_projection(own.vision_model.post_layernorm(states[1:]))
            cosine = whole.logits_per_image / own.logit_scale.exp()
        else:  # the head's own attention over one place gives that place all its weight
            patches = torch.cat([own.vision_model.head(one[None, None]) for one in states])
            cosine = (whole.logits_per_image - own.logit_bias) / own.logit_scale.exp()
    theirs = F.cosine_similarity(patches, whole.text_embeds[0], dim=-1)
    first = len(found.trace.keys.first)  # type: ignore[attr-defined]
    assert first == (kind == "clip") and bool(found.cosines[:first].isnan().all())
    torch.testing.assert_close(found.cosines[first:], theirs, atol=CLOSE, rtol=0)
    assert found.whole == pytest.approx(float(cosine), abs=CLOSE)
    assert float(theirs.max() - theirs.min()) > 0.01 and found.text.text == TEXT


@pytest.mark.parametrize("way", ["stretched", "short side and cut", "a rest left out", "filled up"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", MAKERS)
def test_one_bright_patch_changes_its_own_cosine_alone(kind: str, size: str, way: str, tmp_path: Path) -> None:
    """In towers whose attention adds nothing, so that a patch's state comes from its own pixels."""
    made = network(kind)
    for name, weights in made.vision_model.named_parameters():
        if "encoder" in name and "out_proj" in name:
            weights.data.zero_()
    model = opened(saved(tmp_path, kind, made, way))
    dark = av.patch_text(model, lit(*SIZES[size], Box(0, 0, 0, 0)), TEXT)
    axis = dark.trace.keys
    boxes = {place: box for place in range(len(axis)) if isinstance(box := axis.stands_for(place), Box)}
    for place in list(boxes)[:: max(1, len(boxes) // 4)]:
        box = boxes[place]
        across, down = (box.right - box.left) / 3, (box.bottom - box.top) / 3
        spot = Box(*map(round, (box.left + across, box.top + down, box.right - across, box.bottom - down)))
        if min(spot.right - spot.left, spot.bottom - spot.top) < 1:
            continue
        moved = (av.patch_text(model, lit(*SIZES[size], spot), TEXT).cosines - dark.cosines).abs()
        assert int(moved.nan_to_num(0).argmax()) == place, (place, box)


def test_a_text_is_told_from_another_and_hiding_acts(tmp_path: Path) -> None:
    model, picture = opened(saved(tmp_path, "clip")), noise(64, 64)
    cat, dog = (av.patch_text(model, picture, text) for text in ("a cat", "a dog"))
    assert float((cat.cosines - dog.cosines).nan_to_num(0).abs().max()) > 1e-3
    assert torch.equal(cat.trace.weights(0), av.record(model, picture).weights(0))
    hidden = av.patch_text(model, picture, "a cat", interventions=[av.HideToken(5)])
    assert hidden.whole != cat.whole and float(hidden.trace.weights(0)[..., 5].max()) == 0
    hard = av.patch_text(model, picture, "a cat", rule=av.Argmax())
    assert hard.whole != cat.whole and hard.trace.rule == av.Argmax()


def test_both_towers_count_in_the_memory_and_the_picture_s_is_the_network(tmp_path: Path) -> None:
    model = opened(saved(tmp_path, "clip"))
    assert type(model.network).__name__ == "CLIPVisionModel" and model.texts is not None
    numbers = sum(one.numel() for one in network("clip").parameters())
    assert network_bytes(model) >= 4 * numbers and not hasattr(model.texts.network, "vision_model")


def test_what_has_no_such_towers_says_why(tmp_path: Path) -> None:
    picture = noise(40, 30)
    with pytest.raises(av.ModelError, match="no tower that reads texts"):
        av.patch_text(av.load("vit-1"), picture, TEXT)
    with pytest.raises(av.ModelError, match="no tower that reads texts"):
        av.patch_text(av.load("lab-1"), picture, TEXT)
    network("clip").save_pretrained(tmp_path / "mute")  # without a tokenizer: pictures are looked at all the same
    mute = opened(tmp_path / "mute")
    assert av.record(mute, picture).n_layers == 2
    with pytest.raises(av.ModelError, match="tokenizer"):
        av.patch_text(mute, picture, TEXT)
    made = network("siglip")
    made.config.vision_config.vision_use_head = False
    headless = hf.SiglipModel(made.config).eval()
    model = opened(saved(tmp_path / "headless", "siglip", headless))
    with pytest.raises(av.ModelError, match="vision_use_head"):
        av.patch_text(model, picture, TEXT)
    with pytest.raises(av.TextError):
        av.patch_text(opened(saved(tmp_path / "clip", "clip")), picture, "  ")
    with pytest.raises(av.PictureError):
        av.patch_text(opened(tmp_path / "clip"), b"no picture", TEXT)
