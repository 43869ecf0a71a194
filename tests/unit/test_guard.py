"""What leaves a guard: one sentence, or what ends the work at someone's wish."""

from __future__ import annotations

import logging
import sys

import pytest
from streamlit.runtime.scriptrunner import RerunData, RerunException, StopException

from attnviz.errors import ModelError, Stopped, TextError
from attnviz.guard import guarded, one_by_one, own
from attnviz.models.load import load
from attnviz.text.tokens import encode


class PanicException(BaseException):
    """What pyo3 raises where Rust code panics: no `Exception`."""


def refusal(error: BaseException) -> ModelError:
    return ModelError("run_failed", model="m")


@pytest.mark.parametrize("fault", [ValueError("v"), IndexError("i"), MemoryError(), PanicException("p")], ids=repr)
def test_a_fault_leaves_as_one_sentence_and_is_told_whole_to_the_log(
    fault: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ModelError, match="do not go together") as refused, guarded(refusal):
        raise fault
    assert refused.value.__cause__ is fault
    (record,) = caplog.records
    assert record.name == "attnviz" and record.levelno == logging.WARNING
    assert record.exc_info is not None and record.exc_info[1] is fault


@pytest.mark.parametrize(
    "wish",
    [KeyboardInterrupt(), SystemExit(), StopException(), RerunException(RerunData()), GeneratorExit(),
     Stopped("run_stopped"), TextError("text_empty")],
    ids=lambda wish: type(wish).__name__,
)  # fmt: skip
def test_a_wish_and_a_sentence_pass_as_they_are(wish: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(type(wish)) as passed, guarded(refusal):
        raise wish
    assert passed.value is wish
    assert caplog.records == []


def test_what_the_callers_own_function_raises_passes() -> None:
    def broken(number: int) -> int:
        raise LookupError(number)

    function = own(broken)
    assert function is not None and own(None) is None
    with pytest.raises(LookupError, match="3"), guarded(refusal):
        function(3)


class Panicking:
    """A tokenizer that panics."""

    is_fast = False

    def __call__(self, *_: object, **__: object) -> None:
        raise PanicException("index out of bounds")


def test_a_tokenizer_that_panics_is_a_sentence() -> None:
    with pytest.raises(TextError, match="fails on this text") as refused:
        encode("南京", Panicking(), None)  # type: ignore[arg-type]
    assert "PanicException" in refused.value.say("zh")


def test_whatever_goes_wrong_while_a_model_loads_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise PanicException("no such merge")

    monkeypatch.setattr(sys.modules["attnviz.models.load"], "_open", broken)
    with pytest.raises(ModelError, match="no such merge"):
        load("lab-4")


def test_an_error_escapes_its_values_and_not_its_sentence() -> None:
    error = TextError("target_too_long", model="*m*", tokens=9, limit=4)
    assert error.say("en", lambda value: f"<{value}>").startswith("What <*m*> is to have written has 9 tokens")


def test_of_things_gone_over_one_by_one_each_is_told_when_it_is_done_and_a_stop_comes_before_the_next() -> None:
    told: list[object] = []
    for item in one_by_one("ab", lambda done, count: told.append((done, count)), None):
        told.append(item)
    assert told == ["a", (1, 2), "b", (2, 2)]
    seen: list[str] = []
    with pytest.raises(Stopped):
        for item in one_by_one("abc", None, lambda: len(seen) == 2):
            seen.append(item)
    assert seen == ["a", "b"]
