"""What a reader says of a text on the models page beside the text itself: its languages, that it is a chat."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.models.opened import KEY, control, opened
from tests.pages.opened import charts
from tests.parity.prompts.talkers import saved as talker
from tests.parity.prompts.translators import saved


def gripes(at: AppTest) -> list[str]:
    """The sentences that tell what is wrong."""
    return [error.value for error in at.error]


@pytest.fixture(scope="module")
def nllb(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(saved("nllb", tmp_path_factory.mktemp("nllb") / "nllb"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_languages_are_chosen_and_stand_in_the_link(lang: str, nllb: str) -> None:
    at = opened(lang, id=nllb, map="cross")
    assert not at.exception and not gripes(at)
    source = control(at, "source")
    names = {
        "zh": ("法语 · fra_Latn", "中文（简体） · zho_Hans"),
        "en": ("French · fra_Latn", "Chinese (Simplified) · zho_Hans"),
    }
    assert set(names[lang]) <= set(source.options) and "eng_Latn" in source.options[0]
    source.select(names[lang][0])
    at.run()
    control(at, "into").select(names[lang][1])
    at.run()
    assert not at.exception and not gripes(at)
    assert at.query_params["from"] == "fra_Latn" and at.query_params["into"] == "zho_Hans"
    assert control(at, "query").options[1].endswith("zho_Hans") and control(at, "key").options[0].endswith("fra_Latn")


def test_translation_is_written_in_the_language_of_the_link_and_forgotten_with_it(nllb: str) -> None:
    at = opened(id=nllb, map="cross", into="zho_Hans", most="3", **{"from": "fra_Latn"})
    control(at, "write").click()
    at.run()
    assert not at.exception and not gripes(at)
    rows = control(at, "query").options
    assert rows[1].endswith("zho_Hans") and 3 < len(rows) <= 5
    control(at, "into").select("German · deu_Latn")
    at.run()
    assert len(control(at, "query").options) == 2 and KEY + "written" not in at.session_state


def test_language_that_the_model_does_not_have_is_one_sentence(nllb: str) -> None:
    at = opened("zh", id=nllb, into="klingon")
    assert not at.exception
    assert any("klingon" in said for said in gripes(at)) and not charts(at)
    control(at, "into").select("zho_Hans")
    at.run()
    assert not gripes(at)


def test_model_without_languages_asks_for_none() -> None:
    at = opened()
    assert not [box for box in at.selectbox if box.key in (KEY + "source", KEY + "into")]


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(talker("{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
                      "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
                      tmp_path_factory.mktemp("chatty") / "chatty"))  # fmt: skip


@pytest.mark.parametrize(("lang", "names"), [("zh", {"系统", "用户"}), ("en", {"system", "user"})])
def test_turns_are_typed_and_their_roles_are_seen_on_map_and_text(lang: str, names: set[str], chatty: str) -> None:
    at = opened(lang, id=chatty, text="系统：be kind\nuser: hi there, how are you")
    assert not at.exception and not gripes(at)
    control(at, "chat").set_value(True)
    at.run()
    assert not at.exception and not gripes(at) and at.query_params["chat"] == "1"
    assert "<|im_start|>" in control(at, "query").options[0]
    notes = [note for chart in charts(at) for note in chart["layout"].get("annotations", ())]
    assert names <= {note.get("hovertext") for note in notes}
    control(at, "chat").set_value(False)
    at.run()
    assert "<|im_start|>" not in control(at, "query").options[0]


def test_answer_is_written_into_the_chat_and_forgotten_with_it(chatty: str) -> None:
    at = opened(id=chatty, text="user: hi", chat="1", most="3")
    before = len(control(at, "query").options)
    control(at, "write").click()
    at.run()
    assert not at.exception and not gripes(at)
    assert before < len(control(at, "query").options) <= before + 3
    notes = [note for chart in charts(at) for note in chart["layout"].get("annotations", ())]
    assert "assistant" in {note.get("hovertext") for note in notes}
    control(at, "chat").set_value(False)
    at.run()
    assert KEY + "written" not in at.session_state


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pair_and_chat_together_are_one_sentence(lang: str, chatty: str) -> None:
    at = opened(lang, id=chatty, text="user: hi", chat="1", pair="b")
    assert not at.exception and len(gripes(at)) == 1 and not charts(at)


def test_chat_of_a_model_without_a_template_is_one_sentence_and_can_be_taken_back() -> None:
    at = opened(chat="1")
    assert "chat template" in gripes(at)[0]
    control(at, "chat").set_value(False)
    at.run()
    assert not gripes(at) and charts(at)
