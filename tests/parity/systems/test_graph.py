"""Graph attention against torch-geometric's own layers, by hand on small graphs, and the two networks of Cora."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from attnviz import shipped
from attnviz.core.adam import Adam
from attnviz.core.rules import Soft, TopK
from attnviz.errors import AttnvizError
from attnviz.measures.entropy import entropy
from attnviz.systems.graph import NAMES
from attnviz.systems.graph.effect import even_logits, evenness, measure, shuffled
from attnviz.systems.graph.graph import Graph, karate
from attnviz.systems.graph.learn import EPOCHS, FRAME, Task, training
from attnviz.systems.graph.lookup import KEYS, allowed, trained
from attnviz.systems.graph.network import Bag, Look, Network, Shape
from attnviz.systems.graph.system import GraphSystem, load

WIDE, HEADS, NODES = 5, 3, 12


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def graph(directed: bool = True) -> Graph:
    """Twelve nodes; the last has no edge, and node 0 is looked at by most."""
    chance = torch.Generator().manual_seed(4)
    pairs = torch.randint(NODES - 1, (30, 2), generator=chance).tolist()
    names = [str(n) for n in range(NODES)]
    return Graph.of(names, [*map(tuple, pairs), *((n, 0) for n in range(1, 7))], directed=directed)


def layer(version: int) -> Look:
    made = Look(4, WIDE, HEADS, version, torch.Generator().manual_seed(version)).double()
    with torch.no_grad():
        made.bias.copy_(drawn(HEADS * WIDE, seed=8))
    return made


def geometric(look: Look) -> torch.nn.Module:
    """torch-geometric's layer with the same numbers; its `r` and `dst` are the node that looks."""
    from torch_geometric.nn import GATConv, GATv2Conv

    kind = GATConv if look.version == 1 else GATv2Conv
    made = kind(4, WIDE, heads=HEADS).double()
    with torch.no_grad():
        made.bias.copy_(look.bias)
        if look.query_vector is not None:
            made.lin.weight.copy_(look.key.weight)
            made.att_src.copy_(look.vector[None])
            made.att_dst.copy_(look.query_vector[None])
        elif look.query is not None:
            for ours, theirs in ((look.key, made.lin_l), (look.query, made.lin_r)):
                theirs.weight.copy_(ours.weight)
                theirs.bias.copy_(ours.bias)
            made.att.copy_(look.vector[None])
    return made


@pytest.mark.parametrize("version", [1, 2])
@torch.no_grad()
def test_weights_and_outputs_are_those_of_torch_geometric(version: int) -> None:
    look, states, shape = layer(version), drawn(NODES, 4), graph()
    output, (index, weights) = geometric(look)(states, torch.tensor(shape.edges).T, return_attention_weights=True)
    found = look.look(states, shape.allowed, Soft())
    assert torch.equal(index, shape.index)  # the self-loops after the edges
    torch.testing.assert_close(found.weights[:, index[1], index[0]].T, weights, atol=1e-12, rtol=0)  # seen 2e-16
    torch.testing.assert_close(look.after(found.output), output, atol=1e-12, rtol=0)
    assert float(found.weights.sum()) == pytest.approx(HEADS * NODES)  # nothing beside the edges


@pytest.mark.parametrize("version", [1, 2])
@torch.no_grad()
def test_along_the_edges_is_what_attend_gives(version: int) -> None:
    look, states, shape = layer(version), drawn(NODES, 4), graph(directed=False)
    output, weights = look.along(states, shape.index)
    found = look.look(states, shape.allowed, Soft())
    torch.testing.assert_close(found.weights[:, shape.index[1], shape.index[0]].T, weights, atol=1e-12, rtol=0)
    torch.testing.assert_close(look.after(found.output), output, atol=1e-12, rtol=0)
    bag, _ = look.along(Bag.of(states), shape.index)
    torch.testing.assert_close(bag, output, atol=1e-12, rtol=0)


