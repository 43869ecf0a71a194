"""The page on choosing under AppTest: candidates light a history, changes move the ranking, odd histories are told."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from attnviz.messages import LANGUAGES, say, table
from attnviz.systems.recommendation.system import load
from attnviz.ui.pages.choosing.choices import KEY
from attnviz.ui.pages.choosing.run import NETWORKS, SAMPLES, Request, films, without_each
from tests.pages.opened import by_key, run_page, said, seen

BLADE, NOTTING, TOY = "0083658", "0125439", "0114709"
ASKS = "0088247"  # The Terminator


def opened(lang: str = "en", **link: str) -> AppTest:
    return run_page("choosing", lang, link)


def control(at: AppTest, name: str):  # type: ignore[no-untyped-def]
    return by_key(at, KEY + name)


def bodies(at: AppTest) -> str:
    """All HTML of the page."""
    return "".join(str(one.proto.body) for one in at.get("html"))


def strips(at: AppTest) -> list[list[float]]:
    """The weights on the cards, a list for each film that asks."""
    found = re.findall(r"<ol class='lit-films'>(.*?)</ol>", bodies(at))
    return [[float(one) for one in re.findall(r"<b>([\d.]+)</b>", strip)] for strip in found]


def named(imdb: str) -> str:
    return films()[films().by_imdb[imdb]].label


def message(at: AppTest, name: str) -> bool:
    """Is that the one sentence that the page says?"""
    words = max(re.split(r"\{\w+\}", table("en")[f"error.{name}"]), key=len)
    return len(at.error) == 1 and words.strip() in seen(at.error[0].value).replace("\\", "")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_three_candidates_light_one_history_in_three_ways(lang: str) -> None:
    at = opened(lang)
    assert not at.exception and not at.error
    found = strips(at)
    assert len(found) == 3 and all(len(strip) == 6 for strip in found)
    assert len({tuple(strip) for strip in found}) == 3 and named(ASKS) in bodies(at)
    assert say("choosing.genre_sci_fi", lang) in bodies(at)
    assert at.get("plotly_chart")[0].proto.alt and named(ASKS) in said(at)


def test_a_film_taken_out_leaves_both_rankings_and_its_card_without_light() -> None:
    at = opened(out=BLADE)
    assert say("choosing.taken_out", "en") in bodies(at) and all(len(strip) == 5 for strip in strips(at))
    assert say("choosing.col_before", "en") in bodies(at) and "was " in bodies(at)
    verdict = seen(at.markdown[1].value)
    assert "Without Blade Runner" in verdict.replace("\\", "")
    assert "→" in said(at)


def test_a_look_that_is_forbidden_is_0_and_only_for_the_one_who_asks() -> None:
    before, after = strips(opened()), strips(opened(**{"who": ASKS, "not": BLADE}))
    place = SAMPLES["mixed"].split("-").index(BLADE)
    assert after[0][place] == 0 and after[1:] == before[1:]
    assert after[0][place + 1 :] == before[0][place + 1 :]  # not normalised: the others keep theirs
    shared = strips(opened(network="din-films-softmax", **{"who": ASKS, "not": BLADE}))
    assert shared[0][place] == 0 and sum(shared[0]) == pytest.approx(1, abs=0.03)


def test_the_switch_to_softmax_makes_the_weights_1_in_sum_and_both_are_named() -> None:
    for network in NETWORKS[:2]:
        at = opened(network=network)
        sums = [sum(strip) for strip in strips(at)]
        assert all(abs(one - 1) < 0.04 for one in sums) == (network == "din-films-softmax")
        assert say(f"choosing.net_{network}", "en") in said(at)


def test_sasrec_looks_from_inside_and_hears_order_heads_and_hard_attention() -> None:
    at = opened(network="sasrec-films")
    plain = strips(at)
    assert len(plain) == 1 and sum(plain[0]) == pytest.approx(1, abs=0.04)
    assert len(control(at, "map").options) == 4
    for link in ({"without": "1.0"}, {"rule": "hard", "hard": "argmax"}, {"swap": BLADE, "with": TOY}):
        other = opened(network="sasrec-films", **link)
        assert not other.exception and not other.error and "→" not in seen(other.markdown[0].value)
        assert say("choosing.col_before", "en") in bodies(other)
    hard = opened(network="sasrec-films", rule="hard", hard="argmax")
    assert sorted(strips(hard)[0])[-2:] == [0, 1]
    even = opened(network="sasrec-films-mean")
    assert {round(one, 2) for one in strips(even)[0]} == {0.17}


def test_a_search_adds_a_film_and_as_it_was_takes_every_change_back() -> None:
    at = opened(films=f"{BLADE}-{TOY}", out=TOY, who=ASKS, rule="hard")
    control(at, "as_before").click().run()
    assert control(at, "out").value == "" and at.session_state["attention.family"] == "soft"
    control(at, "search").set_value("shawshank").run()
    control(at, "hit").set_value(films().by_imdb["0111161"]).run()
    assert at.query_params["films"] in (f"{BLADE}-{TOY}-0111161", [f"{BLADE}-{TOY}-0111161"])
    assert all(len(strip) == 3 for strip in strips(at)) and control(at, "search").value == ""
    control(at, "kept").set_value([films().by_imdb[BLADE]]).run()
    assert all(len(strip) == 1 for strip in strips(at))


def test_any_film_can_ask_and_three_at_most() -> None:
    at = opened()
    control(at, "search").set_value("psycho 1960").run()
    control(at, "side").set_value("asks").run()
    control(at, "hit").set_value(films().by_imdb["0054215"]).run()
    assert "Psycho (1960)" in bodies(at) and len(strips(at)) == 3 and named(ASKS) not in bodies(at).split("next")[0]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_sample_opens_with_films_of_the_list(sample: str) -> None:
    at = opened(films=SAMPLES[sample], against="")
    assert not at.exception and not at.error
    assert all(len(strip) == len(SAMPLES[sample].split("-")) for strip in strips(at))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_opens_in_both_languages_and_says_how_good_it_is(network: str, lang: str) -> None:
    at = opened(lang, network=network, order="raised")
    assert not at.exception and not at.error
    assert "HR@10" in said(at) and say(f"choosing.net_{network}", lang) in said(at)


def test_the_same_film_ten_times_counts_once() -> None:
    at = opened(films="-".join([BLADE] * 10))
    assert not at.error and all(len(strip) == 1 for strip in strips(at))
    assert say("choosing.note_again", "en", count=9) in said(at)


def test_a_thousand_films_are_read_from_the_end() -> None:
    at = opened(films="-".join(film.imdb for film in films().films[5_000:6_000]))
    assert not at.exception and not at.error
    assert all(len(strip) == 50 for strip in strips(at)) and "1000" in said(at)


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ({"films": "0"}, "films_none"),
        ({"films": "999-abc"}, "films_link"),
        ({"films": "<b>*x*</b>"}, "films_link"),
        ({"films": "猫"}, "films_link"),
    ],
)
def test_a_history_that_is_none_is_one_sentence_and_the_page_goes_on(link: dict[str, str], name: str) -> None:
    at = opened(**link)
    assert not at.exception and message(at, name)
    control(at, "sample").set_value("scifi").run()
    assert not at.error and len(strips(at)) == 3


def test_odd_places_in_a_link_are_left_out() -> None:
    at = opened(films=f"{BLADE}-nothing-{TOY}", against="x-y", out="77", swap="*", who="9", without="7.7", map="8")
    assert not at.exception and not at.error
    assert "nothing" in said(at) and all(len(strip) == 2 for strip in strips(at))
    assert say("choosing.note_unknown", "en", count=1, films="nothing") in seen(said(at)).replace("\\", "")


def test_titles_that_do_not_exist_are_told_with_the_nearest_and_the_history_stays() -> None:
    at = opened()
    control(at, "typed").set_value("Alien\nBlaed Runer")
    control(at, "take_titles").click().run()
    assert message(at, "film_unknown_near") and "Blade Runner" in at.error[0].value
    control(at, "typed").set_value("Alien\nBlade Runner")
    control(at, "take_titles").click().run()
    assert not at.error and all(len(strip) == 2 for strip in strips(at))


def test_one_film_alone_cannot_be_taken_out() -> None:
    at = opened(films=BLADE, out=BLADE)
    assert not at.error and control(at, "out").options == [say("choosing.none", "en")]
    assert say("choosing.importance_one", "en") in said(at)


def test_what_a_film_brings_a_candidate_is_its_share_less_that_without_the_film() -> None:
    found = films()
    history, asks = [found.by_imdb[one] for one in (BLADE, NOTTING)], found.by_imdb[ASKS]
    request = Request("din-films", tuple(history), (asks,))
    whole, alone = (load("din-films").ranking(some).share(asks) for some in (history, history[1:]))
    assert without_each(request)[0][0] == pytest.approx(whole - alone) and whole > alone
