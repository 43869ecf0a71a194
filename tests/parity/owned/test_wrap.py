"""A network that is in memory already: it shows what one loaded from a folder shows, and stays as it was."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForPreTraining,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Model,
    ViTConfig,
    ViTModel,
    pipeline,
)

import attnviz as av
from attnviz import Model, ModelError, Trace, load, record
from attnviz.core.attention import Attention
from attnviz.notices import AttnvizWarning
from tests.parity import tiny
from tests.parity.test_real_weights import TEXTS
from tests.parity.test_real_weights import folder as minilm

__all__ = ["minilm"]  # a fixture
TYPES = ("bert", "gpt2", "t5")
KINDS = {"big_bird": "masked"}
TEXT, TARGET = "the cat sat on the mat because it was tired", "the cats were sitting"
Folders = Callable[[str], Path]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> Folders:
    """The folder of a tiny model by its type."""
    root = tmp_path_factory.mktemp("wrap")

    def find(name: str) -> Path:
        if not (root / name).exists():
            tiny.save(KINDS.get(name, tiny.kind_of(name)), name, root / name, wordpiece)
        return root / name

    return find


def network(folder: Path, name: str) -> Any:
    """A network as its owner loads it."""
    return tiny.MAKERS[KINDS.get(name, tiny.kind_of(name))].from_pretrained(folder)


def of(model: Model, **asked: Any) -> Trace:
    return record(model, TEXT, **({"target": TARGET} if model.kind == "seq2seq" else {}), **asked)


def assert_same(mine: Trace, theirs: Trace) -> None:
    """Bit for bit, in all maps."""
    assert mine.parts == theirs.parts and mine.encoded == theirs.encoded
    for part in theirs.parts:
        one, other = mine.map(part), theirs.map(part)
        for layer in range(other.n_layers):
            assert torch.equal(one.weights(layer), other.weights(layer))
            a, b = one.layers[layer], other.layers[layer]
            assert isinstance(a, Attention) and isinstance(b, Attention)
            assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("queries", "keys", "values"))
        assert torch.equal(one.outputs, other.outputs)
        assert (one.logits is None) == (other.logits is None)
        assert one.logits is None or other.logits is None or torch.equal(one.logits, other.logits)


def state(network: PreTrainedModel) -> dict[str, Any]:
    """Everything about a network that its owner may count on."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
    return {
        "tensors": {
            name: (id(one), one.dtype, one.device, one.requires_grad, one.detach().clone())
            for name, one in [*network.named_parameters(), *network.named_buffers()]
        },
        "modes": {name: one.training for name, one in network.named_modules()},
        "hooks": {name: [list(getattr(one, kind)) for kind in hooks] for name, one in network.named_modules()},
        "attributes": {name: sorted(vars(one)) for name, one in network.named_modules()},
        "config": network.config.to_dict(),
        "generation": network.generation_config.to_dict() if network.can_generate() else None,
        "implementation": network.config._attn_implementation,
    }


def assert_unchanged(now: dict[str, Any], before: dict[str, Any], *, wrapped: bool = False) -> None:
    for name in before.keys() - {"tensors", *(["implementation"] if wrapped else [])}:
        assert now[name] == before[name], name
    assert now["tensors"].keys() == before["tensors"].keys()
    for name, (*facts, numbers) in before["tensors"].items():
        assert now["tensors"][name][:-1] == tuple(facts), name
        assert torch.equal(now["tensors"][name][-1], numbers), name


def test_minilm_in_memory_is_minilm_from_its_folder_bit_for_bit(minilm: Path) -> None:
    model = av.wrap(AutoModel.from_pretrained(minilm), AutoTokenizer.from_pretrained(minilm))
    loaded = load(minilm)
    assert (model.kind, model.limit, model.eager, model.name) == (loaded.kind, 512, False, str(minilm))
    for text in TEXTS:
        assert_same(record(model, text), record(loaded, text))
        assert_same(record(model, text, rule=av.TopK(3)), record(loaded, text, rule=av.TopK(3)))
    for mine, theirs in zip(av.record_batch(model, TEXTS), av.record_batch(loaded, TEXTS), strict=True):
        assert_same(mine, theirs)