@torch.no_grad()
def test_gat_ranks_the_keys_alike_for_every_node_and_gatv2_does_not() -> None:
    everyone = torch.ones(NODES, NODES, dtype=torch.bool)
    tops = [
        layer(version).look(drawn(NODES, 4, seed=3), everyone, Soft()).weights.argmax(-1) for version in (1, 2)
    ]  # fmt: skip
    assert all(len(set(row)) == 1 for row in tops[0].tolist())
    assert all(len(set(row)) > 1 for row in tops[1].tolist())


def star() -> GraphSystem:
    """Node 0 in the middle of five; by hand it looks where feature 1 is, which is node 4 alone."""
    network = Network(Shape(2, 1, 1, 2, 1)).requires_grad_(False)
    for one in network.parameters():
        one.zero_()
    network.first.key.weight[0, 1] = 1.0
    network.first.vector.fill_(8.0)
    network.second.key.weight[1, 0] = 1.0
    features = torch.tensor([[1.0, 0.0]] * 6)
    features[4] = torch.tensor([0.0, 1.0])
    middle = Graph.of(list("abcdef"), [(0, leaf) for leaf in range(1, 6)])
    return GraphSystem("star", network.eval(), middle, Bag.of(features), ("dark", "light"))


def test_in_a_star_the_middle_looks_at_the_leaf_that_it_was_built_to_look_at() -> None:
    trace = star().read("a")
    assert trace.tokens == list("abcdef") and trace.queries is trace.keys
    row = trace.weights(0, 0)[0]
    assert row.argmax() == 4 and row[4] > 0.99
    assert trace.weights(0, 0)[1].tolist() == [0.5, 0.5, 0, 0, 0, 0]  # a leaf: the middle and itself
    assert trace.predictions(0)[0][0] == "light"
    apart = star().read("a", without=star().graph.edges_of(4))
    assert apart.weights(0, 0)[0].tolist() == pytest.approx([0.2] * 4 + [0, 0.2])
    assert [str(change) for change in apart.changes] == ["forbid 4 to look at 0", "forbid 0 to look at 4"]
    assert star().read("a", rule=TopK(1)).weights(0, 0)[0].count_nonzero() == 1


def test_a_neighbourhood_says_of_its_node_what_the_whole_graph_does() -> None:
    system = list(training(Task("club", karate(), {0: 0, 33: 1}, ("a", "b")), 2, 1, epochs=12))[-1].system
    whole = system.whole()
    logits, layers = system.along()
    torch.testing.assert_close(whole.logits, logits, atol=1e-6, rtol=0)
    for number, found in enumerate(layers):
        both = whole.weights(number)[:, system.graph.index[1], system.graph.index[0]].T
        torch.testing.assert_close(both, found, atol=1e-6, rtol=0)  # worst seen 6e-8
    for node in (0, 11, 16):
        near = system.read(str(node))
        assert near.tokens[0] == str(node) and len(near.tokens) < 34
        assert near.logits is not None
        torch.testing.assert_close(near.logits[0], logits[node], atol=1e-6, rtol=0)
        own = whole.weights(0)[:, node, [int(name) for name in near.tokens]]
        torch.testing.assert_close(near.weights(0)[:, 0], own, atol=1e-6, rtol=0)


