"""The tour over all pages: when it opens, what its steps do and see, that it leaves nothing behind, who hides it."""

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import NAMES, PASTED, TEXTS, lines, open_page, sound, start, trace_of, unbroken  # noqa: E402

# isort: split
import tour  # noqa: E402

CHECKED = ":green["
FIRST = {name: next(place for place, stop in enumerate(tour.STOPS) if stop.page == name) + 1 for name in NAMES}


def panel(app) -> str | None:
    """The words of the panel, if it is open."""
    found = [block.value for block in app.markdown if "· **" in block.value]
    return found[0] if found else None


def press(app, name: str):
    app.button(key=f"tour_{name}").click()
    return unbroken(app.run())


def values(app) -> dict:
    """The settings of the open page."""
    held = app.session_state["hidden_values"]
    return {
        n: app.session_state[n] if n in app.session_state else held.get(n) for n in app.session_state["page"].controls
    }


def number(place: int) -> str:
    return f"**{place} of {len(tour.STOPS)}**"


def test_every_page_has_a_step():
    assert {stop.page for stop in tour.STOPS} == set(NAMES)


def test_it_opens_only_when_it_is_asked_for():
    app = sound(open_page(None, {}))
    assert panel(app) is None
    assert panel(press(app, "open")).startswith(number(1)) and CHECKED not in panel(app)
    press(app, "close")
    assert panel(app) is None
    app.slider(key="tau").set_value(0.4).run()
    assert panel(app) is None


@pytest.mark.parametrize("page", NAMES)
def test_the_button_and_the_link_open_the_step_of_their_page(page):
    app = unbroken(open_page(page, {"tour": "open"}))
    assert panel(app).startswith(number(FIRST[page])) and not lines(app) and "tour" not in app.query_params
    press(app, "close")
    assert panel(press(app, "open")).startswith(number(FIRST[page]))


def test_a_link_that_asks_for_something_else_is_a_mistake():
    assert len(lines(start(tour="closed"))) == 1


def test_a_teacher_hides_the_tour():
    app = start(hide="tour")
    assert "tour_open" not in {button.key for button in app.button}
    app.session_state[tour.PLACE] = 0
    assert panel(sound(app.run())) is None


@pytest.mark.parametrize("language", TEXTS)
def test_each_step_does_what_it_says_sees_it_done_and_leads_on(language):
    app = press(start(lang=language), "open")
    for stop in tour.STOPS:
        assert app.session_state["page"].name == stop.page
        assert TEXTS[language][f"tour={stop.name}"] in panel(app)
        assert (CHECKED in panel(app)) == (not stop.do)
        assert {name: values(app)[name] for name in stop.do} != stop.do or not stop.do
        if stop.do:
            press(app, "do")
            assert app.button(key="tour_do").disabled
        assert TEXTS[language][f"tour_done={stop.name}"] in panel(app)
        press(app, "end" if stop is tour.STOPS[-1] else "on")
    assert panel(app) is None


def test_a_step_is_seen_where_the_visitor_does_it_by_hand_and_may_be_left_out():
    app = press(start(), "open")
    app.slider(key="tau").set_value(0.05)
    assert CHECKED in panel(sound(app.run()))
    assert panel(press(app, "on")).startswith(number(2)) and CHECKED not in panel(app)
    assert panel(press(press(app, "on"), "previous")).startswith(number(2))


def test_no_step_sees_what_another_one_did():
    app = press(start(tau="0.5", tokens="400"), "open")
    for _ in tour.STOPS[:4]:
        page = app.session_state["page"]
        assert values(app) == {name: control.default for name, control in page.controls.items()}
        press(app, "do")
        assert "pinned" not in app.session_state or app.session_state["pinned"] is None
        press(app, "on")
    assert app.session_state["page"].name == "anatomy"


def test_the_end_brings_back_settings_run_and_text_of_every_page():
    app = start(stream="paste", tau="0.45")
    app.text_area(key="paste").set_value(PASTED).run()
    app.button(key="pin").click().run()
    settings, trace, pinned = values(app), trace_of(app), app.session_state["pinned"]
    press(app, "open")
    assert trace_of(app).settings.tau != 0.45
    for _ in range(4):
        press(app, "on")
    press(app, "do")
    assert app.session_state["page"].name == "anatomy" and not values(app)["auto"]
    press(app, "close")
    assert panel(app) is None and values(app)["auto"]
    app.switch_page("app_pages/simulator.py").run()
    unbroken(app)
    assert values(app) == settings and app.session_state["pinned"] is pinned
    assert trace_of(app).settings == trace.settings and (trace_of(app).tokens == trace.tokens).all()


def test_on_another_page_than_its_step_the_tour_waits():
    app = press(start(), "open")
    app.switch_page("app_pages/claims.py").run()
    assert TEXTS["en"]["tour_return"] in {button.label for button in unbroken(app).button}
    assert panel(press(app, "return")).startswith(number(1)) and app.session_state["page"].name == "simulator"
