"""The page on grammar: verdicts, points and tables say what the engine found; bad trees and marks are one sentence."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

import attnviz as av
from attnviz.experiments.reading.grammar import relations, trees
from attnviz.experiments.reading.judged import as_csv, in_order, judge
from attnviz.experiments.reading.marks import minimal
from attnviz.experiments.reading.minimal import as_csv as pairs_csv
from attnviz.experiments.reading.minimal import preferred_without
from attnviz.messages import say
from attnviz.ui.pages.grammar.choices import KEY, MOST_TREES, Asked, relation_name, sample
from attnviz.ui.stores import SOFT, runs
from tests.pages.opened import PATIENCE, array, by_key, charts, file_of, run_page, said, seen

OWN = "The keys {are|is} here.\nThe key {is|are} here."
PAIRS = "{小猫}[睡]了\n{大狗}[跑]了\n{小鸟}[飞]了"


def test_the_table_is_that_of_the_engine_and_the_first_relation_is_said() -> None:
    at = run_page("grammar", "en", {"least": "15"})
    assert not at.exception and not at.error
    found = in_order(judge(av.load("lab-4"), relations(trees(sample("trees.conllu")), 15)))
    assert f"**in none of {len(found)} relations**" in said(at)
    first = found[0]
    head = "{}.{}".format(*first.found.best)
    assert f"head **{head}** is right in **{first.held:.0%}**" in said(at)
    points = charts(at)[0]["data"][0]
    assert array(points["x"]) == pytest.approx([one.held for one in found])
    assert array(charts(at)[0]["data"][1]["x"]) == pytest.approx([one.found.offset_hits for one in found])
    table = seen(said(at))
    for one in found:
        assert f"{one.found.used}" in table and relation_name(one.name) in table
    lines = as_csv(found).splitlines()
    assert len(lines) == 1 + 16 * len(found) and lines[1].startswith(f"{first.name},{first.found.best[0]},")


def test_a_relation_and_a_head_of_a_link_are_shown_on_its_sentence() -> None:
    at = run_page("grammar", "zh", {"relation": "obj", "head": "1.2", "sentence": "1"})
    assert not at.exception and not at.error
    text = by_key(at, KEY + "sentence").options[1]
    assert text == "妈妈早上做饭。" and "头 **1.2** 从 **饭** 看得最多的是" in said(at)
    cell = charts(at)[1]["layout"]["shapes"][-1]
    places = av.record(av.load("lab-4"), text).tokens
    assert (cell["x0"] + 0.5, cell["y0"] + 0.5) == (places.index("做"), places.index("饭"))


def test_a_relation_and_a_head_that_nobody_chose_stand_in_no_link() -> None:
    at = run_page("grammar", "en", {"least": "15"})
    assert at.session_state[KEY + "relation"] and at.session_state[KEY + "head"]
    assert not {"relation", "head"} & set(at.query_params)
    by_key(at, KEY + "head").set_value("1.2")
    at.run()
    assert at.query_params["head"] in ("1.2", ["1.2"]) and "relation" not in at.query_params


def test_any_pairs_are_held_to_a_distance_in_words_and_points() -> None:
    at = run_page("grammar", "en", {"task": "pairs", "pairs": PAIRS})
    assert not at.exception and not at.error
    assert "**No** head of" in said(at) and "(−1 tokens) in **100%**" in said(at)
    found = av.find_head(av.load("lab-4"), [(line, 1, 0) for line in ("小猫睡了",)])
    assert found.offset == -1 and len(array(charts(at)[0]["data"][0]["x"])) == 10


def test_one_text_alone_cannot_judge_a_head() -> None:
    at = run_page("grammar", "en", {"task": "pairs", "pairs": "{小猫}[睡]了"})
    assert not at.exception and not at.error and "cannot be judged on others" in said(at)


def test_agreement_says_how_many_are_right_and_without_which_head_fewer() -> None:
    at = run_page("grammar", "en", {"task": "agreement", "minimal": OWN, "set": "own", "without": "1"})
    assert not at.exception and not at.error
    pairs = [minimal(line) for line in OWN.splitlines()]
    found = preferred_without(av.load("lab-4"), pairs)
    assert f"**{found.before.right} of 2** pairs" in said(at)
    first = found.heads[0]
    said_change = f"{found.change(*first)[0]:+.2f}".replace("-", "−")
    assert f"**{first[0]}.{first[1]}**" in said(at) and said_change in said(at)
    assert array(charts(at)[0]["data"][0]["x"])[3] == pytest.approx(found.before.share)
    assert array(charts(at)[1]["data"][0]["x"])[0] == pytest.approx(found.without(*first).share)
    lines = pairs_csv(pairs, found.before, found).splitlines()
    assert lines[0].startswith("right,wrong,bits,without 0.0") and len(lines) == 3


def test_the_shares_of_the_built_in_sets_stand_beside_chance() -> None:
    at = run_page("grammar", "zh", {"task": "agreement", "model": "lab-gpt", "set": "classifiers"})
    assert not at.exception and not at.error
    values = array(charts(at)[0]["data"][0]["x"])
    assert len(values) == 3 and f"**{values[2]:.0%}**" in said(at)
    assert array(charts(at)[0]["data"][1]["x"]).tolist() == [0.5] * 3


@pytest.mark.parametrize(
    "link",
    [
        {"trees": "no tree"}, {"trees": "1\ta\t_\t_\t_\t_\t2\tdep\t_\t_\n2\tb\t_\t_\t_\t_\t1\tdep\t_\t_"},
        {"task": "pairs", "pairs": "nobody looks"}, {"task": "pairs", "pairs": "{}[x]"},
        {"task": "agreement", "minimal": "no choice"}, {"model": "nmt-zh-en"},
        {"task": "agreement", "model": "nmt-zh-en"}, {"task": "pairs", "pairs": "{\u200b}[猫]"},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(link: dict[str, str]) -> None:
    at = run_page("grammar", "zh", link)
    assert not at.exception and len(at.error) == 1 and not charts(at)
    assert "fault" not in at.error[0].value


def test_too_few_pairs_are_a_sentence_and_no_error() -> None:
    at = run_page("grammar", "en", {"least": "999"})
    assert not at.exception and not at.error and "No relation has 999 pairs" in at.info[0].value


def test_of_ten_thousand_sentences_the_first_are_kept_and_it_is_said() -> None:
    content = "\n\n".join(f"1\tw{at}\t_\t_\t_\t_\t0\troot\t_\t_" for at in range(10_000))
    at = AppTest.from_file(str(file_of("grammar")), default_timeout=PATIENCE)
    at.query_params["lang"] = "en"
    at.session_state[KEY + "trees"] = content
    at.run()
    assert not at.exception and not at.error
    assert f"The first {MOST_TREES} are kept; {10_000 - MOST_TREES} are left out" in said(at)
    assert len(by_key(at, KEY + "trees").value) < 20_000


def test_what_was_stopped_begins_again_on_a_button() -> None:
    at = AppTest.from_file(str(file_of("grammar")), default_timeout=PATIENCE)
    content = "{这只}[猫]没有谁见过\n{那只}[狗]也没有"
    at.query_params["lang"], at.query_params["task"], at.query_params["pairs"] = "en", "pairs", content
    asked = Asked("lab-4", SOFT, content)
    at.session_state[KEY + "judged.stopped"] = runs.key_of(KEY + "judged", asked, "lab-4")
    at.run()
    assert not at.exception and not charts(at) and say("asking.stopped", "en") in at.info[0].value
    by_key(at, KEY + "judged.again").click()
    at.run()
    assert not at.exception and charts(at)


def test_another_task_forgets_what_was_chosen_of_the_first() -> None:
    at = run_page("grammar", "en", {"relation": "obj", "head": "1.2", "sentence": "3"})
    by_key(at, KEY + "task").set_value("pairs")
    at.run()
    assert not at.exception and not at.error
    assert at.session_state[KEY + "sentence"] == 0 and at.session_state[KEY + "head"] != "1.2"
