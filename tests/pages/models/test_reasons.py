"""The page on reading attention: its verdict, its rows and its table say what `av.attributions` found."""

from __future__ import annotations

import csv
import io
import math
import re

import numpy as np
import pytest

import attnviz as av
from attnviz.experiments.reading import attributions
from attnviz.experiments.reading.attributions import WAYS
from attnviz.messages import say
from attnviz.recording.gradients import Logit
from attnviz.ui.pages.reasons import run, shown
from attnviz.ui.pages.reasons.choices import KEY, PARAMS, YARDSTICKS
from tests.pages.opened import array, by_key, charts, run_page, said, seen

TEXT = "他把书还给了[MASK]书馆。"
ENGLISH = "The dog chased the cat because it was hungry"


def cells(at) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The shares of the picture, a row a way."""
    return array(charts(at)[0]["data"][0]["z"]).astype(float)


def test_verdict_picture_and_lines_are_those_of_the_engine() -> None:
    at = run_page("reasons", "zh", {"text": TEXT})
    assert not at.exception and not at.error
    model = av.load("lab-4")
    found = av.attributions(model, TEXT)
    order = shown.ranked(found, YARDSTICKS[0])
    best, told = order[0]
    assert found.at == TEXT.index("[MASK]") + 1 and best != shown.USUAL
    assert told.spearman == max(one.spearman for one in found.measured().values() if not math.isnan(one.spearman))
    assert f"**{say(f'reasons.way_{best}', 'zh')}**" in said(at) and f"**{told.spearman:.2f}**" in said(at)
    rows = [found.rows[way] for way in (YARDSTICKS[0], *(way for way, _ in order))]
    picture = cells(at)
    assert picture.shape == (len(rows), len(found.labels))
    for drawn, row in zip(picture, rows, strict=True):
        others = row.clone()
        others[found.own] = 0
        expected = (row / (float(others.abs().max()) or 1)).clamp(-1, 1).numpy()
        assert drawn == pytest.approx(expected, abs=1e-4)


def test_every_way_but_the_yardsticks_stands_in_the_table_with_what_it_leaves_out() -> None:
    at = run_page("reasons", "en", {"text": TEXT, "held": "edges_lost", "head": "2.1"})
    told = "".join(one.proto.body for one in at.get("html"))
    assert {*shown.WAYS, *YARDSTICKS} == set(WAYS) and set(YARDSTICKS) == set(attributions.YARDSTICKS)
    for way in shown.WAYS:
        assert say(f"reasons.about_{way}", "en")[:40] in told, way
    assert say("reasons.way_head", "en", head="2.1") in seen(told).replace("&#x27;", "'")
    assert say("reasons.way_edges_lost", "en") in said(at)


def test_a_difference_of_two_candidates_is_explained_where_it_is_asked_for() -> None:
    model = av.load("lab-4")
    trace = av.record(model, TEXT)
    at = TEXT.index("[MASK]") + 1
    first, second = trace.logits[at].topk(2).indices.tolist()
    page = run_page("reasons", "en", {"text": TEXT, "piece": str(second), "against": str(first)})
    expected = av.attributions(model, TEXT, target=Logit(at, second, first), ways=["weights"])
    assert f"{expected.value:.3f}" in said(page) and expected.value < 0
    assert page.session_state[KEY + "piece"] == second and page.session_state[KEY + "against"] == first


def test_a_candidate_is_never_compared_with_itself() -> None:
    page = run_page("reasons", "en", {"text": TEXT, "piece": "300", "against": "300"})
    assert not page.exception and not page.error
    assert page.session_state[KEY + "against"] == PARAMS["against"].default


def test_places_after_a_decoder_s_token_are_empty_and_a_short_text_ranks_nothing() -> None:
    page = run_page("reasons", "en", {"text": ENGLISH, "model": "lab-gpt", "at": "5"})
    assert not page.exception and not page.error
    assert np.isnan(cells(page)[:, 6:]).all() and not np.isnan(cells(page)[:, :6]).any()
    short = run_page("reasons", "en", {"text": ENGLISH, "model": "lab-gpt", "at": "2"})
    assert not short.error and "Only 3 places" in said(short) and "**mean of weights**" not in said(short)


def test_the_lens_ends_with_what_the_model_itself_says() -> None:
    page = run_page("reasons", "en", {"text": TEXT, "lens": "1"})
    trace = av.record(av.load("lab-4"), TEXT)
    at = TEXT.index("[MASK]") + 1
    token, share = trace.predictions(at, 1)[0]
    told = next(one.proto.body for one in page.get("html") if say("reasons.lens_below", "en") in one.proto.body)
    last = re.findall(r"<tr><td>(\d)</td><td>([^<]*)</td><td>([^<]*)</td><td>(\d+)</td>", told)[-1]
    assert last == ("3", f"{token} · {share:.3f}", f"{share:.3f}", "1")


def test_the_file_holds_every_row_of_every_place() -> None:
    found = av.attributions(av.load("lab-4"), TEXT, ways=["weights", "rollout", "occluded_mean"])
    lines = list(csv.reader(io.StringIO(shown.as_csv(found).decode("utf-8-sig"))))
    assert lines[0] == ["place", "label", "seen", "weights", "rollout", "occluded_mean"]
    assert [line[1] for line in lines[1:]] == list(found.labels)
    assert [float(line[4]) for line in lines[1:]] == pytest.approx(found["rollout"].tolist(), rel=1e-5)


def test_means_over_sentences_leave_out_what_could_not_be_read_or_ranked() -> None:
    found = [{"a": 0.5, "b": 0.9}, None, {"a": 0.7, "b": float("nan")}, {"a": float("nan"), "b": float("nan")}]
    rows = shown.means(found)
    assert [(way, count) for way, _, _, count in rows] == [("b", 1), ("a", 2)]
    assert rows[0][1] == pytest.approx(0.9) and rows[1][1] == pytest.approx(0.6)
    assert [share for _, _, share, _ in rows] == [0.5, 0.5]


def test_lines_that_are_typed_are_read_and_their_means_are_the_engine_s() -> None:
    texts = [TEXT, "北京是中国的首[MASK]。"]
    page = run_page("reasons", "en", {"text": TEXT, "lines": "\n".join(texts)})
    by_key(page, KEY + "many.start").click()
    page.run()
    assert not page.exception and not page.error
    one, other = (run.of_sentence("lab-4", text, YARDSTICKS[0]) for text in texts)
    expected = {way: (one[way] + other[way]) / 2 for way in one if not math.isnan(one[way] + other[way])}
    best = max(expected, key=expected.__getitem__)
    assert f"**{expected[best]:.2f}**" in said(page) and f"**{say(f'reasons.way_{best}', 'en')}**" in said(page)
    assert f"{av.attributions(av.load('lab-4'), TEXT).measured()[best].spearman:.4f}" == f"{one[best]:.4f}"


def test_a_line_that_cannot_be_read_costs_a_line() -> None:
    page = run_page("reasons", "en", {"text": TEXT, "lines": TEXT + "\n\u200b"})
    by_key(page, KEY + "many.start").click()
    page.run()
    assert not page.exception and not page.error and "1 lines could not be read" in said(page)


def test_a_model_that_predicts_nothing_is_one_sentence() -> None:
    page = run_page("reasons", "zh", {"text": TEXT, "model": "nmt-zh-en"})
    assert not page.exception and len(page.error) == 1
