"""The Operations page opens with what was measured before, and its link says what it cannot hold."""

import math

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending, kept_text, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402

# isort: split
from operations import desk as operations_desk  # noqa: E402
from operations import live as operations_live  # noqa: E402

QUICK = {"engine": "recipe", "stream_tokens": "700"}


@pytest.fixture(autouse=True)
def opening(monkeypatch):
    monkeypatch.setattr(operations_desk, "OPENING", 200)


def press(app, key: str):
    app.button(key=key).click()
    return sound(app.run())


def drawn(app) -> tuple[int, int]:
    """The last token of the time line, and the token from which on it is kept; 0: all of it was read here."""
    figure = chart_ending(app, "drill_timeline")
    veils = [shape["x0"] for shape in figure["layout"]["shapes"] if shape.get("fillcolor") == "#80889433"]
    assert ["**Kept:**" in caption.value for caption in app.caption].count(True) == len(veils)
    return max(figure["data"][1]["x"]), sum(veils)


@kept_text
def test_the_kept_drill_is_shown_until_it_is_read_or_changed_by_hand():
    app = sound(open_page("operations", {}))
    assert drawn(app) == (6000, 200)
    assert drawn(press(app, "drill_step")) == (6000, 700)
    assert drawn(press(app, "rollback")) == (700, 0)
    assert drawn(open_page("operations", {"factor": "5"})) == (200, 0)  # another drill


@kept_text
def test_the_kept_drill_is_that_of_the_page():
    samples, events = operations_live.kept()
    assert [sample.token for sample in samples] == list(range(100, 6001, 100))
    assert {"alarm", "clear", "degrade"} <= {event.action for event in events}
    drill = open_page("operations", {}).session_state["operations_desk"].drill
    for before, now in zip(samples, drill.samples, strict=False):  # as far as the page reads
        numbers = [math.nan if number is None else number for number in before]
        assert numbers == pytest.approx([math.nan if n is None else n for n in now], rel=1e-3, nan_ok=True)


def test_a_link_cannot_hold_what_was_read_and_says_so_when_it_applies():
    def said(app) -> str:
        return "\n".join(caption.value for caption in app.caption)

    app = sound(open_page("operations", QUICK))
    assert "played" not in app.query_params and "share exactly this" in said(app)
    press(app, "drill_step")
    assert app.query_params["played"] in ("true", ["true"]) and "only as a file" in said(app) and not app.info
    again = sound(open_page("operations", {**QUICK, "played": "true"}))
    assert "begins anew" in again.info[0].value and "played" not in again.query_params
    assert not press(again, "drill_step").info
    assert "played" not in press(app, "drill_restart").query_params and not app.info
