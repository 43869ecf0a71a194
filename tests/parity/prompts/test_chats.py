"""A chat is read as transformers' own `apply_chat_template` has it, and each token knows whose it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from attnviz import ArgumentError, ModelError, TextError, Trace, generate, load, load_trace, record
from attnviz.adapter.prompts.templates import SECONDS
from attnviz.models import Model
from tests.parity import tiny
from tests.parity.prompts.talkers import saved

HEAD = "{% if add_generation_prompt %}"
TEMPLATES = {
    "chatml": "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}" + HEAD + "{{ '<|im_start|>assistant\n' }}{% endif %}",
    "llama": "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}{{ '[INST] ' ~ m.content | trim ~ ' [/INST]' }}"
    "{% elif m.role == 'system' %}{{ '<<SYS>>\n' + m.content + '\n<</SYS>>\n\n' }}"
    "{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}",
    "gemma": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
    "<start_of_turn>{{ role }}\n{{ (first if loop.first else '') + m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    + HEAD + "<start_of_turn>model\n{% endif %}",
    "thinking": "{% for m in messages %}{% set c = m.content.split('</think>')[-1].lstrip('\n') %}"
    "<|{{ m.role }}|>{{ c }}{{ eos_token }}{% endfor %}" + HEAD + "<|assistant|>{% endif %}",
    "generation": "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
    "{% endgeneration %}{% else %}{{ m.content }}{% endif %}\n{% endfor %}" + HEAD + "assistant: {% endif %}",
}  # fmt: skip
TURNS = [
    {"role": "system", "content": "user"},  # which also stands in the heads of the turns
    {"role": "user", "content": " 你好 hi\nthere "},
    {"role": "assistant", "content": "user, a cat sat"},
    {"role": "user", "content": "a"},
]
SHORT = [{"role": "user", "content": "hi"}]
Folder = Callable[[str | None], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a small decoder whose tokenizer has a template."""
    root = tmp_path_factory.mktemp("chats")

    @cache
    def find(template: str | None) -> Path:
        return saved(template, root / str(len(list(root.iterdir()))))

    return find


@pytest.fixture(scope="module")
def model(folder: Folder) -> Callable[[str | None], Model]:
    return cache(lambda template: load(str(folder(template))))


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("count", [2, 3, 4])
def test_ids_are_those_of_apply_chat_template(
    name: str, count: int, folder: Folder, model: Callable[[str], Model]
) -> None:
    turns = TURNS[:count]
    tokenizer = AutoTokenizer.from_pretrained(folder(TEMPLATES[name]))
    wanted = tokenizer.apply_chat_template(
        turns, tokenize=True, add_generation_prompt=turns[-1]["role"] != "assistant", return_dict=False
    )
    trace = record(model(TEMPLATES[name]), chat=turns)
    assert list(trace.encoded.ids) == wanted
    assert wanted.count(1) == ("bos_token" in TEMPLATES[name]), "<s> once where the template has it, else never"


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_token_knows_its_turn_and_what_the_template_wrote_is_special(
    name: str, model: Callable[[str], Model]
) -> None:
    encoded = record(model(TEMPLATES[name]), chat=TURNS).encoded
    chat = encoded.chat
    assert chat is not None and chat.roles == ("system", "user", "assistant", "user")
    for number, turn in enumerate(TURNS):
        spans = [span for span, owner in zip(encoded.spans, chat.turns, strict=True) if owner == number and span]
        said = encoded.text[spans[0][0] : spans[-1][1]]
        assert said.strip() == turn["content"].strip(), (name, number)
    assert [role is None for role in encoded.roles] == list(encoded.special)
    assert any(encoded.special) and encoded.roles[-1] in (None, "user")


def test_weights_of_a_chat_are_those_of_the_network_alone(folder: Folder, model: Callable[[str], Model]) -> None:
    place = folder(TEMPLATES["chatml"])
    batch = AutoTokenizer.from_pretrained(place).apply_chat_template(
        TURNS, return_tensors="pt", return_dict=True, add_generation_prompt=True
    )
    with torch.inference_mode():
        wanted = tiny.eager("causal", place)(**batch, output_attentions=True)
    trace = record(model(TEMPLATES["chatml"]), chat=TURNS)
    for layer, weights in enumerate(wanted.attentions):
        torch.testing.assert_close(trace.weights(layer), weights[0], atol=1e-5, rtol=0)


def test_answer_is_the_assistants_and_stays_so_when_it_is_read_again(
    folder: Folder, model: Callable[[str], Model]
) -> None:
    ours = model(TEMPLATES["chatml"])
    place = folder(TEMPLATES["chatml"])
    batch = AutoTokenizer.from_pretrained(place).apply_chat_template(
        TURNS, return_tensors="pt", return_dict=True, add_generation_prompt=True
    )
    wanted = tiny.eager("causal", place).generate(**batch, max_new_tokens=5, do_sample=False)[0].tolist()
    trace = generate(ours, chat=TURNS, most=5)
    assert list(trace.encoded.ids) == wanted and trace.border == batch["input_ids"].shape[1]
    assert set(trace.encoded.roles[trace.border :]) <= {"assistant", None} and "assistant" in trace.encoded.roles
    again = record(ours, trace.encoded)
    assert again.encoded.roles == trace.encoded.roles
    torch.testing.assert_close(again.weights(1), trace.weights(1), atol=1e-5, rtol=0)