@pytest.mark.parametrize("name", TYPES)
def test_network_in_memory_shows_what_its_folder_shows(
    name: str, folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    model, loaded = av.wrap(network(folders(name), name), wordpiece), load(folders(name))
    assert isinstance(model, Model)
    assert (model.kind, model.eager, model.parameters) == (loaded.kind, loaded.eager, loaded.parameters)
    assert_same(of(model), of(loaded))
    changes = [av.RemoveHeads(heads=(1,)), av.HideToken(token=2)]
    changed = {"rule": av.Sparsemax(), "interventions": changes}
    assert_same(of(model, **changed), of(loaded, **changed))
    if name != "bert":
        assert_same(av.generate(model, "the cat", most=4), av.generate(loaded, "the cat", most=4))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluating"])
@pytest.mark.parametrize("name", TYPES)
def test_network_is_as_it_was_but_for_its_attention(
    name: str, training: bool, folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    mine = network(folders(name), name).train(training)
    next(mine.base_model.children()).requires_grad_(False)
    mine.base_model.register_forward_hook(lambda *_: None)
    list(mine.modules())[3].training = not training  # a part that its owner keeps in the other mode
    before = state(mine)
    model = av.wrap(mine, wordpiece)
    assert mine.config._attn_implementation == "attnviz"
    of(model), of(model, states=True), of(model, values=False)
    av.record_batch(model, [TEXT, "she sat"])
    if name != "bert":
        av.generate(model, "the cat", most=2)
    if name != "t5":
        av.differentiable(model, TEXT).gradients(lambda outcome: outcome.outputs.sum())
    with pytest.raises(av.AttnvizError):
        of(model, interventions=[av.RemoveHeads(heads=(99,))])
    assert_unchanged(state(mine), before, wrapped=True)
    model.restore()
    assert_unchanged(state(mine), before)


@pytest.mark.parametrize("name", TYPES)
def test_a_network_in_training_is_run_as_one_that_is_not(
    name: str, folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    mine = network(folders(name), name).train()
    assert_same(of(av.wrap(mine, wordpiece)), of(load(folders(name))))
    assert all(one.training for one in mine.modules())


def test_two_runs_at_once_leave_the_mode_to_the_last(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    mine = network(folders("bert"), "bert").train()
    model, expected = av.wrap(mine, wordpiece), of(load(folders("bert")))
    inside, done = threading.Barrier(2, timeout=60), []

    def wait(count: int, total: int) -> None:
        if count == 1:
            inside.wait()

    def work() -> None:
        done.append(of(model, on_layer=wait))

    runs = [threading.Thread(target=work) for _ in range(2)]
    for one in runs:
        one.start()
    for one in runs:
        one.join(120)
    assert len(done) == 2
    for trace in done:
        assert_same(trace, expected)
    assert all(one.training for one in mine.modules())


def test_training_goes_on_with_its_dropout(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    mine = network(folders("bert"), "bert").train()
    for module in mine.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # what is left is the attention's own
    given = {"input_ids": torch.tensor([of(load(folders("bert"))).encoded.ids])}
    with av.wrap(mine, wordpiece) as model:
        of(model)
        for layer in mine.bert.encoder.layer:
            layer.attention.self.dropout.p = 0.5
        first, second = mine(**given).logits, mine(**given).logits
        assert not torch.equal(first, second), "attention's dropout is gone"
        first.sum().backward()
        assert float(mine.bert.encoder.layer[0].attention.self.query.weight.grad.abs().max()) > 0
        mine.zero_grad()


def test_dropout_is_eagers_in_the_mean(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    mine = network(folders("bert"), "bert").eval()
    theirs = tiny.eager("masked", folders("bert"))
    given = {"input_ids": torch.tensor([of(load(folders("bert"))).encoded.ids])}
    for one in (mine, theirs):
        one.bert.encoder.layer[0].attention.self.train()
    av.wrap(mine, wordpiece)

    def drawn(one: Any) -> torch.Tensor:
        torch.manual_seed(3)
        with torch.no_grad():
            return one(**given).logits  # type: ignore[no-any-return]

    torch.testing.assert_close(drawn(mine), drawn(theirs), atol=1e-4, rtol=1e-4)  # the same draws


def test_with_ends_in_what_was_before(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    mine = network(folders("bert"), "bert")
    mine.set_attn_implementation("eager")
    with pytest.raises(KeyError), av.wrap(mine, wordpiece) as model:
        of(model)
        raise KeyError
    assert mine.config._attn_implementation == "eager"
    with pytest.raises(ModelError) as refusal:
        of(model)
    assert refusal.value.message == "model_restored"
    with model:
        of(model)
    assert mine.config._attn_implementation == "eager"


def test_wrapped_twice_goes_back_to_what_was_before_the_first(
    folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    mine = network(folders("bert"), "bert")
    av.wrap(mine, wordpiece)
    av.wrap(mine, wordpiece).restore()  # as in a cell of a notebook that is run again
    assert mine.config._attn_implementation == "sdpa"


def test_two_networks_of_one_configuration_are_both_looked_at(
    folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    first = network(folders("bert"), "bert")
    second = BertForMaskedLM(first.config).eval()
    model = av.wrap(second, wordpiece)
    assert torch.isfinite(of(model).outputs).all()
    model.restore()
    assert first.config._attn_implementation == "sdpa"


class Own(BertForMaskedLM):
    """Someone's own class that goes on from one of transformers."""


def test_classes_predict_what_they_have_a_head_for(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    config = BertConfig.from_pretrained(folders("bert"))
    torch.manual_seed(0)
    assert av.wrap(Own(config).eval(), wordpiece).kind == "masked"
    body = AutoModel.from_pretrained(folders("bert"))
    for kind in (BertForPreTraining,):
        headed = kind(copy.deepcopy(config)).eval()
        headed.bert.load_state_dict(body.state_dict(), strict=False)
        with pytest.warns(AttnvizWarning, match=kind.__name__):
            model = av.wrap(headed, wordpiece)
        assert torch.equal(of(model).weights(1), of(load(folders("bert"))).weights(1))


def test_an_encoder_decoder_without_a_head_is_read_and_predicts_nothing(
    folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    model = av.wrap(T5Model.from_pretrained(folders("t5")).eval(), wordpiece)
    trace = of(model)
    assert torch.equal(trace.weights(0), of(load(folders("t5"))).weights(0)) and trace.logits is None
    with pytest.raises(ModelError):
        trace.probabilities(0)
    with pytest.raises(ModelError) as refusal:
        av.generate(model, "the cat")
    assert refusal.value.message == "model_writes_nothing"


class Pooled(torch.nn.Sequential):
    """A SentenceTransformer as far as anyone here needs to know it."""

    def __init__(self, inside: PreTrainedModel, tokenizer: object) -> None:
        first = torch.nn.Module()
        first.auto_model = inside
        super().__init__(first, torch.nn.Identity())
        self.tokenizer = tokenizer


def shells(inside: Any, tokenizer: PreTrainedTokenizerBase) -> Iterator[Any]:
    """What people have a network in."""
    yield Pooled(inside, tokenizer)
    yield pipeline("fill-mask", model=inside, tokenizer=tokenizer, device="cpu")
    yield SimpleNamespace(model=inside, processing_class=tokenizer)  # a Trainer
    yield SimpleNamespace(model=torch.nn.DataParallel(inside), tokenizer=tokenizer)


def test_what_is_inside_of_other_things_is_taken(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    expected = of(load(folders("bert")))
    for shell in shells(network(folders("bert"), "bert"), wordpiece):
        with pytest.warns(AttnvizWarning, match=type(shell).__name__), av.wrap(shell) as model:
            assert model.kind == "masked"
            assert_same(of(model), expected)
    compiled = torch.compile(network(folders("bert"), "bert"))
    assert_same(of(av.wrap(compiled, SimpleNamespace(tokenizer=wordpiece))), expected)


def test_name_is_that_given_or_that_of_the_network(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    config = BertConfig.from_pretrained(folders("bert"))
    config.name_or_path = ""
    assert av.wrap(BertForMaskedLM(config), wordpiece).name == "BertForMaskedLM"
    assert av.wrap(BertForMaskedLM(config), wordpiece, name="mine").name == "mine"


def test_what_a_folder_would_say_is_said(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    more = copy.deepcopy(wordpiece)
    more.add_tokens(["☃", "☄"])
    with pytest.warns(AttnvizWarning, match="may not belong together"):
        model = av.wrap(network(folders("bert"), "bert"), more)
    assert [notice.message for notice in model.notices] == ["tokenizer_larger"]
    with pytest.raises(ModelError) as refusal:
        record(model, "the cat ☃")
    assert refusal.value.message == "tokens_beyond_model"


WRONG: dict[str, tuple[str, Callable[[Any, Any], tuple[Any, ...]]]] = {
    "a name": ("wrap_name", lambda network, tokenizer: ("bert-base-chinese", tokenizer)),
    "the other way round": ("wrap_no_network", lambda network, tokenizer: (tokenizer, network)),
    "a layer": ("wrap_no_network", lambda network, tokenizer: (torch.nn.Linear(2, 2), tokenizer)),
    "nothing": ("wrap_no_network", lambda network, tokenizer: (None, None)),
    "weights": ("wrap_no_network", lambda network, tokenizer: (network.state_dict(), tokenizer)),
    "no tokenizer": ("wrap_no_tokenizer", lambda network, tokenizer: (network,)),
    "a name for a tokenizer": ("wrap_tokenizer_unknown", lambda network, tokenizer: (network, "bert-base-chinese")),
    "a tokenizer of tokenizers": (
        "wrap_tokenizer_unknown",
        lambda network, tokenizer: (network, tokenizer.backend_tokenizer),
    ),
    "a model without numbers": (
        "wrap_no_weights",
        lambda network, tokenizer: (copy.deepcopy(network).to("meta"), tokenizer),
    ),
    "a model of pictures": (
        "not_text",
        lambda network, tokenizer: (
            ViTModel(ViTConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)),
            tokenizer,
        ),
    ),
}


@pytest.mark.parametrize(("message", "given"), WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_are_refused_with_one_sentence(
    message: str, given: Callable[[Any, Any], tuple[Any, ...]], folders: Folders, wordpiece: PreTrainedTokenizerBase
) -> None:
    mine = network(folders("bert"), "bert")
    with pytest.raises(ModelError) as refusal:
        av.wrap(*given(mine, wordpiece))
    assert refusal.value.message == message
    assert all(refusal.value.say(language) for language in ("en", "zh"))
    assert mine.config._attn_implementation == "sdpa"


def test_a_model_that_weighs_blocks_is_to_be_told_not_to(folders: Folders, wordpiece: PreTrainedTokenizerBase) -> None:
    folder = folders("big_bird")
    mine = network(folder, "big_bird")
    with pytest.raises(ModelError) as refusal:
        av.wrap(mine, wordpiece)
    assert refusal.value.message == "wrap_block_sparse"
    mine.base_model.set_attention_type("original_full")
    assert_same(of(av.wrap(mine, wordpiece)), of(load(folder)))


def test_tokenizer_of_another_model_is_refused(
    folders: Folders, wordpiece: PreTrainedTokenizerBase, byte_level: PreTrainedTokenizerBase
) -> None:
    with pytest.raises(ModelError) as refusal:
        av.wrap(network(folders("bert"), "bert"), byte_level)
    assert refusal.value.message == "wrap_tokenizer_larger"


def test_nothing_else_leaves_wrap(wordpiece: PreTrainedTokenizerBase) -> None:
    class Broken:
        @property
        def model(self) -> object:
            raise OSError("no such thing")

    with pytest.raises(ModelError) as refusal:
        av.wrap(Broken(), wordpiece)
    assert refusal.value.message == "wrap_failed"
