"""The models page in a browser: a person opens a head, changes the run, lets a model write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect
from transformers import PreTrainedTokenizerBase

from attnviz import load, record
from attnviz.measures import ranked
from tests.browser.person import Visit
from tests.parity import tiny
from tests.parity.heads import headed

Start = Callable[..., Visit]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A tiny decoder in a folder."""
    return str(tiny.save("causal", "gpt2", tmp_path_factory.mktemp("gpt2"), wordpiece))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A decoder that needs seconds for 200 tokens, so that there is time to stop it."""
    numbers = {"n_layer": 24, "n_embd": 256, "n_positions": 256}
    return str(tiny.save("causal", "gpt2", tmp_path_factory.mktemp("slow"), wordpiece, **numbers))


@pytest.fixture(scope="module")
def t5(tmp_path_factory: pytest.TempPathFactory, wordpiece: PreTrainedTokenizerBase) -> str:
    """A tiny encoder-decoder in a folder."""
    return str(tiny.save("seq2seq", "t5", tmp_path_factory.mktemp("t5"), wordpiece, num_layers=2))


def test_the_address_of_a_model_card_opens_the_model_with_the_text(visit: Start) -> None:
    one = visit({"id": "lab-gpt", "text": "他是一名"}, name="models")
    said = one.page.evaluate("[...document.querySelectorAll('input, textarea')].map((one) => one.value)")
    assert "他是一名" in said and [value for value in said if value.startswith("lab-gpt")]
    assert one.page.url.split("?")[0].endswith("/models")
    assert len(one.cells()) == len(record(load("lab-gpt"), "他是一名").tokens)


def test_a_person_removes_the_open_head_and_takes_it_back(visit: Start) -> None:
    one = visit({"lang": "en", "text": "中华人民共和[MASK]成立", "layer": "3", "head": "2"}, name="models")
    one.page.get_by_role("button", name="Remove head").click()
    one.link_says(change="-3.2", scope="run")
    expect(one.page.get_by_text("Kullback")).to_be_visible()
    expect(one.page.locator(".effect th")).to_have_count(3)
    one.page.get_by_role("button", name="Clear all").click()
    one.link_says(change=None)
    expect(one.page.locator(".effect th")).to_have_count(2)


def test_a_click_on_a_tile_and_a_cell_chooses_what_can_be_changed(visit: Start, gpt2: str) -> None:
    one = visit({"lang": "en", "id": gpt2, "text": "the cat sat"}, name="models")
    one.click_point("grid", 1)
    one.link_says(layer="0", head="1")
    one.click_point("heatmap", 2 * len(one.cells()) + 1)
    one.link_says(query="2", key="1")
    one.page.get_by_role("button", name="Forbid").click()
    one.link_says(change="2>1", scope="run")


def test_a_model_writes_and_what_it_wrote_is_set_apart(visit: Start, gpt2: str) -> None:
    one = visit({"lang": "en", "id": gpt2, "text": "the cat sat", "most": "4"}, name="models")
    before = len(one.cells())
    one.page.get_by_role("button", name="Let it write").click()
    one.page.get_by_role("button", name="Write", exact=True).click()
    one.page.wait_for_function(
        "(n) => document.querySelector('.st-key-attention-heatmap .js-plotly-plot')?._fullData?.[0]?.z?.length > n",
        arg=before,
    )
    one.ready()
    assert before - 1 < len(one.cells()) <= before + 4


def test_what_was_written_survives_a_reload_and_back_undoes_it(visit: Start, gpt2: str) -> None:
    one = visit({"lang": "en", "id": gpt2, "text": "the cat sat", "most": "4"}, name="models")
    before = len(one.cells())
    one.page.get_by_role("button", name="Let it write").click()
    one.page.get_by_role("button", name="Write", exact=True).click()
    after = len(one.wait_for_cells("z.length > arg", before))
    one.link_says(query=str(after - 1))
    one.ready()
    one.page.reload()
    one.ready()
    one.wait_for_cells("z.length === arg", after)
    one.link_says(query=str(after - 1))
    one.page.go_back()
    one.wait_for_cells("z.length === arg", before)
    one.link_says(wrote=None, ids=None, query=None)
    one.page.go_forward()
    one.wait_for_cells("z.length === arg", after)


def test_a_click_in_the_cross_map_names_a_written_and_a_read_token(visit: Start, t5: str) -> None:
    one = visit({"lang": "en", "id": t5, "text": "the cat sat", "target": "a"}, name="models")
    cells = one.cells()
    assert len(cells) != len(cells[0])
    one.click_point("heatmap", 1 * len(cells[0]) + 3)
    one.link_says(query="1", key="3")
    one.page.get_by_role("radio", name="encoder").click(force=True)
    one.link_says(map="encoder")
    one.ready()
    assert len(one.cells()) == len(cells[0])


def test_a_name_that_leads_nowhere_is_told_and_the_text_stays(visit: Start, tmp_path: Path) -> None:
    one = visit({"lang": "zh", "text": "我写的字"}, name="models")
    one.page.goto(f"{one.address}/models?lang=zh&text=我写的字&id={tmp_path}")
    expect(one.page.get_by_test_id("stAlert")).to_be_visible()
    expect(one.page.get_by_test_id("stAlert")).to_contain_text("config.json")
    expect(one.part("text").get_by_role("textbox")).to_have_value("我写的字")


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_is_wider_than_the_screen(visit: Start, lang: str, size: tuple[int, int]) -> None:
    one = visit({"lang": lang}, name="models", viewport={"width": size[0], "height": size[1]})
    assert one.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert one.page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_stop_keeps_what_has_been_written(visit: Start, slow: str) -> None:
    one = visit({"lang": "en", "id": slow, "text": "the cat sat", "most": "200"}, name="models")
    before = len(one.cells())
    one.page.get_by_role("button", name="Let it write").click()
    one.page.get_by_role("button", name="Write", exact=True).click()
    one.page.get_by_role("button", name="Stop", exact=True).click()
    one.ready()
    expect(one.page.get_by_role("button", name="Stop", exact=True)).to_have_count(0)
    after = len(one.wait_for_cells("z.length >= arg", before - 1))
    assert after < before + 199
    one.page.get_by_role("button", name="Let it write").click()
    expect(one.page.get_by_role("button", name="Clear", exact=True)).to_be_enabled()


def test_a_person_gives_a_second_text_opens_a_block_and_goes_back(
    visit: Start, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = str(headed.save("sequence", "bert", tmp_path, wordpiece, id2label={0: "no", 1: "yes"}))
    one = visit({"lang": "en", "id": place, "text": "the cat sat"}, name="models")
    before = len(one.cells())
    box = one.page.get_by_role("textbox", name="Text B")
    box.fill("the mats")
    box.press("Enter")
    one.link_says(pair="the mats")
    one.wait_for_cells("z.length > arg", before)
    expect(one.page.locator(".reader .letter")).to_have_text(["A", "B"])
    expect(one.page.locator(".effect td", has_text="yes")).to_be_visible()
    one.page.get_by_role("radio", name="A → B").click(force=True)
    one.link_says(block="ab")
    one.wait_for_cells("z.length === 3 && z[0].length < arg", before)
    one.says("of their weight to B")
    one.ready()
    one.click_point("heatmap", 1)
    one.link_says(query="1")
    one.page.go_back()
    one.page.go_back()
    one.link_says(block=None, pair="the mats")
    one.page.go_back()
    one.link_says(pair=None)
    expect(box).to_have_value("")
    one.wait_for_cells("z.length === arg", before)
    one.page.go_forward()
    one.link_says(pair="the mats")
    expect(box).to_have_value("the mats")


def test_by_word_a_click_on_a_word_chooses_it_and_hides_all_of_it(visit: Start) -> None:
    link = {"lang": "en", "id": "lab-4", "text": "来到清华大学", "by": "word", "layer": "2", "head": "1"}
    one = visit(link, name="models")
    words = one.page.locator(".reader .face").all_inner_texts()
    assert "".join(words) == "[CLS]来到清华大学[SEP]" and "来到" in words and len(words) == len(one.cells())
    expect(one.page.locator(".reader .hole").nth(words.index("来到"))).to_be_disabled()  # a blank is one token
    one.face(words.index("来到")).click()
    one.link_says(query="1", key=None)
    expect(one.part("query").get_by_role("combobox")).to_have_value("1–2 · 来到")
    one.click_point("heatmap", 2 * len(words) + words.index("来到"))
    one.link_says(query="3", key="1")
    one.page.get_by_role("button", name="Hide 来到 from all").click()
    one.link_says(change="~1_2")
    expect(one.page.get_by_text("1–2 来到 hidden").first).to_be_visible()


def test_heads_are_ranked_and_a_click_on_a_tile_or_in_the_list_opens_the_head_that_stands_there(visit: Start) -> None:
    one = visit({"lang": "en", "id": "lab-4", "rank": "previous"}, name="models")
    order = ranked(record(load("lab-4"), "南京市长江大桥"), "previous")
    layer, head = order[1].place
    one.page.get_by_text(f"{layer}.{head} · {order[1].value:.2f}", exact=True).click()
    one.link_says(layer=str(layer) if layer != 3 else None, head=str(head) if head != 2 else None, rank="previous")
    one.ready()
    layer, head = order[0].place
    one.click_point("grid", layer * 4 + head)
    expect(one.part("layer").get_by_role("combobox")).to_have_value(str(layer))
    expect(one.part("head").get_by_role("combobox")).to_have_value(str(head))
