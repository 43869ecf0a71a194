"""The steps of one query against plain loops in float64, and what random vectors do without the scale."""

from __future__ import annotations

import math

import pytest
import torch

from attnviz import attend, load, record
from attnviz.core.attention import Attention
from attnviz.core.masks import Causal
from attnviz.core.rules import Argmax, Soft, Sparsemax, TopK
from attnviz.errors import AttnvizError
from attnviz.measures.steps import Steps, again, nats, saturation
from attnviz.trace import Trace

TEXT = "南京市长江大桥"
LAYER, HEAD, QUERY = 3, 2, 3


@pytest.fixture(scope="module")
def run() -> Trace:
    return record(load("lab-4"), TEXT)


def steps(trace: Trace, query: int = QUERY) -> Steps:
    return Steps.of(trace.attention(LAYER, HEAD), query)


def by_hand(
    found: Attention, query: int, *, scale: float, temperature: float = 1.0, allowed: list[bool] | None = None
) -> tuple[list[float], list[float], list[float], list[float], list[float]]:
    """Products, scaled, masked, softmax weights and output of one query, number by number."""
    q, keys, values = (
        part.tolist() for part in (found.queries[query].double(), found.keys.double(), found.values.double())
    )
    products = [math.fsum(a * b for a, b in zip(q, key, strict=True)) for key in keys]
    scaled = [product * scale for product in products]
    masked = [s if allowed is None or allowed[n] else -math.inf for n, s in enumerate(scaled)]
    powers = [math.exp((s - max(masked)) / temperature) for s in masked]
    weights = [power / math.fsum(powers) for power in powers]
    output = [math.fsum(w * value[i] for w, value in zip(weights, values, strict=True)) for i in range(len(values[0]))]
    return products, scaled, masked, weights, output


