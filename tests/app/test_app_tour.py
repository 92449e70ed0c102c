"""The tour of the Simulator: when it opens, what its steps do and check, and who can hide it."""

from dataclasses import replace

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import TEXTS, lines, open_page, picture, sound, start, trace_of, unbroken  # noqa: E402

# isort: split
import tour  # noqa: E402

CHECKED = ":green["


def panel(app) -> str | None:
    """The words of the panel, if it is open."""
    found = [block.value for block in app.markdown if "· **" in block.value]
    return found[0] if found else None


def press(app, name: str):
    app.button(key=f"tour_{name}").click()
    return sound(app.run())


def test_a_first_visit_without_a_link_opens_the_tour():
    app = sound(open_page(None, {}))
    assert panel(app).startswith("**1 of 5**") and CHECKED not in panel(app)
    assert panel(sound(open_page(None, {"lang": "zh"}))).startswith("**第 1/5 步**")
    press(app, "close")
    assert panel(app) is None
    app.slider(key="tau").set_value(0.4).run()
    assert panel(app) is None


@pytest.mark.parametrize("link", [{"tau": "0.2"}, {"hide": "eta"}])
def test_a_link_opens_no_tour_but_the_button_does(link):
    app = start(**link)
    assert panel(app) is None
    assert panel(press(app, "open")).startswith("**1 of 5**")


def test_another_page_has_a_link_to_the_tour():
    app = unbroken(open_page("anatomy", {"tokens": "60"}))
    (link,) = app.get("page_link")
    assert panel(app) is None and link.proto.query_string == "tour=open"
    app = start(tour="open", tau="0.25")
    assert panel(app).startswith("**1 of 5**") and not lines(app) and "tour" not in app.query_params
    assert len(lines(start(tour="closed"))) == 1


def test_a_teacher_hides_the_tour():
    app = start(hide="tour")
    assert "tour_open" not in {button.key for button in app.button}
    app.session_state[tour.PLACE] = 0
    assert panel(sound(app.run())) is None


@pytest.mark.parametrize("language", TEXTS)
def test_each_step_does_what_it_says_sees_it_done_and_leads_on(language):
    app = start(lang=language)
    first = picture(app)
    press(app, "open")
    for place, stop in enumerate(tour.STOPS):
        before = f"{trace_of(app).summary()['writes_per_1k']:.1f}"
        assert TEXTS[language][f"tour={stop.name}"] in panel(app) and CHECKED not in panel(app)
        press(app, "do")
        after = f"{trace_of(app).summary()['writes_per_1k']:.1f}"
        assert TEXTS[language][f"tour_done={stop.name}"].format(before=before, after=after) in panel(app)
        assert app.button(key="tour_do").disabled
        if place < len(tour.STOPS) - 1:
            press(app, "on")
    assert picture(app) == first  # the last step brings the first picture back


def test_a_step_is_seen_where_the_visitor_does_it_by_hand_and_may_be_left_out():
    app = press(start(), "open")
    app.slider(key="tau").set_value(0.2)
    assert CHECKED in panel(sound(app.run()))
    assert panel(press(app, "on")).startswith("**2 of 5**") and CHECKED not in panel(app)
    app.button(key="pin").click().run()
    app.slider(key="beta").set_value(0.0).run()
    assert CHECKED in panel(app)
    assert panel(press(press(app, "on"), "previous")).startswith("**2 of 5**")


def test_a_failure_does_not_go_along_to_the_next_step():
    app = start(tokens="400")
    first = trace_of(app).settings
    press(app, "open")
    for name in ("on", "on", "do", "on", "do"):
        press(app, name)
    assert panel(app).startswith("**4 of 5**") and "pinned" not in app.session_state
    assert trace_of(app).settings == replace(first, scenario=tour.STREAM)
