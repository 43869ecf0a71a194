"""What does each way of reading attention cost, in forward passes, beside captum and inseq on the same network?

    python -m benchmarks.reading [--tokens 64] [--turns 5] [--clock cpu]

One text in lab-gpt (4 layers of 4 heads), and in two larger networks of its kind with weights drawn at random (6
layers, 6 heads, width 384; 12, 12 and 768 as in GPT-2; `--networks 768` measures the last alone), on one thread. A
forward pass is the network's own, with nothing recorded. A row's time is what it
takes once the run has been recorded with its states; gradients and occlusion run the network again. All take turns in
one process; what is printed are medians, in multiples of the forward pass (of occlusion: of passes of 16 texts, n / 16
of them). Where others use the machine too, `--clock cpu`, the usual one, counts the time that the process had a
processor. captum and inseq are measured where they are installed; they are not needed for anything else. inseq 0.7
is imported beside transformers 5, but asks for typeguard 2 and CUDA 11's packages: install it without its dependencies.
"""

from __future__ import annotations

import argparse
import gc
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchmarks.batches import CLOCKS, seconds

STEPS = 32  # of integrated gradients, ours and theirs
# In forward passes; None: no bar. Occlusion is held to passes of 16 texts.
BARS: dict[str, float | None] = {
    "weights": 0.2, "rollout": 0.2, "norms": 0.2, "norms_residual": 0.2, "alti": 0.2, "flow": None,
    "gradient_attention": 3.0, "relevance": 3.0, "value_zeroing": None, "integrated_gradients": None,
    "occluded_mean": 1.0, "edges_shared": 1.0,
}  # fmt: skip
BY_BATCHES = ("occluded_mean", "edges_shared")
WORDS = "the old man sat by the river and read a book while it rained 南京市长江大桥全长六千多米他把书还给了图书馆"


def networks() -> Iterator[tuple[str, Any]]:
    """lab-gpt, and two larger networks of its kind that know nothing."""
    import torch
    from transformers import LlamaForCausalLM

    from attnviz import load, wrap

    small = load("lab-gpt")
    yield "lab-gpt", small
    for layers, width in ((6, 384), (12, 768)):
        config = type(small.network.config).from_dict(small.network.config.to_dict())
        config.hidden_size, config.intermediate_size, config.num_hidden_layers = width, 4 * width, layers
        config.num_attention_heads = config.num_key_value_heads = width // 64
        config.head_dim = 64
        torch.manual_seed(0)
        yield f"{layers} x {width}, random", wrap(LlamaForCausalLM(config).eval(), small.tokenizer)


def text_of(model: Any, tokens: int) -> str:
    """A text of about so many tokens."""
    text = WORDS
    while len(model.tokenizer(text)["input_ids"]) < tokens:
        text += " " + WORDS
    while len(model.tokenizer(text)["input_ids"]) > tokens:
        text = text[:-1]
    return text


def ours(model: Any, text: str) -> dict[str, Callable[[], object]]:
    """What is measured of ours, by name."""
    from attnviz import differentiable, record
    from attnviz.experiments.reading.attributions import WAYS, _likeliest, _Run

    trace = record(model, text, states=True)
    at = len(trace.tokens) - 1
    target = _likeliest(trace, at)

    def once(way: str) -> Callable[[], object]:
        return lambda: WAYS[way](_Run(model, trace, target, at))

    return {
        "record": lambda: record(model, text),
        "record with states": lambda: record(model, text, states=True),
        "differentiable": lambda: differentiable(model, text).gradients(target),
        **{way: once(way) for way in BARS},
    }


def plain(model: Any, text: str, copies: int = 1) -> Callable[[], object]:
    """The network's own forward pass."""
    import torch

    ids = torch.tensor([model.tokenizer(text)["input_ids"]] * copies)

    def forward() -> object:
        with torch.inference_mode():
            return model.network(input_ids=ids, use_cache=False).logits

    return forward


def by_captum(model: Any, text: str) -> dict[str, Callable[[], object]]:
    """captum's integrated gradients and its ablation of one word after the other; nothing where it is not installed."""
    try:
        from captum.attr import FeatureAblation, LayerIntegratedGradients
    except ImportError:
        return {}
    import torch

    ids = torch.tensor([model.tokenizer(text)["input_ids"]])
    network = model.network
    embed = network.get_input_embeddings()
    token = int(network(input_ids=ids).logits[0, -1].argmax())

    def said(given: Any) -> Any:
        return network(input_ids=given, use_cache=False).logits[:, -1, token]

    def ablated(words: Any) -> Any:
        return network(inputs_embeds=words, use_cache=False).logits[:, -1, token]

    words, mask = embed(ids).detach(), torch.arange(ids.shape[1])[None, :, None]

    def ablation() -> object:
        with torch.inference_mode():
            mean = words.mean(1, keepdim=True).expand_as(words)
            return FeatureAblation(ablated).attribute(words, mean, feature_mask=mask, perturbations_per_eval=16)

    way = LayerIntegratedGradients(said, embed)
    return {
        "captum: integrated gradients": lambda: way.attribute(
            ids, torch.zeros_like(ids), n_steps=STEPS, internal_batch_size=16
        ),
        "captum: ablation": ablation,
    }


