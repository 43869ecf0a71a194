"""The models page under AppTest: every architecture opens, changes act, what fails is told in a sentence."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from pathlib import Path
from weakref import ref

import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import BertForMaskedLM, PreTrainedTokenizerBase

from attnviz import load, record
from attnviz.measures import ORDERS, ranked
from attnviz.messages import LANGUAGES, say, table
from attnviz.trace import Trace
from attnviz.ui.pages.models.choices import KEY, NUMBER, PARAMS, RANKINGS
from attnviz.ui.stores.runs import traces
from tests.pages.models.opened import HYBRID, NAME, SEQ, TEXT, WEIGHTS, Folder, control, opened
from tests.pages.opened import PATIENCE, ROOT, array, cells, charts, elements, said, seen
from tests.parity import tiny
from tests.unit.models.hub import Fault, StandIn, endpoint


@pytest.mark.parametrize("name", ["lab-gpt", "someone/not-here"])
def test_the_address_of_a_model_card_opens_with_the_id_and_the_text_in_the_boxes(name: str) -> None:
    """`/models?id=...&text=...` stays what it is, for cards carry it; a model that cannot be had is named as well."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=PATIENCE).switch_page("pages/models.py")
    at.query_params["id"], at.query_params["text"], at.query_params["lang"] = name, "the dog sat on the mats", "en"
    at.run()
    assert not at.exception
    assert control(at, "id").value == name
    assert "the dog sat on the mats" in [box.value for box in [*at.text_input, *at.text_area]]
    assert (name in said(at)) and bool(charts(at)) == (name == "lab-gpt") and bool(at.error) == (name != "lab-gpt")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_page_opens_with_a_built_in_model(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    assert len(charts(at)) == 2
    assert "lab-4" in said(at)
    labels = set(table(lang).values())
    for name in ("id", "by", "scope", "family", "where", "remove_head", "keep_head"):
        assert control(at, name).label in labels, name


def test_an_open_page_holds_no_run_and_its_files_are_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty open pages of a large model would hold fifty runs beside the store that is to bound them."""
    offered: dict[str, Callable[[], bytes]] = {}
    monkeypatch.setattr(
        "attnviz.ui.kit.export_menu.offer_file", lambda kind, name, make, own: offered.update({kind: make})
    )
    at = opened(model="lab-4", text="an open page holds no run")
    make, offered = offered, {}
    before = {kind: make[kind]() for kind in ("csv", "npz")}
    gc.collect()
    runs = [one for one in gc.get_objects() if isinstance(one, Trace) and one.text == "an open page holds no run"]
    held = list(map(ref, runs))
    del runs
    assert held
    traces().clear()
    opened(model="lab-4", text="the last page that ran is held by its module")
    gc.collect()
    assert not at.exception and [one() for one in held if one() is not None] == []
    assert {kind: make[kind]() for kind in before} == before


@pytest.mark.parametrize(
    ("kind", "model_type", "changes"),
    [
        ("masked", "bert", {}), ("causal", "gpt2", {}), ("causal", "llama", {}), ("causal", "mistral", {}),
        ("causal", "gemma2", {}), ("causal", "gpt_oss", {}), ("causal", "jamba", HYBRID), ("causal", "bloom", {}),
        ("masked", "deberta-v2", {}), ("seq2seq", "t5", SEQ), ("plain", "bert", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_kind_of_model_draws(lang: str, kind: str, model_type: str, changes: dict, folder: Folder) -> None:
    at = opened(lang, id=folder(kind, model_type, **changes))
    assert not at.exception and not at.error, [e.value for e in at.error]
    assert len(charts(at)) == 2


@pytest.mark.parametrize("lang", LANGUAGES)
def test_page_says_what_a_model_is_stored_and_computed_in(
    lang: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tiny.save("masked", "bert", tmp_path, wordpiece)
    BertForMaskedLM.from_pretrained(place, dtype=torch.bfloat16).save_pretrained(place)
    words, both = table(lang), {"stored": "bfloat16", "numbers": "float32"}
    stored = words["ui.facts_stored"].format(**both)
    at = opened(lang, id=str(place))
    assert not at.error and stored in said(at) and "float32" in stored
    monkeypatch.setenv("ATTNVIZ_DTYPE", "bfloat16")
    at = opened(lang, id=str(place))
    assert not at.error and words["ui.facts_machine"].format(numbers="bfloat16", device="cpu") in said(at)
    assert stored not in said(at)
    at = opened(lang, model="lab-4")
    assert words["ui.facts_stored"].format(stored="float16", numbers="bfloat16") in said(at)
    monkeypatch.delenv("ATTNVIZ_DTYPE")
    at = opened(lang, model="lab-4")
    assert words["ui.facts_stored"].format(stored="float16", numbers="float32") in said(at)
    assert "bfloat16" not in said(at)


def test_page_says_nothing_of_numbers_where_all_are_float32(folder: Folder) -> None:
    at = opened(id=folder("masked", "bert"))
    assert not at.error and not any("float32" in one.value for one in at.caption)


def test_encoder_decoder_has_three_maps_of_their_own_sizes(folder: Folder) -> None:
    place = folder("seq2seq", "t5", **SEQ)
    sizes = {}
    for part in ("encoder", "decoder", "cross"):
        at = opened(id=place, map=part, target="the dog")
        assert not at.exception and not at.error
        sizes[part] = array(charts(at)[1]["data"][0]["z"]).shape
    trace = record(load(place), TEXT, target="the dog")
    source, target = len(trace.key_tokens), len(trace.tokens)
    assert sizes == {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    assert control(at, "map").options and "3" in said(at)


def test_layers_without_attention_are_named_and_cannot_be_picked(folder: Folder) -> None:
    at = opened(id=folder("causal", "jamba", **HYBRID), layer="0")
    assert control(at, "layer").options == ["1", "3"]
    assert "state-space" in said(at)


def test_picker_says_which_key_head_a_query_head_shares(folder: Folder) -> None:
    at = opened(id=folder("causal", "llama"))
    assert [name.split()[-1].rstrip(")") for name in control(at, "head").options] == ["0", "0", "1", "1"]


def test_model_that_returns_its_weights_only_says_what_that_takes_away(folder: Folder) -> None:
    at = opened(id=folder("causal", "bloom"), scope="run", rule="hard", hard="argmax")
    assert not at.exception and not at.error
    assert "does not use" in said(at)
    assert (cells(at) > 0).sum() == len(cells(at))  # the rule redraws: one key a row


def test_by_word_the_map_has_a_row_for_each_word(folder: Folder) -> None:
    at = opened(id="lab-4", by="word", text="南京市长江大桥")
    ticks = charts(at)[1]["layout"]["xaxis"]["ticktext"]
    assert "".join(ticks) == "[CLS]南京市长江大桥[SEP]" and len(ticks) < 9


@pytest.mark.parametrize(("kind", "model_type"), [("causal", "gpt2"), ("seq2seq", "t5")])
def test_model_writes_on_and_the_map_grows(kind: str, model_type: str, folder: Folder) -> None:
    at = opened(id=folder(kind, model_type, **(SEQ if kind == "seq2seq" else {})), most="4")
    before = array(charts(at)[1]["data"][0]["z"]).shape
    control(at, "write").click()
    at.run()
    assert not at.exception and not at.error
    after = array(charts(at)[1]["data"][0]["z"]).shape
    assert before[0] - 1 < after[0] <= before[0] + 4
    lines = [shape for shape in charts(at)[1]["layout"]["shapes"] if shape["type"] == "line"]
    assert bool(lines) == (kind == "causal")  # the border of prompt and answer
    control(at, "clear").click()
    at.run()
    assert array(charts(at)[1]["data"][0]["z"]).shape == before


@pytest.mark.parametrize("lang", LANGUAGES)
def test_model_that_is_not_there_gets_a_sentence_and_the_text_stays(lang: str, tmp_path: Path) -> None:
    at = opened(lang, id=str(tmp_path), text="我写的字")
    assert not at.exception and len(at.error) == 1
    assert at.session_state[PARAMS["text"].key] == "我写的字"
    assert control(at, "id").value == str(tmp_path)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_folder_holds_and_is_not_used_is_said_under_the_picture(
    lang: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = tiny.save("masked", "bert", tmp_path / "run" / "checkpoint-7", wordpiece)
    (place / "config.json").write_text(
        (place / "config.json").read_text().replace("{", '{"auto_map": {"a": "b.C"},', 1)
    )
    at = opened(lang, id=str(place.parent))
    assert not at.exception and not at.error
    told = [notice.say(lang) for notice in load(str(place.parent)).notices]
    captions = "\n".join(one.value.replace("\\", "") for one in at.caption)
    assert len(told) == 2 and all(sentence in captions for sentence in told)


class Breaking(dict[str, Fault]):
    """Half of the weights comes, then nothing more."""

    def __init__(self, server: StandIn, stall: bool) -> None:
        super().__init__()
        self.half, self.stall, self.asked = len(server.models[NAME][WEIGHTS]) // 2, stall, 0

    def get(self, file: str, other: Fault) -> Fault:  # type: ignore[override]
        self.asked += file == WEIGHTS
        return other if file != WEIGHTS else Fault(after=self.half if self.asked <= 3 else 0, stall=self.stall)


def break_hub(server: StandIn, message: str, patch: pytest.MonkeyPatch) -> None:
    """Make the stand-in fail so that this is what must be said."""
    files = server.models[NAME]
    if message == "hub_unknown":
        server.models.clear()
    elif message == "hub_gated":
        server.gated.add(NAME)
    elif message == "no_safetensors":
        files["pytorch_model.bin"] = files.pop(WEIGHTS)
    elif message == "needs_code":
        files["config.json"] = b'{"model_type": "own", "auto_map": {"AutoModel": "a.B"}}'
    elif message == "download_corrupt":
        server.faults[WEIGHTS] = Fault(spoil=lambda content: content[:-1] + b"!")
    elif message == "hub_unreachable":
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    else:
        server.faults = Breaking(server, stall=message == "download_slow")


HUB = (
    "hub_unknown", "hub_gated", "hub_unreachable", "no_safetensors", "needs_code", "download_corrupt", "download_slow",
    "download_cut",
)  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("message", HUB)
def test_every_failure_of_the_hub_is_told_on_the_page_and_the_text_stays(
    message: str, lang: str, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endpoint(monkeypatch, tmp_path / "cache") as server:
        server.add(NAME, Path(folder("masked", "bert")))
        break_hub(server, message, monkeypatch)
        at = opened(lang, id=NAME, text="我写的字")
        assert not at.exception and not charts(at)
        (told,) = at.error
        parts = [part.strip() for part in re.split(r"\{.*?\}", table(lang)[f"error.{message}"])]
        assert all(part in seen(told.value) for part in parts) and NAME in seen(told.value)
        assert at.session_state[PARAMS["text"].key] == "我写的字"


def test_model_of_the_hub_is_fetched_and_drawn(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(monkeypatch, tmp_path / "cache") as server:
        server.add(NAME, Path(folder("masked", "bert")))
        at = opened(id=NAME)
        assert not at.exception and not at.error and len(charts(at)) == 2


def test_change_that_does_not_fit_the_model_gets_a_sentence(folder: Folder) -> None:
    at = opened(id=folder("masked", "bert"), scope="run", change="-9.9")
    assert not at.exception and len(at.error) == 1


@pytest.mark.parametrize("text", ["", "   ", "\u200b"])
def test_text_that_cannot_be_read_gets_a_sentence(text: str) -> None:
    at = opened(text=text)
    assert not at.exception and len(at.error) == 1


TOWERS = """
import streamlit as st
from attnviz.axes import Items, Patches
from attnviz.trace import Trace
from attnviz.ui.pages.models import choices
from tests.unit.figures.kinds import call

text, picture = Items(("a", "cat")), Patches(4, 4, 2, 2)
one = Trace(picture, picture, (call(2, 4, 4),), part="vision_*model*")
run = Trace(text, text, (call(3, 2, 2),), part="text_model", others={one.part: one})
st.session_state.setdefault(choices.KEY + "map", None)
st.code(choices.choose_part(run).part)
st.caption(", ".join(choices.part_name(part) for part in run.parts))
"""


def test_two_towers_are_chosen_by_their_own_names() -> None:
    at = AppTest.from_string(TOWERS, default_timeout=PATIENCE).run()
    assert not at.exception and at.code[0].value == "text_model"
    assert at.caption[0].value == "text\\_model, vision\\_\\*model\\*", "names are shown as they are, not as Markdown"
    picker = next(element for element in elements(at) if getattr(element, "key", None) == KEY + "map")
    assert picker.options == ["text\\_model", "vision\\_\\*model\\*"]
    picker.set_value("vision_*model*").run()
    assert not at.exception and at.code[0].value == "vision_*model*"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_heads_are_ranked_by_a_habit_and_a_click_in_the_list_opens_one(lang: str) -> None:
    at = opened(lang, id="lab-4", text="南京市长江大桥")
    plain = charts(at)[0]["data"][1]
    assert control(at, "rank").options == [table(lang)[f"ui.rank_{name}"] for name in RANKINGS]
    at.session_state[PARAMS["rank"].key] = "previous"
    at.run()
    assert not at.exception and not at.error and at.query_params["rank"] in ("previous", ["previous"])
    order = ranked(record(load("lab-4"), "南京市长江大桥"), "previous")
    pills = control(at, "top")
    assert pills.options == [f"{head.layer}.{head.head} · {head.value:.2f}" for head in order[:8]]
    drawn = charts(at)[0]["data"][1]
    across = array(plain["x"])[:4].tolist()
    standing = {tuple(place): x for place, x in zip(drawn["customdata"], array(drawn["x"]).tolist(), strict=True)}
    for layer in range(4):
        heads = [head.place for head in order if head.layer == layer]
        assert [standing[place] for place in heads] == across
    pills.set_value(order[2].place)
    at.run()
    assert (control(at, "layer").value, control(at, "head").value) == order[2].place
    assert not control(at, "top").value, "the head can be clicked again"
    assert at.session_state[PARAMS["rank"].key] == "previous"
    assert charts(opened(lang, id="lab-4", text="南京市长江大桥", rank="previous"))[0]["data"][1]["x"] == drawn["x"]


def test_an_order_that_a_map_between_two_texts_does_not_have_leaves_the_heads_by_number(folder: Folder) -> None:
    at = opened(id=folder("seq2seq", "t5", **SEQ), map="cross", target="the dog", rank="previous")
    assert not at.exception and not at.error and say("ui.rank_none", "en") in said(at)
    assert charts(at)[0]["layout"]["xaxis"]["ticktext"][0]


def test_the_page_offers_every_order_of_the_library_in_both_languages() -> None:
    assert set(RANKINGS) == {NUMBER, *ORDERS} and len(RANKINGS) == len(ORDERS) + 1
    assert all(table(lang)[f"ui.rank_{name}"] for lang in LANGUAGES for name in RANKINGS)