def close(found: torch.Tensor, wanted: list[float]) -> None:
    torch.testing.assert_close(found.double(), torch.tensor(wanted, dtype=torch.float64), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("temperature", [1.0, 0.4, 3.0])
@pytest.mark.parametrize("masked", [False, True])
def test_every_step_is_what_plain_loops_give(run: Trace, scaled: bool, temperature: float, masked: bool) -> None:
    # worst gap seen 3.5e-6, in products of about 40 (float32)
    allowed = Causal().allowed(9, 9) if masked else None
    found = steps(again(run, LAYER, scaled=scaled, allowed=allowed, rule=Soft(temperature)))
    scale = 40**-0.5 if scaled else 1.0
    row = None if allowed is None else allowed[QUERY].tolist()
    wanted = by_hand(run.attention(LAYER, HEAD), QUERY, scale=scale, temperature=temperature, allowed=row)
    for got, column in zip(
        (found.products, found.scaled, found.masked, found.weights, found.output), wanted, strict=True
    ):
        close(got, column)


def test_with_the_scale_off_the_scores_are_the_products(run: Trace) -> None:
    found = steps(again(run, LAYER, scaled=False))
    assert found.scale == 1 and torch.equal(found.scaled, found.products) and torch.equal(found.masked, found.products)
    assert torch.equal(found.products, steps(run).products)


def test_no_scale_is_a_temperature_of_one_over_root_d(run: Trace) -> None:
    plain, warm = steps(again(run, LAYER, scaled=False)), steps(again(run, LAYER, rule=Soft(40**-0.5)))
    torch.testing.assert_close(plain.weights, warm.weights, atol=1e-6, rtol=1e-5)


def test_what_a_mask_forbids_gets_exactly_nothing_and_the_rest_still_sums_to_one(run: Trace) -> None:
    found = steps(again(run, LAYER, allowed=Causal().allowed(9, 9)))
    assert found.masked[QUERY + 1 :].tolist() == [-math.inf] * 5 and found.weights[QUERY + 1 :].tolist() == [0.0] * 5
    assert found.weights.sum().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(found.scaled, steps(run).scaled), "the mask comes after the scale"


@pytest.mark.parametrize("rule", [TopK(2), Argmax(), Sparsemax()])
def test_a_rule_takes_the_same_scores(run: Trace, rule: object) -> None:
    found = steps(again(run, LAYER, rule=rule))  # type: ignore[arg-type]
    assert torch.equal(found.masked, steps(run).masked)
    wanted = rule.weigh(found.masked[None])[0]  # type: ignore[attr-defined]
    torch.testing.assert_close(found.weights, wanted)
    close(found.output, (wanted.double() @ found.values.double()).tolist())


@pytest.mark.parametrize("name", ["lab-1", "lab-2", "lab-4", "lab-8"])
def test_with_nothing_changed_the_output_is_the_models_own(name: str) -> None:
    """Projected by the block's own matrix, the outputs of all heads are what the block adds. Worst gap seen 8e-6."""
    model, kept = load(name), {}
    block = model.network.model.layers[LAYER].attn
    handle = block.register_forward_hook(lambda module, given, result: kept.update(out=result[0]))
    try:
        trace = record(model, TEXT)
    finally:
        handle.remove()
    heads = [Steps.of(again(trace, LAYER).attention(LAYER, head), QUERY).output for head in range(trace.n_heads)]
    with torch.inference_mode():
        projected = block.Wo(torch.cat(heads))
    torch.testing.assert_close(projected, kept["out"][0, QUERY], atol=1e-5, rtol=1e-5)


def test_the_models_run_is_not_changed(run: Trace) -> None:
    before = run.weights(LAYER).clone()
    changed = again(run, LAYER, scaled=False, rule=Argmax())
    assert torch.equal(run.weights(LAYER), before) and not torch.equal(changed.weights(LAYER), before)
    others = [n for n in range(4) if again(run, 1).layers[n] is run.layers[n]]
    assert others == [0, 2, 3] and changed.outputs is run.outputs


def test_a_model_with_a_mask_of_its_own_keeps_it() -> None:
    trace = record(load("lab-gpt"), TEXT)
    allowed = torch.ones(len(trace.tokens), len(trace.tokens), dtype=torch.bool)
    assert torch.equal(again(trace, 0, allowed=allowed).weights(0), trace.weights(0))


def test_a_layer_that_is_not_there_is_refused(run: Trace) -> None:
    with pytest.raises(AttnvizError, match="layer 9"):
        again(run, 9)


def test_what_each_key_adds_sums_to_the_output(run: Trace) -> None:
    torch.testing.assert_close(steps(run).parts.sum(0), steps(run).output, atol=1e-5, rtol=1e-5)


def test_entropy_in_nats_of_even_and_of_single_weights() -> None:
    assert nats(torch.tensor([[0.25] * 4, [0, 1, 0, 0]])).tolist() == pytest.approx([math.log(4), 0])


def test_unscaled_products_saturate_as_published() -> None:
    """d = 64, 32 keys: one set of draws gave 0.481 nats and 0.826 unscaled, 3.033 and 0.161 scaled; ln 32 = 3.466.

    Over 20,000 draws the means are 0.498, 0.816, 3.014 and 0.164.
    """
    found = saturation((64,), keys=32, draws=2_000)
    assert found.entropy[0] == pytest.approx(0.481, abs=0.04) and found.largest[0] == pytest.approx(0.826, abs=0.02)
    assert found.entropy_scaled[0] == pytest.approx(3.033, abs=0.04)
    assert found.largest_scaled[0] == pytest.approx(0.161, abs=0.01)
    assert found.even == pytest.approx(3.466, abs=5e-4)


def test_saturation_is_what_loops_give_for_the_same_vectors() -> None:
    width, keys, draws, seed = 8, 5, 3, 4
    generator = torch.Generator().manual_seed(seed)
    queries = torch.randn(draws, 1, width, generator=generator)
    looked_at = torch.randn(draws, keys, width, generator=generator)
    for scale, name in ((1.0, ""), (width**-0.5, "_scaled")):
        entropies, largest = [], []
        for q, k in zip(queries[:, 0], looked_at, strict=True):
            weights = by_hand(attend(q[None], k, k, rule=Soft()), 0, scale=scale)[3]
            entropies.append(-math.fsum(w * math.log(w) for w in weights))
            largest.append(max(weights))
        found = saturation((width,), keys=keys, draws=draws, seed=seed)
        assert getattr(found, "entropy" + name)[0] == pytest.approx(sum(entropies) / draws, abs=1e-6)
        assert getattr(found, "largest" + name)[0] == pytest.approx(sum(largest) / draws, abs=1e-6)


def test_only_without_the_scale_does_width_matter() -> None:
    found = saturation((4, 64, 512))
    assert found.entropy[0] > found.entropy[1] > found.entropy[2]
    assert max(found.entropy_scaled) - min(found.entropy_scaled) < 0.1
