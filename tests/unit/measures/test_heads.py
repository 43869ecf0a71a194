"""Heads in the order of one number, against the same numbers counted row by row in plain Python."""

from __future__ import annotations

import math

import pytest
import torch

from attnviz.core.attention import Observed
from attnviz.core.rules import TopK
from attnviz.errors import ArgumentError
from attnviz.measures import ORDERS, clearest_look, looks, ranked
from attnviz.measures.heads import BETWEEN_TEXTS
from attnviz.trace import Trace
from tests.unit.figures.kinds import MAMBA, call, chinese, cross, of
from tests.unit.figures.made import made

WORLDS = {
    "whole": made(layers=3, heads=4),
    "causal": made(causal=True, layers=2, heads=3),
    "words": chinese(),
    "hybrid": of(("a", "b", "a", "c"), [call(3, 4, 4), MAMBA, call(1, 4, 4, seed=3)]),
    "cross": cross(),
}


def counts(trace: Trace, by: str, query: int, key: int) -> bool:
    """Is this key one that the share means?"""
    words = trace.queries.grouped("word").of
    labels, others = trace.tokens, trace.key_tokens
    own, same = not trace.crossed, query != key or trace.crossed
    text = not trace.key_special[key]
    return {
        "previous": own and text and key == query - 1,
        "next": own and text and key == query + 1,
        "itself": own and text and key == query,
        "same_word": own and text and same and words[query] == words[min(key, len(words) - 1)],
        "same_token": text and same and labels[query] == others[key],
        "punctuation": text and same and trace.keys.face(key).strip() in {",", ".", "，", "。"},
        "induction": own and text and 0 < key < query and labels[key - 1] == labels[query],
        "first": key == 0 and same,
        "special": trace.key_special[key],
        "left": own and text and key < query,
        "right": own and text and key > query,
    }[by]


def by_hand(trace: Trace, by: str, layer: int, head: int) -> float:
    """The number of one head, NaN for none."""
    numbers = []
    asked = [query for query, special in enumerate(trace.special) if not special] or range(len(trace.tokens))
    for query in asked:
        row = trace.weights(layer, head)[query].tolist()
        total = sum(row)
        if total == 0:
            continue
        shares = [weight / total for weight in row]
        if by in ("entropy", "focus"):
            numbers.append(-sum(share * math.log2(share) for share in shares if share > 0))
        elif by == "reach":
            numbers.append(sum(share * abs(key - query) for key, share in enumerate(shares)))
        else:
            wanted = [key for key in range(len(row)) if counts(trace, by, query, key)]
            numbers += [sum(shares[key] for key in wanted)] if wanted else []
    return sum(numbers) / len(numbers) if numbers else math.nan


@pytest.mark.parametrize("by", ORDERS)
@pytest.mark.parametrize("trace", WORLDS.values(), ids=WORLDS)
def test_every_head_has_the_number_counted_by_hand_and_stands_in_its_order(trace: Trace, by: str) -> None:
    found = ranked(trace, by)
    if trace.crossed and by not in BETWEEN_TEXTS:
        assert found == ()
        return
    places = [(layer, head) for layer in trace.open_layers for head in range(trace.attention(layer).n_heads)]
    expected = {place: by_hand(trace, by, *place) for place in places}
    known = {place: value for place, value in expected.items() if not math.isnan(value)}
    assert {head.place for head in found} == set(known)
    for head in found:
        assert head.value == pytest.approx(known[head.place], abs=1e-6)  # float32 weights
    values = [head.value for head in found]
    assert values == sorted(values, reverse=by != "focus")


def test_punctuation_and_the_same_token_are_found_in_a_text_that_has_them() -> None:
    trace = of((",", "a", "b", "a", "."), [call(4, 5, 5)])
    for by in ("punctuation", "same_token", "induction"):
        found = {head.place: head.value for head in ranked(trace, by)}
        assert len(found) == 4
        for place, value in found.items():
            assert value == pytest.approx(by_hand(trace, by, *place), abs=1e-6) and 0 < value < 1


def test_heads_of_one_number_keep_the_order_of_layers_and_heads() -> None:
    even = Observed.of(torch.full((3, 4, 4), 0.25))
    trace = of(("a", "b", "c", "d"), [even, even])
    assert [head.place for head in ranked(trace, "entropy")] == [(layer, head) for layer in (0, 1) for head in range(3)]


def test_a_rule_changes_the_numbers() -> None:
    one = {head.place: head.value for head in ranked(WORLDS["whole"], "entropy", rule=TopK(1))}
    assert set(one.values()) == {0.0}
    assert all(head.value > 0 for head in ranked(WORLDS["whole"], "entropy"))


def test_another_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ArgumentError, match="previous"):
        ranked(WORLDS["whole"], "favourite")


@pytest.mark.parametrize("name", ["whole", "causal", "words", "hybrid"])
def test_the_clearest_look_is_the_largest_weight_on_another_token_of_the_text(name: str) -> None:
    trace = WORLDS[name]
    text = [at for at, special in enumerate(trace.special) if not special]
    for query in (None, text[0], text[-1]):
        best = (0.0, 0, 0, 0, 0)
        for layer in trace.open_layers:
            for head in range(trace.attention(layer).n_heads):
                rows = trace.weights(layer, head).tolist()
                for one in text if query is None else [query]:
                    for key in text:
                        if key != one:
                            best = max(best, (rows[one][key], layer, head, one, key))
        found = clearest_look(trace, query)
        if best[0] == 0.0:
            assert found is None
            continue
        assert found is not None and (*found.place, found.query, found.key) == best[1:]
        assert found.weight == pytest.approx(best[0], abs=1e-6)  # a head alone and in its layer differ by 6e-8
        assert looks(trace, found.query)[(*found.place, found.key)] == pytest.approx(found.weight)


def test_a_token_alone_has_no_look() -> None:
    alone = of(("a",), [call(2, 1, 1)])
    assert clearest_look(alone) is None and not looks(alone, 0).any()
