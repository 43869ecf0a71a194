"""A table as people bring it: what it is read as, or the one sentence that says why not."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from io import BytesIO

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from attnviz.errors import AttnvizError
from attnviz.systems.series.columns import number
from attnviz.systems.series.series import LEAST, Series, series_of, table_of, time_of
from attnviz.systems.series.text import MOST_ROWS, decoded

COUNT = 48
DAYS = [datetime(2014, 1, 1) + timedelta(days=n) for n in range(COUNT)]
VALUES = [round(10 + 5 * math.sin(n), 2) for n in range(COUNT)]


def read(content: bytes | str) -> Series:
    table = table_of(decoded(content.encode() if isinstance(content, str) else content))
    return series_of(table, table.value_columns[0], time_of(table))


def rows(form: str = "%Y-%m-%d", between: str = ",", head: str = "date,value") -> str:
    return "\n".join(
        [*([head] if head else []), *(f"{at:{form}}{between}{v}" for at, v in zip(DAYS, VALUES, strict=True))]
    )


def comma(text: str) -> str:
    return "\n".join([text.split("\n")[0], *(line.replace(".", ",") for line in text.split("\n")[1:])])


ALIKE = {
    "iso": rows(), "no heading": rows(head=""), "slashes": rows("%Y/%m/%d"),
    "german": rows("%d.%m.%Y", ";", "Datum;Wert"),
    "american": rows("%m/%d/%Y"), "british": rows("%d/%m/%Y"), "chinese": rows("%Y年%m月%d日", ",", "日期,数值"),
    "compact": rows("%Y%m%d"), "tabs": rows(between="\t", head="date\tvalue"),
    "carriage returns": rows().replace("\n", "\r\n"),
    "decimal commas": comma(rows(between=";", head="Datum;Wert")),
    "named by Excel": "sep=;\n" + comma(rows(between=";", head="a;b")),
    "GBK": rows("%Y/%m/%d", ",", "日期,浓度").encode("gbk"), "UTF-16": rows().encode("utf-16"),
    "UTF-16 without a mark": rows().encode("utf-16-le"), "the other UTF-16": rows().encode("utf-16-be"),
    "UTF-8 with a mark": rows().encode("utf-8-sig"),
    "parts": "\n".join(["year,month,day,v", *(f"{a:%Y,%m,%d},{v}" for a, v in zip(DAYS, VALUES, strict=True))]),
    "numbered": "\n".join(["No,date,v", *(f"{n + 1},{DAYS[n]:%Y-%m-%d},{VALUES[n]}" for n in range(COUNT))]),
    "out of order": "\n".join(reversed(rows(head="").split("\n"))),
    "doubled": rows() + "\n" + rows(head=""),
}  # fmt: skip


@pytest.mark.parametrize("how", ALIKE)
def test_every_way_to_write_the_same_days_is_read_alike(how: str) -> None:
    found = read(ALIKE[how])
    assert (found.clock.name, found.clock.count, found.clock.start) == ("day", 1, DAYS[0])
    torch.testing.assert_close(found.values, torch.tensor(VALUES))


def test_what_was_done_to_a_table_is_said() -> None:
    assert read(ALIKE["out of order"]).notes == {"sorted": COUNT - 1}
    assert read(ALIKE["doubled"]).notes == {"doubled": COUNT, "sorted": 1}
    lines = rows().split("\n")
    found = read("\n".join([*lines[:5], *lines[8:10], "2014-01-10,broken", "soon,3", *lines[11:]]))
    assert found.notes == {"strange": 1, "untimed": 1, "gaps": 4} and len(found) == COUNT
    assert found.values.isnan().nonzero().flatten().tolist() == [4, 5, 6, 9], "gaps stay open"


@pytest.mark.parametrize(
    ("step", "name", "count"),
    [
        (timedelta(hours=1), "hour", 1), (timedelta(hours=6), "hour", 6), (timedelta(minutes=15), "minute", 15),
        (timedelta(days=7), "week", 7), (timedelta(seconds=10), "second", 10),
    ],
)  # fmt: skip
def test_the_step_is_guessed(step: timedelta, name: str, count: int) -> None:
    found = read("\n".join(f"{datetime(2014, 1, 1) + n * step},{v}" for n, v in enumerate(VALUES)))
    assert (found.clock.name, found.clock.count) == (name, count) and not found.notes


def test_months_quarters_and_years_are_calendar_steps() -> None:
    months = read("\n".join(f"{1990 + n // 12}-{n % 12 + 1:02d}-01,{v}" for n, v in enumerate(VALUES)))
    quarters = read("\n".join(f"{1990 + n // 4}-{n % 4 * 3 + 1:02d}-01,{v}" for n, v in enumerate(VALUES)))
    years = read("YEAR,SUN\n" + "\n".join(f"{1700 + n},{v}" for n, v in enumerate(VALUES)))
    assert [one.clock.name for one in (months, quarters, years)] == ["month", "month", "year"]
    assert (quarters.clock.count, years.clock.label(47), months.clock.label(13)) == (3, "1747", "1991-02")


def test_a_column_alone_is_rows_in_their_order() -> None:
    found = read("\n".join(map(str, VALUES)))
    assert found.clock.name == "row" and len(found) == COUNT and found.clock.label(0) == "1"


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (40, 40), "red").save(file, "PNG")
    return file.getvalue()


WRONG = {
    "series_empty": b"", "series_no_text": picture(), "series_workbook": b"PK\x03\x04" + bytes(40),
    "series_no_numbers": "date,name\n2014-01-01,ann\n2014-01-02,bob", "series_constant": "\n".join(["5.5"] * 60),
    "series_few_steps": "date,value\n2014-01-01,3", "series_rows": b"1\n" * 1_000_000,
    "series_gaps": "\n".join(f"2014-{m:02d}-{d:02d},{m * d}" for m in range(1, 13) for d in (1, 2, 3, 4)),
    "series_uneven": "\n".join(
        f"{datetime(2014, 1, 1) + timedelta(hours=n, minutes=n * 37 % 53)},{n}" for n in range(60)
    ),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_series_is_one_clear_sentence(message: str) -> None:
    with pytest.raises(AttnvizError) as said:
        read(WRONG[message])
    assert said.value.message == message
    for language in ("zh", "en"):
        assert "{" not in said.value.say(language)
    assert MOST_ROWS < 1_000_000


def test_numbers_as_people_write_them() -> None:
    wanted = {"1,234.5": 1234.5, "-3": -3.0, "−3": -3.0, "1e3": 1000.0, "12%": 12.0, ".5": 0.5, "NA": None, "": None,
              "nan": None, "inf": None, "1e99": None, "12 cm": None, "0x10": None}  # fmt: skip
    assert {cell: number(cell) for cell in wanted} == wanted
    assert number("1.234,5", comma=True) == 1234.5 and number("3,14", comma=True) == 3.14


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_whatever_is_brought_is_a_series_or_a_sentence(content: bytes) -> None:
    try:
        found = read(content)
    except AttnvizError as said:
        assert said.say("zh") and said.say("en")
    else:
        assert int((~found.values.isnan()).sum()) >= LEAST