def test_the_same_seed_trains_the_same_and_the_club_is_mostly_found() -> None:
    task = Task("club", karate(), {0: 0, 33: 1}, ("a", "b"))
    first, again, other = (list(training(task, 1, seed, epochs=EPOCHS)) for seed in (1, 1, 2))
    assert [one.epoch for one in first] == list(range(0, EPOCHS + 1, FRAME))
    assert all(torch.equal(a.system.along()[0], b.system.along()[0]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[-1].system.along()[0], other[-1].system.along()[0])
    assert first[-1].loss < 0.2 < first[0].loss
    right = first[-1].system.along()[0].argmax(-1) == torch.tensor(task.graph.classes)
    assert right.float().mean() > 0.8


@pytest.mark.parametrize("decay", [0.0, 0.05])
def test_adam_moves_as_that_of_torch(decay: float) -> None:
    ours, theirs = ([torch.nn.Parameter(drawn(3, 2)), torch.nn.Parameter(drawn(2, seed=5))] for _ in range(2))
    adam, known = Adam(ours, 0.05, decay), torch.optim.Adam(theirs, lr=0.05, weight_decay=decay)
    for step in range(20):
        given = drawn(4, 3, seed=step)
        adam.descend((given @ ours[0] + ours[1]).square().sum())
        known.zero_grad()
        (given @ theirs[0] + theirs[1]).square().sum().backward()
        known.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)  # seen 2e-16


def test_gatv2_learns_the_dictionary_and_gat_cannot() -> None:
    last = {version: list(trained(version, 1))[-1] for version in (1, 2)}
    assert last[1].right < 0.25 and last[2].right > 0.95
    tops = {version: one.trace.weights(0, 0)[:, KEYS:].argmax(-1).tolist() for version, one in last.items()}
    assert len(set(tops[1])) == 1 and tops[2] == list(range(KEYS))
    assert torch.equal(last[1].trace.weights(0, 0) > 0, allowed(KEYS)[:KEYS])
    again = list(trained(2, 1, steps=24))[-1]
    early = list(trained(2, 1, steps=48))[1]
    assert torch.equal(again.trace.weights(0), early.trace.weights(0))  # a moment does not change as training goes on


def test_evenness_is_entropy_over_that_of_even_weights() -> None:
    system, index = star(), star().graph.index
    _, layers = system.along()
    found, dense = evenness(layers[0], index[1], 6), system.whole().weights(0, 0)
    for node, row in enumerate(dense):
        many = int(system.graph.allowed[node].sum())
        assert found[node, 0].item() == pytest.approx(float(entropy(row) / torch.tensor(many).log2()), abs=1e-5)
    order = torch.tensor([4, 1, 2, 3, 0, 5])
    swapped = shuffled(system.features, order)
    assert torch.equal(swapped.table(torch.arange(6)), system.features.table(order))


@pytest.mark.parametrize("name", NAMES)
def test_cora_says_what_its_card_says(name: str) -> None:
    system, figures = load(name), shipped.figures(name)
    logits, _ = system.along()
    true, test = torch.tensor(system.graph.classes), system.parts["test"]
    right = float((logits.argmax(-1) == true)[test].double().mean())
    assert right == pytest.approx(figures["test"], abs=1.5e-3) and right >= 0.82
    assert figures["mean"] >= 0.82 and len(figures["seeds"]) == 10
    assert len(test) == 1_000 and len(true) == 2_708 and len(system.graph.edges) == 2 * 5_278
    even = (even_logits(system).argmax(-1) == true)[test].double().mean()
    assert float(even) == pytest.approx(figures["even"], abs=1.5e-3)
    assert measure(system).trained == pytest.approx(figures["evenness"]["trained"], abs=1e-3)


def test_a_paper_of_cora_has_its_class_in_its_neighbourhood() -> None:
    system = load("cora-gatv2")
    logits, _ = system.along()
    for node in (0, 1358, 2707):
        trace = system.read(str(node))
        assert trace.logits is not None
        torch.testing.assert_close(trace.logits[0], logits[node], atol=1e-5, rtol=0)  # worst seen 2e-6


@pytest.mark.parametrize(("said", "message"), [("", "text_empty"), ("2708", "graph_no_node"), ("x", "graph_no_node")])
def test_a_node_that_is_not_there_is_a_sentence(said: str, message: str) -> None:
    with pytest.raises(AttnvizError) as refusal:
        load("cora-gat").read(said)
    assert refusal.value.message == message
    with pytest.raises(AttnvizError) as large:
        load("cora-gat").whole()
    assert large.value.message == "graph_too_large"
