"""A trace in a file: it comes back equal, whatever it is made of; and a file that was tampered with is refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from attnviz import AttnvizError, Trace, load_trace, masks, similarity
from attnviz.axes import (
    Axis,
    Bands,
    Beside,
    Frames,
    Illustrated,
    Items,
    Levels,
    Moments,
    Nodes,
    Patches,
    Sentences,
    Slots,
    Spans,
    Steps,
)
from attnviz.core import gates, rules
from attnviz.core import interventions as changes
from attnviz.core.attention import Attention, Observed, Sampled, attend
from attnviz.core.causal import CausalMask
from attnviz.core.states import Block, Norm, Projection
from attnviz.saved.names import LIKELIEST, MOST_NAMES, Names
from attnviz.saved.plain import KINDS
from attnviz.text.pairs import Pair
from attnviz.text.turns import Chat
from attnviz.trace import Gap
from tests.rules import every_kind
from tests.unit.figures.kinds import MAMBA, SOURCE, TARGET, call, cross, of, read, seen
from tests.unit.figures.made import made
from tests.unit.saved.same import assert_same

RULES = every_kind(
    rules.Soft(), rules.Soft(0.1), rules.Threshold(0.2), rules.TopK(3, renormalise=True), rules.TopP(0.5),
    rules.Argmax(), rules.Sample(2**40, False, 1, 2, 3), rules.Sparsemax(), rules.Entmax(1.3),
)  # fmt: skip
MASKS = (
    masks.Causal() & (masks.Window(4) | masks.Global((0, 2))), masks.Dilated(2, 1), masks.RandomKeys(2, seed=5),
    masks.Strided(3), masks.Fixed(4, 2),
)  # fmt: skip
CHANGES = (
    changes.Reweigh(rules.TopP(0.7), layers=(0,)), changes.RemoveHeads((0, 1), part="self"), changes.KeepHead(1),
    changes.ForbidEdge(1, 0, heads=(0,)), changes.HideToken(2), *(changes.Restrict(mask) for mask in MASKS),
)  # fmt: skip
AXES: tuple[Axis, ...] = (
    read(("<s>", "the", "cat\ud800", "</s>")), Patches(32, 16, 1, 2, first=("[CLS]",), last=("[REG]",)),
    Patches(32, 16, 1, 2, region=(0.0, 1.5, 40.0, 16.0), order=(1, 0)),
    Levels((Patches(32, 16, 1, 3), Patches(32, 16, 1, 1, region=(0.0, 0.0, 40.0, 16.0)))),
    Frames.even(4, 0.02), Frames(((0.1, 1 / 3), (1 / 3, 0.5)), ("[CLS]",), ("[SEP]",)),
    Nodes(("a", "b", "c", "d"), ((0.0, 1.0), (0.5, 1 / 3), (2.0, 2.0), (-1.0, 0.0))), Nodes(("a", "b", "c", "d")),
    Items(("茶", "cup", "", "d")), Steps(4, start=7), Slots(4, "query", ((0.0, 0.0, 1.0, 2.0), None, None, None)),
    Sentences("A. B. C. D.", ("1", "2", "3", "4"), ((0, 2), (3, 5), (6, 8), (9, 11)), 11, unit="word"),
    Beside(Items(("a", "b", "c")), ("[MEAN]",)),
    Illustrated(Items(("a", "b", "c", "d")), 9, 6, ("1,1", "[CLS]", "", ""), ((0.0, 0.5, 9.0, 6.0), None, None, None)),
    Bands(((0.0, 1 / 3), (0.1, 0.5)), ((20.0, 99.5), (90.0, 180.0)), heard=1),
    Spans(((0, 3), (3, 4), (3, 6)), 0.5, "h", ("[CLS]",)),
    Moments(("a", "b", "c", "d"), tuple(f"2014-01-0{day}T08:00" for day in range(1, 5)), "day"),
)  # fmt: skip


def again(trace: Trace, folder: Path) -> Trace:
    trace.save(folder / "trace.safetensors")
    return load_trace(folder / "trace.safetensors")


def tensors(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def layers() -> list[Attention | Gap]:
    """A layer of every sort over four queries and four keys."""
    q, k, v, wide = (tensors(2, 4, 3, seed=seed) for seed in (1, 2, 3, 4))
    fused = tensors(2, 4, 9)
    allowed = torch.ones(4, 4, dtype=torch.bool).tril()
    additive = similarity.Additive(tensors(5, 3), tensors(5, 3, seed=1), tensors(5))
    return [
        attend(q, k, v, rule=rules.Soft(), allowed=CausalMask(4, 4)),
        attend(q, k, v, rule=rules.TopK(1), allowed=allowed, bias=tensors(1, 4, 4), scale=float("nan")),
        attend(q.double(), k.double(), v.double(), rule=rules.Soft(), allowed=allowed.expand(2, 4, 4), softcap=30.0),
        attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), rule=rules.Sparsemax(), sink=tensors(2, 1)),
        replace(attend(*fused.split(3, -1), rule=rules.Soft()), shared=2),
        replace(attend(q, k, v[..., :0], rule=rules.Soft(), bias=tensors(4, 4).T, scale=1 / 3)),
        *(attend(q, k, wide, rule=rules.Soft(), similarity=one) for one in (
            similarity.Dot(), similarity.Cosine(), similarity.General(tensors(3, 3)), additive,
            similarity.Joined(tensors(2, 3), tensors(2, 3, seed=1)), similarity.Leaky(tensors(2, 3)),
            similarity.ActivationUnit(
                *(tensors(5, 3, seed=n) for n in range(3)), tensors(5), tensors(1)[0], tensors(5), tensors(1)[0]))),
        attend(q, k, v, rule=gates.Gate()),
        Sampled.of(attend(q, k, v[..., :0], rule=rules.Soft()), tensors(2, 4, 4, 2)),
        seen(torch.softmax(tensors(2, 4, 4), -1)), seen(torch.eye(4).expand(2, 4, 4)), MAMBA,
        *(attend(q, k, v, rule=rule.at(place)) for place, rule in enumerate(RULES)),
    ]  # fmt: skip


def whole() -> Trace:
    """A run with everything that a run may have."""
    chat = Chat(("user", "tool"), (None, 0, 1, None))
    pair = Pair(4, (None, 0, 1, None), cut=2)
    axis = replace(read(("<s>", "the", "cat", "</s>")), pair=pair, types=(0, 0, 1, 1), chat=chat)
    logits = tensors(4, 30)
    other = of(("a", "b"), [call(3, 2, 2)], part="tower of\nBabel")
    return Trace(
        axis, axis, tuple(layers()), model="模型", kind="masked", rule=rules.Entmax(1.2), outputs=tensors(4, 5).half(),
        logits=logits, boundaries=torch.tensor([0.0, float("nan"), -0.0, 1.0]), blank=1, name_piece="piece {}".format,
        others={other.part: other}, changes=CHANGES, border=2,
        blocks=(
            Block(tensors(4, 5), Projection(tensors(2, 3, 5), None), norm=Norm(tensors(5), None, 1e-5, True)), None,
        ),
    )  # fmt: skip


def test_a_saved_trace_loads_equal(tmp_path: Path) -> None:
    assert_same(whole(), again(whole(), tmp_path))


def test_the_trace_above_has_every_sort_of_part_that_can_be_saved(tmp_path: Path) -> None:
    trace = whole()
    trace.save(tmp_path / "trace")
    written = header(tmp_path / "trace")[0]["__metadata__"]["text"] + str([type(axis).__name__ for axis in AXES])
    assert [kind for kind in KINDS if f'"is": "{kind}"' not in written and f"'{kind}'" not in written] == []


@pytest.mark.parametrize("axis", AXES, ids=lambda axis: type(axis).__name__)
def test_every_axis_loads_equal_as_queries_and_as_keys(axis: Axis, tmp_path: Path) -> None:
    for queries, keys in ((axis, axis), (axis, Steps(3)), (Steps(3), axis)):
        trace = Trace(queries, keys, (call(2, len(queries), len(keys)),))
        found = again(trace, tmp_path)
        assert_same(trace, found)
        assert found.crossed == (keys is not queries)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_rule_loads_equal(rule: rules.Rule, tmp_path: Path) -> None:
    assert_same(made(rule=rule), again(made(rule=rule), tmp_path))


def test_maps_that_share_a_text_share_it_again(tmp_path: Path) -> None:
    source, target = read(SOURCE), read(TARGET)
    encoder = Trace(source, source, (call(2, 12, 12),), part="encoder")
    trace = replace(cross(), queries=target, keys=source, others={"encoder": encoder})
    found = again(trace, tmp_path)
    assert_same(trace, found)
    assert found.keys is found.others["encoder"].queries is found.map("encoder").keys


def test_what_tensors_share_is_saved_once(tmp_path: Path) -> None:
    q, mask = tensors(2, 50, 64), torch.ones(50, 50, dtype=torch.bool).tril()
    trace = of([str(n) for n in range(50)], [attend(q, q, q, rule=rules.Soft(), allowed=mask)] * 4)
    trace.save(tmp_path / "trace")
    assert (tmp_path / "trace").stat().st_size < q.nbytes + mask.nbytes + trace.outputs.nbytes + 6_000
    found = load_trace(tmp_path / "trace")
    assert found.nbytes == trace.nbytes == q.nbytes + mask.nbytes + trace.outputs.nbytes


def test_a_trace_that_was_loaded_can_be_saved_again(tmp_path: Path) -> None:
    first = again(whole(), tmp_path)
    assert_same(first, again(first, tmp_path))
    assert first.name_piece == again(first, tmp_path).name_piece


def test_of_a_huge_vocabulary_the_likeliest_are_named(tmp_path: Path) -> None:
    trace = of("ab", [call(1, 2, 2)], logits=tensors(2, MOST_NAMES + 1), name_piece="piece {}".format)
    found = again(trace, tmp_path)
    assert isinstance(found.name_piece, Names) and LIKELIEST < len(found.name_piece.numbers) <= 2 * LIKELIEST
    for position in range(2):
        assert found.predictions(position, LIKELIEST) == trace.predictions(position, LIKELIEST)
    least = int(trace.logits[0].argmin())  # type: ignore[index]
    assert found.name_piece(least) == f"#{least}"


def test_a_run_that_fails_to_be_saved_leaves_the_file_of_before(tmp_path: Path) -> None:
    class Own(rules.Rule):
        pass

    made().save(tmp_path / "trace")
    with pytest.raises(AttnvizError) as told:
        replace(made(), rule=Own()).save(tmp_path / "trace")
    assert (told.value.message, told.value.values) == ("trace_unsavable", {"kind": "Own"})
    assert_same(made(), load_trace(tmp_path / "trace"))
    assert [file.name for file in tmp_path.iterdir()] == ["trace"]


def header(file: Path) -> tuple[dict, bytes]:
    """The header of a file of safetensors, and its tensors."""
    data = file.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def put(file: Path, said: dict, rest: bytes) -> None:
    text = json.dumps(said).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + rest)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def cut_in_the_header(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:40])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def huge_header(file: Path) -> None:
    file.write_bytes(struct.pack("<Q", 2**62) + file.read_bytes()[8:])


def one_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(bytes(data))


def huge_tensor(file: Path) -> None:
    said, rest = header(file)
    said["0"]["shape"] = [2**40, *said["0"]["shape"]]
    put(file, said, rest)


def swapped_tensors(file: Path) -> None:
    said, rest = header(file)
    said["0"], said["1"] = said["1"], said["0"]
    put(file, said, rest)


DAMAGES = (cut, cut_in_the_header, emptied, huge_header, one_bit, huge_tensor, swapped_tensors)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_in_a_sentence(damage: Callable[[Path], None], tmp_path: Path) -> None:
    file = tmp_path / "trace"
    made().save(file)
    damage(file)
    with pytest.raises(AttnvizError) as told:
        load_trace(file)
    assert told.value.message == "trace_damaged"
    assert "trace" in told.value.say("zh")


def edit(file: Path, change: Callable[[dict], object]) -> None:
    """Change what the file says of its parts."""
    said, rest = header(file)
    text = json.loads(said["__metadata__"]["text"])
    change(text)
    said["__metadata__"]["text"] = json.dumps(text)
    put(file, said, rest)


LIES: dict[str, Callable[[dict], object]] = {
    "an axis too short": lambda said: said["shared"][0].update(
        {name: said["shared"][0][name][:-1] for name in ("ids", "labels", "spans", "special")}
    ),
    "labels of another length": lambda said: said["shared"][0]["labels"].append("more"),
    "labels that are numbers": lambda said: said["shared"][0].update(labels=[1] * 7),
    "a class that is not of the list": lambda said: said["trace"].update(rule={"is": "Popen", "args": ["true"]}),
    "another class than the field's": lambda said: said["trace"].update(rule={"is": "Causal"}),
    "a class that is only a base": lambda said: said["trace"].update(rule={"is": "Rule"}),
    "a field too many": lambda said: said["trace"].update(more=1),
    "a field too few": lambda said: said["trace"].pop("border"),
    "a rule's number out of range": lambda said: said["trace"].update(
        rule={"is": "TopK", "k": 0, "renormalise": False}
    ),
    "a tensor that is not there": lambda said: said["trace"]["layers"][0].update(queries={"tensor": 99}),
    "a tensor counted from behind": lambda said: said["trace"]["layers"][0].update(queries={"tensor": -1}),
    "keys in the place of a bias": lambda said: said["trace"]["layers"][0].update(
        bias=said["trace"]["layers"][0]["keys"]
    ),
    "a mask of another size": lambda said: said["trace"]["layers"][0].update(allowed={"triangle": [9, 9], "first": 0}),
    "a tensor spread out without end": lambda said: said["trace"]["layers"][0].update(
        sink={"tensor": 0, "shape": [2**40, 7, 4]}
    ),
    "scores in the place of outputs": lambda said: said["trace"].update(logits={"tensor": 0}),
    "a similarity of another width": lambda said: said["trace"]["layers"][0].update(
        similarity={"is": "General", "weight": {"tensor": 0}}
    ),
    "a scale that is text": lambda said: said["trace"]["layers"][0].update(scale="0.5"),
    "a place that is not there": lambda said: said["trace"].update(blank=100),
    "no trace at all": lambda said: said.update(trace=[1, 2]),
    "a map under another name": lambda said: said["trace"].update(others={"mapping": {"cross": dict(said["trace"])}}),
    "no checksums": lambda said: said.pop("sums"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_file_whose_parts_do_not_fit_is_refused(lie: str, tmp_path: Path) -> None:
    file = tmp_path / "trace"
    made().save(file)
    edit(file, lambda said: None)
    assert_same(made(), load_trace(file))
    edit(file, LIES[lie])
    with pytest.raises(AttnvizError) as told:
        load_trace(file)
    assert told.value.message == "trace_damaged"


def test_text_nested_without_end_is_refused(tmp_path: Path) -> None:
    made().save(tmp_path / "trace")
    said, rest = header(tmp_path / "trace")
    said["__metadata__"]["text"] = "[" * 100_000
    put(tmp_path / "trace", said, rest)
    with pytest.raises(AttnvizError) as told:
        load_trace(tmp_path / "trace")
    assert told.value.message == "trace_damaged"


def test_another_file_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for name, message in (
        ("model.safetensors", "trace_not_one"), ("picture.png", "trace_not_one"), ("nothing", "trace_no_file"),
        ("", "trace_no_file"),
    ):  # fmt: skip
        with pytest.raises(AttnvizError) as told:
            load_trace(tmp_path / name)
        assert told.value.message == message


def test_the_file_opens_in_safetensors_and_holds_the_tensors_as_they_are(tmp_path: Path) -> None:
    trace = of("ab", [call(3, 2, 2)])
    trace.save(tmp_path / "trace")
    with safe_open(tmp_path / "trace", "pt") as found:
        queries = found.get_tensor("0")
    assert torch.equal(queries, trace.layers[0].queries)  # type: ignore[union-attr]


def test_observed_weights_stay_what_was_returned(tmp_path: Path) -> None:
    trace = of("abcd", [Observed.of(torch.softmax(tensors(2, 4, 4), -1))])
    found = again(trace, tmp_path).layers[0]
    assert isinstance(found, Observed) and not found.explained
