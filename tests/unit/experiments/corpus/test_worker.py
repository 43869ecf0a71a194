"""The operator of a corpus: its numbers are those of the atlas, text by text, by whichever way a text goes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

import attnviz as av
from attnviz.adapter.registered import Call
from attnviz.core.attention import Attention, Observed
from attnviz.core.interventions import Place
from attnviz.core.rules import Soft
from attnviz.experiments.atlas import MEASURES, NAMES, sums
from attnviz.experiments.corpus.exact import ONE, Sums
from attnviz.experiments.corpus.passes import BARE, Enough, Pass, Weighing, columns_of
from attnviz.experiments.corpus.worker import Worker
from attnviz.recording.record import Watch, run
from attnviz.text.tokens import Encoded, encode
from attnviz.trace import Trace

TEXTS = [
    "南京市长江大桥", "the cat sat on the mat, the cat sat", "他说他会来，但是他没有来。", "Hello [CLS] there",
    "café 5️⃣ 🇨🇳!",
    "e\u0301tude", "龘𠀀 abc", "  spaces  in  it ", "don't 3.14", "\u200b", "x", "The the THE the", "a" * 300, "",
]  # fmt: skip


@pytest.mark.parametrize("name", ["lab-4", "lab-gpt"])
def test_every_number_of_every_head_is_the_atlas_s(name: str) -> None:
    model = av.load(name)
    worker = Worker(model, MEASURES)
    part = worker(list(enumerate(TEXTS, 1)))
    expected = av.atlas(model, TEXTS)
    assert worker._quick and part.sums is not None
    assert (part.sums.texts, part.sums.tokens) == (expected.texts, expected.tokens)
    assert len(part.refused) == expected.left_out and [number for number, _ in part.refused][-1] == 14
    _compare(part.sums, expected, MEASURES)


def _compare(made, expected: av.Atlas, measures) -> None:  # type: ignore[no-untyped-def]
    sides = [(name, expected.all[name]) for name in measures]
    sides += [(name + BARE, expected.bare[name]) for name in NAMES if name in measures]
    assert [name for name, _ in sides] == list(columns_of(measures)) == list(made.columns)
    for name, tally in sides:
        found = made.columns[name].tally(made.size)
        assert torch.equal(found.count, tally.count), name
        assert torch.allclose(found.mean, tally.mean, atol=2e-5, equal_nan=True), name  # worst seen 1e-5, of reach


def test_a_pass_of_texts_without_special_tokens_and_rows_without_weight_is_that_of_each_trace() -> None:
    words = ("tea", "cup", ",", "tea", "cup")
    spans = ((0, 3), (4, 7), (7, 8), (9, 12), (13, 16))
    text = Encoded("tea cup, tea cup", (1, 2, 3, 1, 2), words, spans, (False,) * 5, None)
    made = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(3)).tril()
    made = made / made.sum(-1, keepdim=True)
    made[1, 2, 3] = 0.0  # a hard rule kept nothing
    made[0, 1, 4] = torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])  # nothing but the sink
    names = columns_of(MEASURES)
    found = Pass.of([text, text], MEASURES).numbers(made, names)
    expected = [sums.of_trace(Trace(text, text, (Observed.of(one),))) for one in made]
    both = expected[0] + expected[1]
    for place, name in enumerate(names):
        tally = both.bare[name.removesuffix(BARE)] if name.endswith(BARE) else both.all[name]
        assert found[1, place].tolist() == tally.count[0].tolist(), name
        assert torch.allclose(found[0, place].double() / ONE, tally.total[0], atol=1e-5), name


def test_what_cannot_go_together_is_measured_trace_by_trace() -> None:
    model = av.load("lab-translator")
    worker = Worker(model, ("previous", "entropy"))
    part = worker(list(enumerate(TEXTS[:3], 1)))
    assert not worker._quick and part.sums is not None
    _compare(part.sums, av.atlas(model, TEXTS[:3]), ("previous", "entropy"))


def test_only_what_is_asked_for_is_summed() -> None:
    part = Worker(av.load("lab-1"), ("entropy",))(list(enumerate(TEXTS[:2], 1)))
    assert part.sums is not None and list(part.sums.columns) == ["entropy"]


def test_a_line_alone_and_among_others_has_the_same_numbers_to_rounding() -> None:
    worker = Worker(av.load("lab-4"), ("previous", "reach"))
    lines = list(enumerate([TEXTS[0], "上海市黄浦江大桥", "武汉市长江二桥啊"], 1))
    together = worker(lines).sums
    alone = [worker([line]).sums for line in lines]
    assert together is not None and alone[0] and alone[1] and alone[2]
    apart = alone[0] + alone[1] + alone[2]
    for name, column in together.columns.items():
        assert column.counts == apart.columns[name].counts
        means = column.tally(together.size).mean, apart.columns[name].tally(apart.size).mean
        assert torch.allclose(*means, atol=1e-5, equal_nan=True)


def test_it_says_how_far_it_is_and_what_is_raised_there_ends_it() -> None:
    heard: list[int] = []
    Worker(av.load("lab-1"), ("entropy",))(list(enumerate(TEXTS, 1)), heard.append)
    assert heard == sorted(heard) and heard[-1] < len(TEXTS)

    def end(_: int) -> None:
        raise av.Stopped("run_stopped")

    with pytest.raises(av.Stopped):
        Worker(av.load("lab-1"), ("entropy",))(list(enumerate(TEXTS, 1)), end)


def seen(part: str = "self", layer: int = 0) -> Call:
    """A call of two heads over three tokens, in which a sink takes some of the weight."""
    dice = torch.Generator().manual_seed(layer)
    queries, keys, values = (torch.randn(1, 2, 3, 4, generator=dice) for _ in range(3))
    made = Attention(queries, keys, values, Soft(), None, None, 0.5, sink=torch.ones(1, 2, 1))
    return Call("model", Place(part, layer), made, torch.nn.Identity())


THREE = Encoded("abc", (1, 2, 3), ("a", "b", "c"), ((0, 1), (1, 2), (2, 3)), (False,) * 3, None)


def weighed(*calls: Call) -> Weighing:
    watch = Weighing(Pass.of([THREE], ("previous",)), ("previous",))
    with watch:
        for one in calls:
            out = watch.output(one, one.attention)
            assert torch.allclose(out, one.attention.output.transpose(1, 2), atol=1e-6)
    return watch


def test_weight_that_a_sink_took_is_no_weight_of_the_text() -> None:
    one = seen()
    rows = one.attention.weights
    assert rows.sum(-1).max() < 0.9
    expected = (rows / rows.sum(-1, keepdim=True)).diagonal(-1, 2, 3).sum(-1)[0]
    watch = weighed(one)
    assert not watch.strange
    assert torch.allclose(watch.sums[0][0, 0].double() / ONE, expected.double(), atol=1e-6)


@pytest.mark.parametrize("calls", [[seen("cross")], [seen(), seen()]], ids=["another map", "a layer twice"])
def test_what_is_not_one_map_a_layer_is_told(calls: list[Call]) -> None:
    assert weighed(*calls).strange
    assert not weighed(seen(), seen(layer=1)).strange


def test_of_texts_that_go_together_only_the_one_to_blame_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(av.load("lab-1"), ("entropy",))
    summed = worker._summed

    def failing(texts: Sequence[Encoded]) -> Sums:
        if any(text.text == "上海市" for text in texts):
            raise av.TextError("text_empty")
        return summed(texts)

    monkeypatch.setattr(worker, "_summed", failing)
    part = worker(list(enumerate(["南京市", "上海市", "武汉市"], 1)))
    assert part.sums is not None and part.sums.texts == 2 and [number for number, _ in part.refused] == [2]


def test_a_number_beyond_the_embeddings_is_left_to_the_record_which_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    worker, asked = Worker(av.load("lab-1"), ("entropy",)), list[int]()
    by_traces = worker._by_traces
    monkeypatch.setattr(worker, "_rows", 5)
    monkeypatch.setattr(worker, "_by_traces", lambda texts: asked.append(len(texts)) or by_traces(texts))
    assert worker([(1, "南京市")]).sums is not None and asked == [1]


def test_a_pass_ends_where_its_last_layer_was_looked_at() -> None:
    worker, ended = Worker(av.load("lab-4"), ("entropy",)), list[str]()
    hook = worker._body.register_forward_hook(lambda *_: ended.append("whole"))
    last = worker._body.layers[-1].mlp.register_forward_hook(lambda *_: ended.append("last layer"))
    try:
        parts = [worker([(1, "南京市长江大桥")]) for _ in range(3)]
    finally:
        hook.remove()
        last.remove()
    assert ended == ["last layer", "whole"]  # the first alone, which tells how many layers there are
    assert parts[0] == parts[1] == parts[2] and parts[0].sums is not None


def test_a_pass_whose_weights_are_no_numbers_is_not_ended_early_and_is_told() -> None:
    model = av.load("lab-4")
    worker = Worker(model, ("entropy",))
    assert worker([(1, "南京市长江大桥")]).sums is not None

    def broken(_module: object, _given: object, found: torch.Tensor) -> torch.Tensor:
        return found * torch.nan

    hook = worker._body.layers[-1].attn.Wqkv.register_forward_hook(broken)
    try:
        part = worker([(1, "南京市长江大桥"), (2, "武汉市")])
    finally:
        hook.remove()
    assert part.sums is None and [number for number, _ in part.refused] == [1, 2]
    assert {reason.message for _, reason in part.refused} == {"weights_not_numbers"}


def test_enough_is_raised_after_the_last_of_so_many_layers_alone() -> None:
    watch = Weighing(Pass.of([THREE], ("previous",)), columns_of(("previous",)), 2)
    one, other = seen(), seen(layer=1)
    with pytest.raises(Enough), watch:
        watch.output(one, one.attention)
        assert not watch.sums or 1 not in watch.sums
        watch.output(one, one.attention)  # once more for other values, as in differential attention
        watch.output(other, other.attention)
    assert sorted(watch.sums) == [0, 1]


def test_a_light_run_keeps_the_shapes_of_its_layers_and_the_last_one_whole() -> None:
    model = av.load("lab-4")
    ids = torch.tensor([encode("南京市长江大桥", model.tokenizer, model.limit).ids])
    found = [
        run(model.network, watch=Watch(states=False, light=light), input_ids=ids)[1]["self"] for light in (True, False)
    ]
    for light, whole in zip(*found, strict=True):
        assert light.queries.shape == whole.queries.shape and light.keys.shape == whole.keys.shape
    held = [one.queries.untyped_storage().nbytes() for one in found[0]]
    assert held[:-1] == [4] * (len(held) - 1) and torch.equal(found[0][-1].queries, found[1][-1].queries)
