"""Inputs as lines of Python: calls of the public entries with sensible arguments, wild ones, and damaged folders."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import attnviz as av
from tests.fuzz import folders

Code = SearchStrategy[str]
READERS = ("bert", "roberta", "albert", "modernbert", "distilbert", "longformer", "canine", "mamba", "clip")
WRITERS = ("gpt2", "llama", "xlnet", "adapter", "gguf")
ANSWERERS = ("t5", "byt5", "bart")
SYSTEMS = ("han-topics", "nmt-zh-en", "target-words", "positions-rotary")
SHORT = st.sampled_from(["the cat sat", "南京市长江大桥", "a", "the cat sat on the mat because it was tired."])
PIECES = st.sampled_from(
    ["\x00", "\ud800", "\udc00\ud800", "\u200b", "👨‍👩‍👧", "é", "नमस्ते", "\u202e", "[MASK]", "[CLS]", "</s>",
    "<pad>", "\n",
     "\r\n\t", "Ġ", "▁", "##", "\ufeff", "\ufffd", "‹", "🇨🇳", "\x7f", "\u0300", "<extra_id_0>", "<0xE9>", " ",
     "\u3000"]
)  # fmt: skip
ANY = st.text(st.characters(exclude_categories=()), max_size=40)
LONG = st.builds(
    lambda piece, n: f"{piece!r} * {n}", st.one_of(SHORT, PIECES), st.sampled_from([50, 500, 3000, 250_000])
)


def mostly(usual: Code, odd: Code, one_in: int = 10) -> Code:
    """The usual, and once in so many times the odd. (`one_of` does not count what it is given twice.)"""
    return st.integers(0, one_in - 1).flatmap(lambda number: odd if number == one_in - 1 else usual)


TEXTS: Code = mostly(
    SHORT.map(repr),
    st.one_of(ANY.map(ascii), st.lists(st.one_of(PIECES, SHORT), max_size=5).map(lambda parts: ascii("".join(parts)))),
    2,
)
ODD: Code = st.sampled_from(
    ["None", "True", "False", "0", "-1", "1", "1.0", "0.5", "1e30", "-1e30", "nan", "inf", "-inf", "2**31", "2**63",
     "2**64", "2**70", "-2**70", "10**30", "''", "'1'", "b'x'", "()", "[]", "[[]]", "{}", "{1}", "10**5000", "object()",
     "Odd()", "int",
     "lambda *_: 1", "np.int64(1)", "np.float32(0.5)", "np.array([1, 2])", "torch.tensor(1)", "torch.tensor(0.5)",
     "torch.tensor([1, 2])", "'\\ud800'", "...", "1j", "range(3)", "['a', 'b']", "iter([1])", "Path('x')",
     "'x' * 5000",
     "Exception('x')", "av.Soft()", "av.HideToken(1)", "model('bert')"]
)  # fmt: skip
COUNT: Code = mostly(st.integers(0, 4).map(str), st.integers(-1, 12).map(str), 4)
NUMBER: Code = mostly(COUNT, ODD)
FIGURE: Code = mostly(st.floats(0.01, 1).map(repr), st.one_of(st.floats().map(repr), NUMBER), 6)
SWITCH: Code = mostly(st.sampled_from(["True", "False"]), ODD)
NUMBERS: Code = mostly(st.lists(NUMBER, max_size=3).map(lambda found: f"({''.join(n + ', ' for n in found)})"), NUMBER)


def call(name: str, *given: Code, **named: Code) -> Code:
    """A call of that name, any of the named arguments left out."""
    parts = st.fixed_dictionaries({}, optional=named)
    words = parts.map(lambda found: [f"{key}={value}" for key, value in found.items()])
    return st.builds(lambda own, rest: f"{name}({', '.join([*own, *rest])})", st.tuples(*given), words)


def newer(function: Callable[..., Any]) -> dict[str, Code]:
    """Arguments that not every version of the library takes: those of them that this one does."""
    known = {
        "pair": TEXT,
        "device": st.one_of(st.sampled_from(["'cpu'", "'cuda'", "'mps:7'", "torch.device('meta')"]), ODD),
        "dtype": st.one_of(st.sampled_from(["torch.float16", "torch.bfloat16", "'float64'", "torch.int8"]), ODD),
    }
    return {name: code for name, code in known.items() if name in signature(function).parameters}


RULES: Code = st.one_of(
    call("av.Soft", temperature=FIGURE), call("av.Threshold", minimum=FIGURE, renormalise=SWITCH),
    call("av.TopK", k=NUMBER, renormalise=SWITCH), call("av.TopP", p=FIGURE, renormalise=SWITCH), call("av.Argmax"),
    call("av.Sample", seed=NUMBER, layer=NUMBER, first_head=NUMBER), call("av.Sparsemax"),
    call("av.Entmax", alpha=FIGURE), st.just("av.Rule()"),
)  # fmt: skip
SOME_RULE: Code = mostly(RULES, st.one_of(st.just("None"), ODD), 8)
MASKS: Code = st.one_of(
    call("masks.Window", NUMBER), call("masks.Causal"), call("masks.Dilated", NUMBER, NUMBER),
    call("masks.Global", NUMBERS), call("masks.RandomKeys", NUMBER, seed=NUMBER), st.just("masks.Mask()"), ODD,
    st.just("masks.Causal() & masks.Window(1) | masks.Global((0,))"),
)  # fmt: skip
WHERE = {
    "layers": mostly(st.just("None"), NUMBERS, 3),
    "part": mostly(st.sampled_from(["None", "'self'", "'encoder'", "'decoder'", "'cross'", "'x'"]), ODD),
}
CHANGE: Code = st.one_of(
    call("av.RemoveHeads", NUMBERS, **WHERE), call("av.KeepHead", NUMBER, **WHERE),
    call("av.HideToken", NUMBER, **WHERE), call("av.ForbidEdge", NUMBER, NUMBER, heads=NUMBERS, **WHERE),
    call("av.Reweigh", SOME_RULE, **WHERE), call("av.Restrict", MASKS, **WHERE), call("av.Intervention", **WHERE),
)  # fmt: skip
CHANGES: Code = mostly(
    st.lists(CHANGE, max_size=3).map(lambda found: f"[{', '.join(found)}]"), st.one_of(CHANGE, ODD), 12
)
KNOWN: Code = st.sampled_from([*READERS, *WRITERS, *ANSWERERS]).map(lambda name: f"model({name!r})")
BUILT_IN: Code = st.sampled_from(["lab-1", "lab-4", "lab-gpt", "lab-readings", *SYSTEMS]).map(
    lambda name: f"model({name!r})"
)
MODEL: Code = mostly(mostly(KNOWN, BUILT_IN, 4), ODD, 20)
OTHERS: Code = st.one_of(
    st.builds(lambda name, text: f"encoded({name!r}, {text!r})", st.sampled_from([*READERS[:5], *WRITERS]), SHORT),
    st.lists(st.one_of(st.integers(-2, 400).map(str), NUMBER), max_size=5).map(
        lambda found: f"ids({', '.join(found)})"
    ),
)
TEXT: Code = mostly(mostly(TEXTS, OTHERS, 6), mostly(LONG, ODD, 3))
HEARD: Code = mostly(st.sampled_from(["lambda *_: None", "lambda *_: False", "None"]), ODD)
COMMON = {"rule": SOME_RULE, "interventions": CHANGES}
ASKED = {
    "blank": NUMBER, "target": TEXT, "values": SWITCH, "predictions": SWITCH, "states": SWITCH, "on_layer": HEARD,
    "stop": HEARD,
}  # fmt: skip
RECORDED: Code = call("look", call("av.record", MODEL, TEXT, **COMMON, **ASKED, **newer(av.record)))
MANY: Code = mostly(st.lists(TEXTS, max_size=4).map(lambda found: f"[{', '.join(found)}]"), TEXT)
LIST: Code = mostly(
    st.lists(st.one_of(NUMBER, TEXT), max_size=4).map(lambda found: f"[{', '.join(found)}]"), st.one_of(TEXT, ODD)
)
BATCHED: Code = call(
    "look", call("av.record_batch", MODEL, MANY, **COMMON, blanks=LIST, targets=LIST, predictions=SWITCH)
)
WRITER: Code = mostly(st.sampled_from([*WRITERS, *ANSWERERS]).map(lambda name: f"model({name!r})"), MODEL)
WRITTEN: Code = call(
    "look", call("av.generate", WRITER, TEXT, **COMMON, most=NUMBER, temperature=FIGURE, seed=NUMBER,
    on_token=HEARD, stop=HEARD)
)  # fmt: skip
NAMES: Code = st.one_of(
    ANY.map(ascii), TEXT, ODD,
    st.sampled_from(["'/'", "'.'", "'..'", "'/dev/null'", "'/dev/zero'", "'/proc/self/mem'", "'lab-4\\0'", "'~x/y'",
    "'a/b'",
                     "'a' * 300", "'a/' * 3000", "'lab-4/'", "'LAB-4'", "'./lab-4'", "'https://[::1'",
                     "'file:///%00'", "'hf://'",
                     "'https://huggingface.co/a/b/resolve/main/%00'", "'$HOME' * 20", "'~' * 5000", "Path('lab-4')",
                     "'\\\\\\\\server\\\\x'", "'models--a--b'", "'x.gguf'", "'con.zip'", "Path('a\\0b')",
                     "b'lab-4'", "'gpt2@\\0'"]),
)  # fmt: skip
OPENED: Code = call("av.load", NAMES, revision=st.one_of(ANY.map(ascii), ODD), progress=HEARD, **newer(av.load))
CONFIGS = [
    "vocab_size", "hidden_size", "d_model", "n_embd", "num_hidden_layers", "n_layer", "num_attention_heads",
    "num_heads",
    "max_position_embeddings", "n_positions", "intermediate_size", "architectures", "model_type", "hidden_act",
    "dtype",
    "pad_token_id", "bos_token_id", "decoder_start_token_id", "tie_word_embeddings", "is_encoder_decoder",
    "is_decoder",
    "quantization_config", "auto_map", "id2label", "layer_types", "rope_parameters", "rope_theta", "type_vocab_size",
    "text_config", "num_key_value_heads", "head_dim", "attention_window", "global_attn_every_n_layers", "d_kv",
    "relative_attention_num_buckets", "state_size", "embedding_size", "initializer_range", "layer_norm_eps",
    "mem_len",
    "model_max_length", "tokenizer_class", "added_tokens_decoder", "max_length", "eos_token_id",
    "transformers_version",
    "forced_bos_token_id", "weight_map", "torch_dtype", "attn_implementation", "_attn_implementation",
    "sliding_window",
    "pruned_heads", "output_attentions", "return_dict", "use_cache", "attention_probs_dropout_prob", "n_inner",
]  # fmt: skip
VALUES = st.one_of(
    st.sampled_from([None, True, False, 0, 1, -1, 2, 3, 7, 1e30, -1e30, 0.5, 2**31, 2**63, 10**30, 10**6, 10**9, "",
    "1", "x", [],
                     {}, [1], [[]], ["x"], {"x": 1}, "BertModel", "bert", "relu", "float16", "float8", "eager",
                     "t5", "../../x",
                     ["BertForMaskedLM"], ["LlamaForCausalLM"], {"a.b": "c"}, "\x00", "é" * 300]),
    st.integers(), st.text(max_size=8).filter(str.isprintable),
)  # fmt: skip


@st.composite
def damaged(draw: Any) -> str:
    """A folder with one or two things wrong in it, opened."""
    name = draw(st.sampled_from(folders.ALL))
    found = [draw(_damage(name)) for _ in range(draw(st.sampled_from([1, 1, 1, 2])))]
    return f"opened(folder({name!r}, {', '.join(found)}))"


def _damage(name: str) -> Code:
    """One thing that is wrong in a type's folder."""
    files = folders.files(name)
    tables = [file for file in files if file.endswith(".json")]
    weights = [file for file in files if file.endswith(".safetensors")]
    file, table, tensors = (st.sampled_from(some or files) for some in (files, tables, weights))
    other = st.sampled_from(folders.ALL).flatmap(
        lambda one: st.tuples(st.just(one), st.sampled_from(folders.files(one)))
    )
    share, place = st.floats(0, 1), st.integers(0, 200)
    made: list[SearchStrategy[tuple[Any, ...]]] = [
        st.tuples(st.just("cut"), file, share), st.tuples(st.just("removed"), file),
        other.flatmap(lambda its: st.tuples(st.just("swapped"), file, st.just(its[0]), st.just(its[1]))),
        st.tuples(st.just("junk"), file, st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"{}", b"[]",
        b"null", b"\xff\xfe{}", b'{"a":', b"1e999", b"NaN", b'"x"']))),
        st.tuples(st.just("flipped"), file, share, st.integers(1, 255)),
        st.tuples(st.just("grown"), file, st.sampled_from([10**6, 10**9, 3 * 10**9])),
        st.tuples(st.just("replaced"), file, st.sampled_from(["folder", "loop", "nothing", "pipe"])),
    ]  # fmt: skip
    if tables:
        edits: list[SearchStrategy[tuple[Any, ...]]] = [
            st.tuples(st.just("edited"), table, place, VALUES),
            st.tuples(st.just("said"), table, st.sampled_from(CONFIGS), VALUES),
            st.tuples(st.just("nested"), table, st.sampled_from([100, 900, 100_000]), st.sampled_from(["", *CONFIGS])),
        ]
        made += edits * 2
    if weights:
        kinds = ["gone", "wide", "flat", "scalar", "none", "nan", "large", "whole", "half", "bool", "double"]
        wrong: Any = st.sampled_from(
            [10**12, -1, "F4", "BOOL", "I64", [10**9, 10**9], [], [0, 4], [4, 0], None, 1.5, "x", {}]
        )
        made += [
            st.tuples(st.just("tensor"), tensors, place, st.sampled_from(kinds)),
            st.tuples(
                st.just("header"), tensors, place, st.sampled_from(["dtype", "shape", "data_offsets", "x"]), wrong
            ),
        ]
    return st.one_of(made).map(lambda found: f"{found[0]}({', '.join(map(ascii, found[1:]))})")


def inputs() -> Code:
    """Any input: two in ten a damaged folder, one a name, the others runs."""
    asked = [RECORDED, RECORDED, RECORDED, BATCHED, WRITTEN, WRITTEN, BATCHED, OPENED, damaged(), damaged()]
    return st.integers(0, len(asked) - 1).flatmap(lambda number: asked[number])
