"""One call for all rows: of which places they are, how they agree, and why a model cannot have one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedTokenizerBase

import attnviz as av
from attnviz import ArgumentError, AttnvizError, Logit, Soft, Stopped
from attnviz.core.attention import attend
from attnviz.core.interventions import Place
from attnviz.experiments.reading.attributions import WAYS, YARDSTICKS, attributions
from attnviz.measures.reading import rollout
from attnviz.recording.gradients import Target
from attnviz.recording.several import CutEdges, Several
from tests.parity import tiny

TEXT = "南京市长江大桥"
FAST = ["weights", "rollout", "alti", "relevance", "occluded_mean"]


def test_every_way_has_a_row_over_the_same_places_in_an_encoder_and_a_decoder() -> None:
    for name in ("lab-4", "lab-gpt"):
        trace = av.record(av.load(name), TEXT, states=True)
        found = attributions(av.load(name), trace, at=3, head=(1, 2))
        assert not found.missing
        assert list(found.rows) == list(WAYS)
        assert all(row.shape == (len(trace.tokens),) and row.isfinite().all() for row in found.rows.values())
        assert found.labels == tuple(trace.tokens)
        assert found.value == pytest.approx(float(trace.logits[3].max()))
        assert torch.equal(found["head"], trace.weights(1, 2)[3].double())
        rows = [trace.weights(layer) for layer in range(4)]
        assert torch.allclose(found["weights"], torch.stack([one[:, 3].mean(0) for one in rows]).double().mean(0))
        assert torch.allclose(found["largest"], torch.stack([one[:, 3] for one in rows]).double().amax((0, 1)))
        assert torch.allclose(found["rollout"], rollout(rows)[3])


def test_places_after_a_decoder_s_token_are_not_seen_and_take_no_part_in_agreement() -> None:
    found = attributions(av.load("lab-gpt"), TEXT, at=3, ways=FAST)
    assert found.seen.tolist() == [True] * 4 + [False] * 4
    assert all((row[4:] == 0).all() for row in found.rows.values())
    one, other = (found[way][:4].abs() for way in ("alti", "occluded_mean"))
    ranks = [row.argsort().argsort().double() for row in (one, other)]
    expected = 1 - 6 * float((ranks[0] - ranks[1]).square().sum()) / (4**3 - 4)
    assert found.measured()["alti"].spearman == pytest.approx(expected)
    assert found.agreements["alti", "occluded_mean"] == found.measured()["alti"]
    assert list(found.measured()) == FAST[:-1]
    assert not set(found.measured()) & set(YARDSTICKS)


def test_a_target_that_is_a_difference_or_a_function_moves_the_rows_that_ask_for_it_alone() -> None:
    model, ways = av.load("lab-4"), ["alti", "relevance", "occluded_zero"]
    trace = av.record(model, TEXT, states=True)
    plain, against = Logit(3, 100), Logit(3, 100, against=200)
    one, other = (attributions(model, trace, target=goal, ways=ways) for goal in (plain, against))
    own = attributions(model, trace, target=lambda outcome: outcome.logits[3, 100], at=3, ways=ways)
    assert torch.equal(one["alti"], other["alti"])
    assert not torch.allclose(one["relevance"], other["relevance"])
    assert torch.allclose(one["occluded_zero"], own["occluded_zero"])
    assert other.value == pytest.approx(float(trace.logits[3, 100] - trace.logits[3, 200]))


def test_rule_and_changes_of_a_trace_act_in_every_run() -> None:
    model = av.load("lab-4")
    trace = av.record(model, TEXT, rule=Soft(0.5), interventions=[av.HideToken(2)], states=True)
    found = attributions(model, trace, target=Logit(3, 100), ways=["rollout", "relevance", "edges_shared"])
    assert found["edges_shared"][2] == pytest.approx(0, abs=1e-5)  # nobody saw it anyway
    assert found["relevance"][2] == 0
    assert found["rollout"][2] == 0
    assert found.value == pytest.approx(float(trace.logits[3, 100]))
    plain = attributions(model, TEXT, target=Logit(3, 100), ways=["relevance"])
    assert not torch.allclose(plain["relevance"], found["relevance"])


def test_an_encoder_decoder_has_rows_over_the_source_s_places_and_then_the_target_s(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    model = av.load(str(tiny.save("seq2seq", "t5", tmp_path, wordpiece)))
    found = attributions(model, TEXT, reply="the mat", at=2)
    trace = av.record(model, TEXT, target="the mat")
    assert found.labels == (*trace.key_tokens, *trace.tokens)
    assert not found.missing
    assert found.seen.tolist() == [True] * len(trace.key_tokens) + [True, True, True, False]
    assert all(row[-1].abs() < 1e-5 for row in found.rows.values())  # worst seen 4e-7
    encoder, own = (trace.map(part).weights(0).mean(0).double() for part in ("encoder", "decoder"))
    cross = trace.weights(0).mean(0).double()
    source, target = ((one + torch.eye(len(one))) / 2 for one in (encoder, own))
    expected = torch.cat([cross @ source / 2, target / 2], 1)  # one layer
    assert torch.allclose(found["rollout"], expected[2])
    assert found["rollout"].sum() == pytest.approx(1)
    assert found["alti"].sum() == pytest.approx(1)


def test_a_model_that_returns_its_weights_alone_says_which_rows_it_cannot_have_in_both_languages(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    model = av.load(str(tiny.save("masked", "mpnet", tmp_path, wordpiece)))
    found = attributions(model, TEXT)
    without = {"norms", "norms_residual", "alti", "gradient_attention", "relevance", "value_zeroing"}
    assert found.missing.keys() == without | {"edges_shared", "edges_lost"}
    assert found["occluded_mean"].abs().max() > 1e-3
    for way, reason in found.missing.items():
        assert reason.say("zh") and reason.say("en") == str(reason)
        with pytest.raises(AttnvizError) as refusal:
            found[way]
        assert refusal.value is reason
    with pytest.raises(KeyError):
        found["nonsense"]


def test_a_run_without_states_and_a_model_that_norms_its_output_say_so(
    tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    bare = attributions(av.load("lab-4"), av.record(av.load("lab-4"), TEXT), ways=["alti", "norms"])
    assert {one.message for one in bare.missing.values()} == {"states_not_kept"}
    gemma = av.load(str(tiny.save("causal", "gemma2", tmp_path, wordpiece)))
    found = attributions(gemma, TEXT, ways=["alti", "norms", "norms_residual"])
    assert {way: one.message for way, one in found.missing.items()} == dict.fromkeys(
        ("alti", "norms_residual"), "output_normed"
    )


def test_other_weights_of_the_model_change_every_row(tmp_path: Path, wordpiece: PreTrainedTokenizerBase) -> None:
    """The sanity check of Adebayo et al. 2018."""
    model = av.load(str(tiny.save("masked", "bert", tmp_path, wordpiece)))
    before = attributions(model, TEXT, target=Logit(3, 20))
    dice = torch.Generator().manual_seed(5)
    for weights in model.network.parameters():
        if weights.ndim > 1:
            weights.data = 0.2 * torch.randn(weights.shape, generator=dice)
    after = attributions(model, TEXT, target=Logit(3, 20))
    assert before.rows.keys() == after.rows.keys() and not after.missing
    assert not [way for way in before.rows if (before[way] - after[way]).abs().max() < 1e-3]


def test_refusals_and_stopping() -> None:
    model, heard = av.load("lab-4"), []
    for more in ({"ways": ["nonsense"]}, {"ways": ["head"]}):
        with pytest.raises(ArgumentError) as refusal:
            attributions(model, TEXT, **more)
        assert refusal.value.message == "argument_way"
    with pytest.raises(AttnvizError) as refusal:
        attributions(model, TEXT, at=99)
    assert refusal.value.message == "no_such_position"
    with pytest.raises(AttnvizError) as refusal:
        attributions(av.load("target-words"), "abc")
    assert refusal.value.message == "system_cannot"
    attributions(model, TEXT, ways=["weights", "rollout"], on_way=lambda done, of: heard.append((done, of)))
    assert heard == [(1, 2), (2, 2)]
    with pytest.raises(Stopped):
        attributions(model, TEXT, stop=lambda: True)


@pytest.mark.parametrize(("shared", "left"), [(True, 4.2), (False, 3.36)])
def test_an_edge_that_is_shared_out_is_another_question_than_one_that_is_lost(shared: bool, left: float) -> None:
    """x = [1, 2], h = x + A x twice; y = 4.88, the edge from 0 to 1 cut in the upper layer."""
    cut = CutEdges(queries=(0,), keys=(1,), shared=shared, layers=(1,))
    state = torch.tensor([1.0, 2.0], dtype=torch.float64)
    for layer, weights in enumerate(([[0.9, 0.1], [0.2, 0.8]], [[0.6, 0.4], [0.5, 0.5]])):
        bias = torch.tensor(weights, dtype=torch.float64).log()[None, None]
        none = torch.zeros(1, 1, 2, 1, dtype=torch.float64)
        call = attend(none, none, state.reshape(1, 1, 2, 1), rule=Soft(), bias=bias)
        if cut.acts("self", layer):
            call = cut.change(call, Place("self", layer))
        state = state + call.output.flatten()
    assert float(state[0]) == pytest.approx(left)


def test_a_slim_trace_is_refused_in_a_sentence() -> None:
    trace = replace(av.record(av.load("lab-4"), TEXT), logits=None)
    with pytest.raises(AttnvizError) as refusal:
        attributions(av.load("lab-4"), trace)
    assert refusal.value.message == "target_no_logits"


def test_runs_predict_no_more_than_one_logit_asks_for_and_the_same() -> None:
    model = av.load("lab-gpt")
    whole = Several.of(model, av.record(model, TEXT))
    target = Logit(2, 7, against=9)
    some, asked = whole.narrowed(target)
    full, one = whole.run(2)[1].outcome, some.run(2)[1].outcome
    assert len(full.logits) > 2 and len(one.logits) == 1
    assert torch.allclose(asked(one), target(full), atol=1e-5) and torch.allclose(one.outputs, full.outputs, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "target"),
    [("lab-4", Logit(1, 7)), ("lab-gpt", Logit(99, 7)), ("lab-gpt", lambda outcome: outcome.logits.sum())],
)
def test_runs_predict_everything_where_a_target_may_ask_for_it(name: str, target: Target) -> None:
    whole = Several.of(av.load(name), av.record(av.load(name), TEXT))
    assert whole.narrowed(target) == (whole, target)
