"""Lines between the tokens: as many and as thick as the weights say, and those of the token pointed at are strong."""

from __future__ import annotations

from collections.abc import Callable

from attnviz import load, record
from attnviz.messages import say
from tests.browser.person import Visit

Start = Callable[..., Visit]
TEXT = "南京市长江大桥"
READER = ".st-key-attention-reader [data-testid=stBidiComponentIsolated]"
DRAWN = f"""(name) => [...document.querySelector("{READER}").shadowRoot.querySelectorAll(`.over .${{name}}`)]
  .map((one) => [one.dataset.pair, +one.querySelector("path").getAttribute("stroke-width")])"""
OWN = f"(query) => ({DRAWN})('own').every(([pair]) => pair.split(' ')[0] === query)"


def test_lines_join_who_looks_with_what_is_looked_at(visit: Start) -> None:
    one = visit({"lang": "en", "text": TEXT, "layer": "1", "head": "1", "query": "7"})
    one.page.locator(".reader").get_by_text(say("ui.reader_lines", "en"), exact=True).click()
    weights = record(load("lab-4"), TEXT).weights(1, 1)
    for query in (7, 2):
        one.face(query).hover()
        one.page.wait_for_function(OWN, arg=str(query))
        own, other = (dict(one.page.evaluate(DRAWN, name)) for name in ("own", "other"))
        assert {*own} == {f"{query} {key}" for key in range(9) if key != query and weights[query, key] >= 0.02}
        for pair, width in {**own, **other}.items():
            asks, asked = map(int, pair.split())
            assert abs(width - 0.7 - 4 * float(weights[asks, asked])) <= 0.06 and asks != asked
        assert {*other} == {
            f"{a} {b}" for a in range(9) for b in range(9) if a not in (b, query) and weights[a, b] >= 0.1
        }