def by_inseq(model: Any, text: str) -> dict[str, Callable[[], object]]:
    """inseq's ways of explaining the last token of the text; nothing where it is not installed."""
    try:
        import inseq
    except ImportError:
        return {}
    before = text[:-1]
    found: dict[str, Callable[[], object]] = {}
    for way, more in (("integrated_gradients", {"n_steps": STEPS, "internal_batch_size": 16}), ("occlusion", {})):
        asked = inseq.load_model(model.network, way, tokenizer=model.tokenizer)
        found[f"inseq: {way}"] = lambda asked=asked, more=more: asked.attribute(  # type: ignore[misc]
            before, text, show_progress=False, pretty_progress=False, **more
        )
    return found


def medians(actions: dict[str, Callable[[], object]], turns: int, clock: Callable[[], float]) -> dict[str, float]:
    """Seconds of each; they take turns, after one that is not counted. What fails is said and left out."""
    times: dict[str, list[float]] = {}
    for turn in range(turns + 1):
        for name, action in list(actions.items()):
            gc.collect()
            try:
                took = seconds(action, clock)
            except Exception as reason:
                print(f"{name}: {type(reason).__name__}: {str(reason).splitlines()[0][:150]}", flush=True)
                del actions[name]
                continue
            if turn:
                times.setdefault(name, []).append(took)
    return {name: statistics.median(found) for name, found in times.items()}


def measured(name: str, model: Any, tokens: int, turns: int, clock: Callable[[], float]) -> bool:
    """Print what each way costs in one network. Is every bar kept?"""
    text = text_of(model, tokens)
    count = len(model.tokenizer(text)["input_ids"])
    actions = {"forward": plain(model, text), "forward of 16": plain(model, text, 16), **ours(model, text)}
    found = medians(actions | by_captum(model, text) | by_inseq(model, text), turns, clock)
    one, many = found.pop("forward"), found.pop("forward of 16") * count / 16
    print(f"\n{name}, {count} tokens: a forward pass {one * 1e3:.1f} ms, {count / 16:g} of 16 texts {many * 1e3:.0f}\n")
    print("| | ms | forward passes | n / 16 passes of 16 | bar |\n|---|---:|---:|---:|---:|")
    kept = True
    for way, took in found.items():
        bar = BARS.get(way)
        ratio = took / (many if way in BY_BATCHES else one)
        kept &= bar is None or ratio <= bar
        said = "" if bar is None else f"{bar:g}{'' if ratio <= bar else ' missed'}"
        print(f"| {way} | {took * 1e3:.1f} | {took / one:.2f} | {took / many:.2f} | {said} |", flush=True)
    return kept


def flow_seconds(clock: Callable[[], float]) -> float:
    """The flow from one target to all of 64 tokens over 6 layers of random weights."""
    import torch

    from attnviz.measures.reading import flow

    torch.manual_seed(0)
    maps = [torch.rand(64, 64).softmax(-1) for _ in range(6)]
    return statistics.median(seconds(lambda: flow(maps, 63), clock) for _ in range(3))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both networks and the flow; 1 where a bar is missed."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--tokens", type=int, default=64)
    asked.add_argument("--turns", type=int, default=5)
    asked.add_argument("--clock", choices=CLOCKS, default="cpu")
    asked.add_argument("--networks", default="", help="words of the names of those to measure; unless given, all")
    given = asked.parse_args(arguments)

    import torch

    import attnviz  # noqa: F401 - before torch, whose threads it keeps from spinning

    torch.set_num_threads(1)
    clock = CLOCKS[given.clock]
    kept = [
        measured(name, model, given.tokens, given.turns, clock) for name, model in networks() if given.networks in name
    ]
    took = flow_seconds(clock)
    print(f"\nflow, 64 tokens, 6 layers, from one target to all: {took:.2f} s (bar 2)")
    return int(not (all(kept) and took <= 2))


if __name__ == "__main__":
    raise SystemExit(main())