def test_assistants_last_turn_is_gone_on_with_as_transformers_continues_it(
    folder: Folder, model: Callable[[str], Model]
) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder(TEMPLATES["chatml"]))
    wanted = tokenizer.apply_chat_template(TURNS[:3], continue_final_message=True, return_dict=False)
    trace = generate(model(TEMPLATES["chatml"]), chat=TURNS[:3], most=3)
    assert list(trace.encoded.ids[: trace.border]) == wanted
    assert trace.encoded.chat is not None and trace.encoded.chat.roles == ("system", "user", "assistant")


def test_chat_that_is_typed_is_the_same_chat(model: Callable[[str], Model]) -> None:
    typed = "系统：user\n用户：你好 hi\nthere\nAssistant: user, a cat sat\nuser: a"
    ours = model(TEMPLATES["llama"])
    turns = [{**turn, "content": turn["content"].strip()} for turn in TURNS]
    assert record(ours, chat=typed).encoded == record(ours, chat=turns).encoded
    assert record(ours, chat="hi").encoded == record(ours, chat=SHORT).encoded


def test_chat_survives_being_saved(model: Callable[[str], Model], tmp_path: Path) -> None:
    trace = record(model(TEMPLATES["chatml"]), chat=TURNS)
    trace.save(tmp_path / "chat.safetensors")
    found: Trace = load_trace(tmp_path / "chat.safetensors")
    assert found.encoded == trace.encoded and found.encoded.roles == trace.encoded.roles


def test_chat_longer_than_the_model_reads_is_cut_and_knows_its_turns(model: Callable[[str], Model]) -> None:
    long = [*SHORT, {"role": "assistant", "content": "a cat " * 300}]
    encoded = record(model(TEMPLATES["chatml"]), chat=long).encoded
    assert len(encoded.ids) == 512 and encoded.cut is not None and encoded.roles[-1] == "assistant"
    with pytest.raises(TextError, match="room"):
        generate(model(TEMPLATES["chatml"]), chat=[*long, *SHORT])


WRONG = {
    "missing": (None, "has no chat template"),
    "raises": ("{{ raise_exception('System role not supported') }}", "System role not supported"),
    "broken": ("{% for m in %}", "does not take this chat"),
    "escapes": ("{{ messages.__class__.__mro__ }}", "does not take this chat"),
    "imports": ("{{ cycler.__init__.__globals__.os.popen('id').read() }}", "does not take this chat"),
    "strange": ("{{ messages[99].content.foo }}", "does not take this chat"),
    "range": ("{% for i in range(99999999) %}a{% endfor %}", "does not take this chat"),
    "loops": ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "come to an end"),
    "lines": ("{% for i in range(99999) %}aaaaaaaaaa{% endfor %}", "come to an end"),
    "times": ("{{ 'a' * 10**10 }}", "come to an end"),
    "times_list": ("{{ ([1] * 99999) * 99999 }}", "come to an end"),
    "power": ("{{ 9 ** (9 ** 9) }}", "come to an end"),
    "doubled": (
        "{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}", "come to an end",
    ),
    "added": (
        "{% set n = namespace(s='a') %}{% for i in range(60) %}{% set n.s = n.s + n.s %}{% endfor %}", "come to an end",
    ),
    "wide": ("{{ '%9999999999d' % 1 }}", "come to an end"),
    "wide_filter": ("{{ '%9999999999d' | format(1) }}", "come to an end"),
    "centre": ("{{ 'a' | center(9999999999) }}", "come to an end"),
    "method": ("{{ 'a'.center(9999999999) }}", "come to an end"),
    "replace": ("{{ ('a' * 99999).replace('a', 'b' * 99999) }}", "come to an end"),
    "recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "come to an end"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_template_that_is_none_or_fails_or_does_not_end_is_one_sentence(
    name: str, model: Callable[[str | None], Model]
) -> None:
    template, said = WRONG[name]
    ours = model(template)
    assert ours.chats == (template is not None)
    began = time.thread_time()
    for run in (record, generate):
        with pytest.raises(ModelError, match=said):
            run(ours, chat=SHORT)
    assert time.thread_time() - began < 2 * SECONDS + 4
    assert not record(ours, "hi").encoded.roles


def test_template_that_refuses_a_system_says_so_in_its_own_words(model: Callable[[str], Model]) -> None:
    template = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    ours = model(template + "{{ m.content }}{% endfor %}")
    with pytest.raises(ModelError, match="no system here"):
        record(ours, chat=TURNS)
    assert record(ours, chat=SHORT).encoded.roles


def test_what_clashes_with_a_chat_is_one_sentence(model: Callable[[str], Model]) -> None:
    ours = model(TEMPLATES["chatml"])
    with pytest.raises(TextError, match="by itself"):
        record(ours, chat=SHORT, pair="b")
    with pytest.raises(TextError, match="one of the two"):
        generate(ours, "text", chat=SHORT)
    with pytest.raises(TextError, match="Nobody"):
        record(ours, chat=[{"role": "user", "content": " "}])
    wrong: list[Any] = [3, [3], [{}], [{"role": "user"}], {"role": "user"}, [{"role": 1, "content": "a"}], [[SHORT]]]
    for chat in wrong:
        with pytest.raises(ArgumentError, match="chat must be turns"):
            record(ours, chat=chat)
    for nothing in ([], "", " \n "):
        with pytest.raises(TextError, match="Nobody"):
            record(ours, chat=nothing)
    with pytest.raises(ArgumentError):
        record(ours)
