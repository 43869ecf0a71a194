"""Copying is judged by output: a head built to write what it sees copies, its negative does not, noise is chance."""

from __future__ import annotations

import copy
import csv
import io
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import attnviz as av
from attnviz.errors import ModelError, Stopped
from attnviz.experiments.atlas import copiers
from attnviz.measures.reading import copied, raised
from attnviz.models.load import Model

TEXTS = ["南京市长江大桥全长六千多米", "the old man sat by the river"]


def test_a_share_is_of_the_other_pieces_and_ties_count_half() -> None:
    gains = torch.tensor([[5.0, 1.0, 2.0, 2.0, 3.0]]).expand(5, -1)
    assert raised(gains, torch.arange(5)).tolist() == [1.0, 0.0, 0.375, 0.375, 0.75]


def test_shares_are_weighed_by_what_lies_on_the_text_and_rows_of_nothing_are_left_out() -> None:
    weights = torch.tensor([[[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]])
    text, asked = torch.tensor([True, True, False]), torch.tensor([True, True, False])
    found = copied(weights, torch.tensor([[0.9, 0.3, 0.0]]), asked, text)
    assert found[0, 0].item() == pytest.approx((0.5 * 0.9 + 0.25 * 0.3) / 0.75)
    assert found[0, 1:].isnan().all()


def built(model: Model) -> Model:
    """The first layer's heads at work as told: one writes the token that it sees, one its negative, one noise, one 0.

    What they read is made the bare embedding: queries, keys and the rest stay as they were trained.
    """
    network = copy.deepcopy(model.network)
    attention, config = network.model.layers[0].self_attn, network.config
    width = config.hidden_size // config.num_attention_heads
    embeddings = network.get_output_embeddings().weight.data.double()
    norm = network.model.layers[0].input_layernorm.weight.data.double()
    read = network.model.embed_tokens.weight.data.double() * norm
    solution: Tensor = torch.linalg.lstsq(read, embeddings).solution.T  # what is read -> what the head would say
    left, sizes, right = torch.linalg.svd(solution)
    to, of = left[:, :width] * sizes[:width], right[:width]
    torch.manual_seed(0)
    values = attention.v_proj.weight.data
    for head, (reads, writes) in enumerate([(of, to), (of, -to), (of, torch.randn_like(to)), (of, 0 * to)]):
        values[head * width : (head + 1) * width] = reads
        attention.o_proj.weight.data[:, head * width : (head + 1) * width] = writes
    return replace(model, network=network)


def test_a_head_that_writes_what_it_sees_copies_its_negative_does_not_and_noise_is_chance() -> None:
    found = av.copying(built(av.load("lab-gpt")), TEXTS)
    copies, against, noise, nothing = found.mean[0].tolist()
    assert copies > 0.9 and against < 0.1 and abs(noise - 0.5) < 0.2 and nothing == pytest.approx(0.5, abs=1e-6)
    tokens = sum(not one for text in TEXTS for one in av.record(av.load("lab-gpt"), text).special)
    assert found.tokens == tokens and not found.unknown


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_what_a_head_writes_is_the_step_from_removed_to_whole(name: str) -> None:
    """The vectors that are judged, summed by the weights, are what the layer loses without the head."""
    model = av.load(name)
    whole = av.record(model, TEXTS[0], states=True)
    without = av.record(
        model, TEXTS[0], states=True, interventions=[av.RemoveHeads((1,), layers=(2,))]
    )  # fmt: skip
    written = torch.einsum("qk,kw->qw", whole.attention(2).weights[1], copiers.written_by(whole, 2)[1].float())
    assert torch.allclose(written, whole.block(2).output - without.block(2).output, atol=1e-4)


def test_layers_that_are_no_sum_of_heads_are_not_known_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = copiers.written_by

    def refused(trace: av.Trace, layer: int) -> Tensor:
        if layer == 1:
            raise av.AttnvizError("block_not_linear", between="sigmoid")
        return judged(trace, layer)

    monkeypatch.setattr(copiers, "written_by", refused)
    model = av.load("lab-2")
    found = av.copying(model, TEXTS)
    assert found.mean[1].isnan().all() and found.mean[0].isfinite().all()
    assert list(found.unknown) == [1] and "sigmoid" in str(found.unknown[1])
    table = list(csv.DictReader(io.StringIO(av.atlas(model, TEXTS).csv(None, found))))
    assert {row["copying"] for row in table if row["layer"] == "1"} == {""}
    assert float(table[0]["copying"]) == pytest.approx(float(found.mean[0, 0]), abs=1e-5)


def test_a_stop_and_a_model_that_predicts_nothing_are_sentences() -> None:
    model = av.load("lab-1")
    with pytest.raises(Stopped):
        av.copying(model, TEXTS, stop=lambda: True)
    with pytest.raises(ModelError, match="not known"):
        av.copying(replace(model, kind="plain"), TEXTS)
