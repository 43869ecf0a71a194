"""The models page under AppTest: what the model wrote stands in the link, and what it says next is asked at its end."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from attnviz import load
from attnviz.messages import LANGUAGES, say
from attnviz.recording.generate import generate
from attnviz.recording.resume import answer_ids
from attnviz.text.packed import packed, unpacked
from attnviz.ui.kit import SHARED
from attnviz.ui.pages.models.choices import PARAMS
from tests.pages.models.opened import SEQ, TEXT, Folder, control, effect, opened
from tests.pages.opened import charts, seen


def link_of(at: AppTest) -> dict[str, str]:
    """What the address says."""
    return {name: value[0] if isinstance(value, list) else value for name, value in at.query_params.items()}


def labels(at: AppTest) -> list[str]:
    """The queries of the open map."""
    return list(charts(at)[1]["layout"]["yaxis"]["ticktext"])


def write(at: AppTest) -> AppTest:
    control(at, "write").click()
    return at.run()


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(("kind", "model_type"), [("causal", "gpt2"), ("seq2seq", "t5"), ("causal", "lab-gpt")])
def test_a_link_to_what_was_written_opens_it_in_a_new_session(
    kind: str, model_type: str, lang: str, folder: Folder
) -> None:
    built_in = model_type == "lab-gpt"
    place = model_type if built_in else folder(kind, model_type, **(SEQ if kind == "seq2seq" else {}))
    at = write(opened(lang, id=place, most="6", text="乒乓球拍卖完了" if built_in else TEXT))
    assert not at.exception and not at.error
    link = link_of(at)
    assert ("wrote" in link) != ("ids" in link)
    again = opened(**link)
    assert not again.exception and not again.error and not again.info
    assert labels(again) == labels(at) and link_of(again) == link
    lines = [[s for s in charts(one)[1]["layout"]["shapes"] if s["type"] == "line"] for one in (at, again)]
    assert lines[0] == lines[1]
    control(again, "clear").click()
    again.run()
    assert not {"wrote", "ids"} & set(link_of(again)) and len(labels(again)) < len(labels(at))


def test_the_text_stands_in_the_link_where_it_is_cut_alike_and_the_numbers_where_not(folder: Folder) -> None:
    link = link_of(write(opened(id="lab-gpt", most="6", text="乒乓球拍卖完了")))
    assert link["wrote"] and "ids" not in link
    place = folder("causal", "gpt2")
    model, text = load(place), TEXT
    wrote = generate(model, text, most=6)
    pieces = packed([model.tokenizer.convert_tokens_to_ids("##s")] * 3)  # no text is cut so
    at = opened(id=place, text=text, ids=pieces)
    assert len(labels(at)) == wrote.border + 3 and link_of(at)["ids"] == pieces  # type: ignore[operator]
    ids = answer_ids(model, wrote, text)
    assert unpacked(packed(ids)) == ids


@pytest.mark.parametrize("lang", LANGUAGES)
def test_after_writing_the_prediction_is_that_of_the_last_token_until_a_cell_is_chosen(
    lang: str, folder: Folder
) -> None:
    place = folder("causal", "gpt2")
    at = write(opened(lang, id=place, most="5", query="1"))
    run = generate(load(place), TEXT, most=5)
    assert at.session_state[SHARED + "query"] == len(run.tokens) - 1
    shown, likeliest = effect(at), run.predictions(len(run.tokens) - 1, top=1)[0][1]
    assert f"{likeliest:.3f}" in shown
    assert any(seen(one.value) == f"**{say('ui.effect_next', lang, token=run.tokens[-1])}**" for one in at.markdown)
    control(at, "query").set_value(2)
    at.run()
    assert (effect(at) != shown and "wrote" in link_of(at)) or "ids" in link_of(at)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "damage",
    [
        {"ids": "gA"}, {"ids": "%%%"}, {"ids": packed([10**6])}, {"ids": packed([7] * 201)},
        {"wrote": "\u200b"}, {"ids": "="}, {"ids": packed([7] * 70)},
    ],
)  # fmt: skip
def test_a_damaged_link_reads_the_text_alone_and_says_so_once(
    damage: dict[str, str], lang: str, folder: Folder
) -> None:
    place = folder("causal", "gpt2")
    at = opened(lang, id=place, **damage)
    assert not at.exception and not at.error
    assert [seen(one.value) for one in at.info] == [say("error.written_lost", lang, model=place)]
    assert labels(at) == labels(opened(lang, id=place)) and not {"wrote", "ids"} & set(link_of(at))
    at.run()
    assert not at.info


def test_a_link_to_another_kind_of_model_reads_the_text_alone(folder: Folder) -> None:
    place = folder("masked", "bert")
    at = opened(id=place, wrote="the dog")
    assert not at.exception and not at.error and len(at.info) == 1
    assert labels(at) == labels(opened(id=place))


@pytest.mark.parametrize(("name", "value"), [("text", "the dog sat"), ("pair", "the dog")])
def test_what_was_written_goes_with_the_text_that_it_was_written_from(name: str, value: str, folder: Folder) -> None:
    at = write(opened(id=folder("causal", "gpt2"), most="4"))
    control(at, name).set_value(value)
    at.run()
    assert not at.exception and not at.info and not {"wrote", "ids"} & set(link_of(at))
    assert control(at, "clear").disabled


def test_a_decoder_whose_answer_stands_in_a_link_has_no_box_and_one_whose_answer_is_lost_has(folder: Folder) -> None:
    place, key = folder("seq2seq", "t5", **SEQ), PARAMS["target"].key
    whole = write(opened(id=place, most="4"))
    assert key not in [one.key for one in opened(**link_of(whole)).text_input]
    assert key in [one.key for one in opened(id=place, ids="gA").text_input]
