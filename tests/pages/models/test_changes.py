"""The models page under AppTest: changes inside a run, trained heads and pairs of texts."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from transformers import PreTrainedTokenizerBase

from attnviz import RemoveHeads, load, record
from attnviz.measures import pair_shares
from attnviz.messages import LANGUAGES, say, table
from attnviz.ui.pages.models.choices import PARAMS, change_title
from tests.pages.models.opened import SEQ, TEXT, Folder, control, effect, opened
from tests.pages.opened import array, cells, charts, said
from tests.parity.heads import headed


def test_removing_a_head_changes_the_prediction_and_the_link(folder: Folder) -> None:
    place = folder("causal", "gpt2")
    at = opened(id=place, layer="1", head="2", query="3")
    before = effect(at)
    control(at, "remove_head").click()
    at.run()
    assert not at.exception and not at.error
    assert at.session_state[PARAMS["changes"].key] == "-1.2"
    assert at.session_state[PARAMS["scope"].key] == "run"
    assert at.query_params["change"] in ("-1.2", ["-1.2"])
    assert effect(at) != before and effect(at).count("<th>") == before.count("<th>") + 1
    expected = record(load(place), TEXT, interventions=[RemoveHeads((2,), layers=(1,))]).predictions(3, top=1)[0][1]
    after = [float(number) for number in re.findall(r"class='after'><i [^>]*></i>([\d.]+)", effect(at))]
    assert len(after) >= 6 and max(after) == pytest.approx(expected, abs=6e-4)
    assert "Kullback" in said(at)
    control(at, "chips").set_value([])
    at.run()
    assert effect(at) == before


@pytest.mark.parametrize("name", ["remove_head", "keep_head", "forbid", "hide"])
def test_each_change_acts_in_each_kind_of_model(name: str, folder: Folder) -> None:
    for kind, model_type, changes in (("masked", "bert", {}), ("causal", "llama", {}), ("seq2seq", "t5", SEQ)):
        at = opened(id=folder(kind, model_type, **changes), layer="1", head="1", query="2", key="1", target="the dog")
        control(at, name).click()
        at.run()
        assert not at.exception and not at.error, (model_type, [e.value for e in at.error])
        assert len(at.session_state[PARAMS["changes"].key]) >= 2


def test_forbidden_edge_is_not_allowed_in_the_picture(folder: Folder) -> None:
    at = opened(id=folder("masked", "bert"), layer="1", head="1", query="2", key="4", scope="run", change="2>4@1.1")
    shown = cells(at)
    assert shown[2, 4] != shown[2, 4]  # NaN: not allowed
    assert (shown[2][[0, 1, 3]] > 0).all()


def test_rule_may_act_in_one_layer_only(folder: Folder) -> None:
    place = folder("causal", "gpt2")
    link = {"rule": "hard", "hard": "argmax", "scope": "run", "head": "0"}
    first = opened(id=place, layer="0", **link, **{"in": "1"})
    second = opened(id=place, layer="1", **link, **{"in": "1"})
    assert ((cells(first) > 0).sum(-1) > 1).any()
    assert (((cells(second) > 0).sum(-1)) == 1).all()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", ["sequence", "token", "question", "choice"])
def test_a_trained_head_speaks_of_a_pair_before_and_after_a_change(
    kind: str, lang: str, tmp_path: Path, wordpiece: PreTrainedTokenizerBase
) -> None:
    place = str(headed.save(kind, "bert", tmp_path, wordpiece, num_labels=2))
    at = opened(lang, id=place, pair="it was tired", change="-1.2", scope="run")
    assert not at.exception and not at.error, [e.value for e in at.error]
    assert at.query_params["pair"] in ("it was tired", ["it was tired"])
    labels = charts(at)[1]["layout"]["xaxis"]["ticktext"]
    assert len(labels) == len(record(load(place), TEXT, pair="it was tired").tokens)
    assert effect(at).count("<th>") == 3


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("block", "which"), [("aa", (0, 0)), ("ab", (0, 1)), ("ba", (1, 0)), ("bb", (1, 1))])
def test_one_click_shows_one_block_and_says_its_share(
    block: str, which: tuple[int, int], lang: str, folder: Folder
) -> None:
    place = folder("masked", "bert")
    at = opened(lang, id=place, pair="it was tired", layer="1", head="1")
    run = record(load(place), TEXT, pair="it was tired")
    (shares, owners), (looks, other) = (pair_shares(run, 1, 1), run.queries.segments), which
    assert control(at, "block").label == say("ui.block", lang)
    control(at, "block").set_value(block)
    at.run()
    assert not at.exception and at.query_params["block"] in (block, [block])
    drawn = charts(at)[1]
    assert drawn["data"][0]["meta"]["queries"] == [n for n, owner in enumerate(owners) if owner == looks]
    assert drawn["data"][0]["meta"]["keys"] == [n for n, owner in enumerate(owners) if owner == other]
    words = {"looks": "AB"[looks], "other": "AB"[other], "share": f"{shares[which]:.0%}"}
    assert say("ui.block_share", lang, **words) in said(at)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_a_pair_that_is_cut_each_text_says_what_is_left_out(lang: str, folder: Folder, tmp_path: Path) -> None:
    place = Path(shutil.copytree(folder("masked", "bert"), tmp_path / "short"))
    told = json.loads((place / "tokenizer_config.json").read_text())
    (place / "tokenizer_config.json").write_text(json.dumps(told | {"model_max_length": 9}))
    first, second = "the cat sat on the mats", "it was tired and sat down"
    at = opened(lang, id=str(place), text=first, pair=second)
    read = record(load(str(place)), first, pair=second).queries
    assert len(read) == 9 and not at.exception and len(at.warning) == 2
    for name, text, end in read.left_out():
        values = {"limit": 9, "read": end, "characters": len(text), "tail": text[end:].strip()}
        assert say(f"ui.cut{name}", lang, **values) in [warning.value for warning in at.warning]


def test_a_link_to_a_block_opens_where_there_is_but_one_text(folder: Folder) -> None:
    at = opened(id=folder("masked", "bert"), block="ab")
    assert (
        not at.exception and not at.error and len(cells(at)) == len(record(load(folder("masked", "bert")), TEXT).tokens)
    )


def test_the_second_box_cleared_leaves_one_text(folder: Folder) -> None:
    at = opened(id=folder("masked", "bert"), pair="it was tired")
    labels = charts(at)[1]["layout"]["xaxis"]["ticktext"]
    control(at, "pair").set_value("")
    at.run()
    left = charts(at)[1]["layout"]["xaxis"]["ticktext"]
    assert len(left) < len(labels) and not at.exception and "pair" not in at.query_params


def test_before_after_and_difference_stand_side_by_side_on_one_scale(folder: Folder) -> None:
    place = folder("causal", "gpt2")
    at = opened(id=place, layer="1", head="2", query="3", key="1", scope="run", change="-0.1")
    first, second, moved = charts(at)[-3:]
    changed = record(load(place), TEXT, interventions=[RemoveHeads((1,), layers=(0,))])
    before, after = (run.weights(1, 2).numpy() for run in (record(load(place), TEXT), changed))
    allowed = np.tril(np.ones_like(before, dtype=bool))
    for chart, expected in ((first, before), (second, after), (moved, after - before)):
        np.testing.assert_allclose(array(chart["data"][0]["z"])[allowed], expected[allowed], atol=1e-6)
    assert first["data"][0]["zmax"] == second["data"][0]["zmax"] == 1
    assert f"{np.abs(after - before).max():.2f}" in said(at)
    assert len(charts(opened(id=place))) == len(charts(at)) - 3, "none where nothing is changed"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_changes_that_contradict_each_other_are_refused(lang: str, folder: Folder) -> None:
    place = folder("causal", "gpt2")
    at = opened(lang, id=place, layer="1", head="2", scope="run", change="-1.2")
    assert control(at, "keep_head").disabled and not control(at, "forbid").disabled
    at = opened(lang, id=place, change="-1.2;=1.2", scope="run")
    (error,) = at.error
    assert not at.exception
    assert table(lang)["ui.change_remove"].format(layer=1, head=2) in error.value.replace("\\", "")
    control(at, "chips").set_value([])
    at.run()
    assert not at.error and at.session_state[PARAMS["changes"].key] == ""


def test_an_edge_that_the_mask_forbids_changes_nothing_and_the_ban_of_a_reader_is_his_own(folder: Folder) -> None:
    place = folder("causal", "gpt2")
    at = opened(id=place, scope="run", change="1>3;3>1", query="3", key="1")
    idle = [line for line in said(at).splitlines() if "changes nothing" in line]
    assert len(idle) == 1 and change_title("1>3", record(load(place), TEXT)) in idle[0]
    assert "You have forbidden" in said(at) and "(mask)" not in said(at)
    at = opened(id=place, scope="run", change="3>1", query="1", key="3")
    assert "(mask)" in said(at) and "You have forbidden" not in said(at)


def test_tiles_of_thirty_layers_are_square_and_scroll(folder: Folder) -> None:
    grid = charts(opened(id=folder("causal", "gpt_neox", num_hidden_layers=30)))[0]
    margin = grid["layout"]["margin"]
    assert (grid["layout"]["height"] - margin["t"] - margin["b"]) / 30 >= 30


WORDS = {"id": "lab-4", "text": "来到清华大学", "by": "word", "layer": "2", "head": "1"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_by_word_menus_reader_and_explanation_are_of_words(lang: str) -> None:
    at = opened(lang, **WORDS, query="4", key="1")
    assert not at.exception and not at.error
    run = record(load("lab-4"), WORDS["text"])
    units = run.queries.grouped("word")
    (school, (arrive, *_)) = next(n for n in units.places if 4 in n), next(n for n in units.places if 1 in n)
    options = control(at, "query").options
    assert options == control(at, "key").options and len(options) == len(units.labels)
    assert all(label in option for label, option in zip(units.labels, options, strict=True))
    assert control(at, "query").value == school[0] and control(at, "key").value == arrive
    weights, key = run.weights(2, 1).double().numpy(), next(n for n in units.places if 1 in n)
    weight = weights[np.ix_(school, key)].sum(1).mean()
    names = {"query": units.labels[units.of[4]], "key": units.labels[units.of[1]]}
    place = say("ui.rank_of", lang, rank="{rank}", keys=len(units.labels))
    told = say("ui.why_say", lang, **names, weight=f"{weight:.4f}", place=place)
    assert all(part in said(at) for part in told.split("{rank}"))
    table = next(one.value for one in at.markdown if one.value.startswith(f"| {say('ui.unit_query', lang)} |"))
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert len(rows) == len(school) * len(key)
    numbers = sorted((float(row[-1].rstrip(" |")) for row in rows), reverse=True)
    assert numbers == pytest.approx(sorted(weights[np.ix_(school, key)].ravel().tolist(), reverse=True), abs=6e-5)
    assert numbers == [float(row[-1].rstrip(" |")) for row in rows], "the largest stands first"


def test_by_word_hiding_and_forbidding_act_on_every_token_of_the_word() -> None:
    at = opened(**WORDS, query="4", key="1")
    units = record(load("lab-4"), WORDS["text"]).queries.grouped("word")
    query, key = ("_".join(map(str, units.places[units.of[token]])) for token in (4, 1))
    assert "_" in query and "_" in key
    control(at, "hide").click()
    at.run()
    assert at.session_state[PARAMS["changes"].key] == f"~{key}" and not at.error
    drawn = charts(at)[1]
    assert np.isnan(array(drawn["data"][0]["z"])[:, units.of[1]]).all()
    assert units.labels[units.of[1]] in change_title(f"~{key}", record(load("lab-4"), WORDS["text"]))
    assert say("ui.why_forbidden", "en", query=units.labels[units.of[4]], key=units.labels[units.of[1]]) in said(at)
    at = opened(**WORDS, query="4", key="1")
    control(at, "forbid").click()
    at.run()
    assert at.session_state[PARAMS["changes"].key] == f"{query}>{key}"
    shown = array(charts(at)[1]["data"][0]["z"])
    assert np.isnan(shown).sum() == 1 and np.isnan(shown[units.of[4], units.of[1]])


def test_a_word_of_one_token_is_explained_down_to_its_score() -> None:
    at = opened(**{**WORDS, "text": "the cat sat"}, query="1", key="2")
    run = record(load("lab-4"), "the cat sat")
    assert len(run.queries.grouped("word").labels) == len(run.tokens)
    assert f"{run.cell(2, 1, 1, 2).weight:.4f}" in said(at) and "Query times key" in said(at)
    assert say("ui.unit_tokens", "en", count=1) not in [one.label for one in at.expander]
