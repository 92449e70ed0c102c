"""The Anatomy page without a browser: one token, its gate by hand, links, and settings that cannot be shown."""

import json

import numpy as np
import pytest

testing = pytest.importorskip("streamlit.testing.v1")

import pages  # noqa: E402
from pages import ENTRY, PASTED, lines, sound, start, trace_of  # noqa: E402

from titans_course.playground import TEXT  # noqa: E402
from titans_course.studies.anatomy import dissect  # noqa: E402

CHARTS = 6  # vectors, gradient, before, change, after, loss against theta


def open_page(**link: str):
    """The page as a link opens it; without `tokens` in the link the run is short."""
    return pages.open_page("anatomy", {"tokens": "60", **link})


def move(app, token: int):
    """The cursor of the tape comes to rest at a token: what the page is told then."""
    app.session_state.token = token
    return app.run()


def shown_token(app) -> int:
    """The token that the panels take apart, as the formula's caption names it."""
    (caption,) = [found.value for found in app.caption if found.value.startswith("Token ")]
    return int(caption.split()[1].rstrip(","))


def whole(app):
    """Asserts that nothing failed, that all pictures are there, and that each shows something."""
    charts = [json.loads(chart.proto.spec) for chart in sound(app).get("plotly_chart")]
    assert len(charts) == CHARTS and all(chart["data"] for chart in charts)
    return app


def shown(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def picture(app) -> tuple:
    """All that a person sees of a token."""
    charts = [chart.proto.spec for chart in app.get("plotly_chart")]
    return shown(app), charts, app.latex[0].value, [block.value for block in app.get("html")]


def loss_after(app) -> float:
    return float(shown(app)["Loss of this pair"].split()[-1])


def test_the_default_is_the_end_of_the_surprise_of_a_story_read_by_a_linear_memory():
    app = whole(testing.AppTest.from_file(ENTRY, default_timeout=60).switch_page("app_pages/anatomy.py").run())
    trace, token = trace_of(app), shown_token(app)
    assert trace.settings.memory.depth == 1 and trace.settings.memory.dim == 16
    assert bytes(trace.tokens[token - 3 : token + 1].tolist()) == b"igs!" and trace.surprise[token] > 0.9
    assert shown(app)["Raw surprise"] == f"{trace.raw[token]:.3g}"
    assert shown(app)["Loss of this pair"].startswith(f"{trace.loss[token]:.3g} ")
    assert shown(app)["Memory norm"].endswith(f" {trace.memory_norm[token]:.3g}")
    assert f"{trace.raw[token]:.3f}" in app.latex[0].value
    assert not lines(app)


@pytest.mark.parametrize("name", ["tau", "beta", "lam", "eta", "softness", "depth", "dim", "tokens", "theta", "alpha"])
def test_each_control_at_both_ends(name):
    app = open_page(auto="false")
    kinds = {"tokens": "number_input"} | dict.fromkeys(("lam", "eta", "softness", "theta", "alpha"), "select_slider")
    kind = kinds.get(name, "slider")
    widget = getattr(app, kind)(key=name)
    ends = (widget.options[0], widget.options[-1]) if kind == "select_slider" else (widget.min, widget.max)
    for end in map(type(widget.value), ends):
        getattr(app, kind)(key=name).set_value(end)
        whole(app.run())
        assert getattr(app, kind)(key=name).value == end


@pytest.mark.parametrize("stream", ["steady", "outliers", "silence", "noise"])
@pytest.mark.parametrize("scale", ["rms", "unit"])
def test_streams_and_scales(stream, scale):
    app = whole(open_page(stream=stream, scale=scale, depth="3", layer="2"))
    assert not lines(app) and trace_of(app).settings.scenario == stream


def test_the_cursor_of_the_tape_chooses_the_token_and_every_token_can_be_taken_apart():
    app = open_page(token="1")
    before = picture(app)
    assert picture(whole(move(app, 2))) != before and shown_token(app) == 2
    for end in (0, 59):
        assert shown_token(whole(move(app, end))) == end
    assert sum(found.proto.id.endswith("-tape") for found in app.get("bidi_component")) == 1


def test_text_token_and_settings_come_from_the_simulator_and_its_raw_surprise_is_found_again():
    app = start(tau="0.2", depth="2", stream="text", decay="start", token="70")
    trace = trace_of(app)
    app.query_params.clear()  # as a browser does where another page is opened
    whole(app.switch_page("app_pages/anatomy.py").run())
    assert shown_token(app) == 70 and not lines(app)
    assert trace_of(app).settings == trace.settings and shown(app)["Raw surprise"] == f"{trace.raw[70]:.3g}"
    assert f"= {trace.raw[70]:.3f}" in app.latex[0].value


def test_what_this_page_cannot_have_of_the_simulator_is_said():
    app = start(chunk="8")
    app.query_params.clear()
    whole(app.switch_page("app_pages/anatomy.py").run())
    (line,) = lines(app)
    assert "chunk" in line and "8" in line


def test_the_paper_rule_has_its_momentum_in_the_formula_and_no_use_for_tau():
    app = whole(open_page(gate="constant", depth="2", token="40"))
    assert "S_l" in app.latex[0].value and app.slider(key="tau").disabled
    assert loss_after(app) == float(f"{dissect(trace_of(app).settings, 40, text=TEXT).loss_after:.3g}")


def test_a_gate_set_by_hand_changes_weights_and_loss_and_the_gate_takes_it_back():
    app = open_page(token="50")
    first = picture(app)
    app.toggle(key="auto").set_value(False).run()
    losses = {}
    for theta in (0.0, 0.01, 0.03):
        app.select_slider(key="theta").set_value(theta)
        losses[theta] = loss_after(whole(app.run()))
        config = trace_of(app).settings
        assert losses[theta] == float(f"{dissect(config, 50, text=TEXT, theta=theta, alpha=0.0).loss_after:.3g}")
    assert losses[0.0] > losses[0.01] > losses[0.03]
    app.select_slider(key="alpha").set_value(1.0).run()
    assert "(1 - 1)" in app.latex[0].value
    app.toggle(key="auto").set_value(True)
    assert picture(whole(app.run())) == first


def test_each_layer_has_its_own_pictures():
    app = open_page(depth="2")
    one = picture(app)
    assert "token" not in app.query_params
    app.segmented_control(key="layer").set_value(2)
    assert picture(whole(app.run()))[1][1:5] != one[1][1:5]
    app.slider(key="depth").set_value(4).run()
    app.segmented_control(key="layer").set_value(4).run()
    app.slider(key="depth").set_value(2)
    whole(app.run())
    app.slider(key="depth").set_value(1)
    whole(app.run())
    assert "layer" not in {choice.key for choice in app.segmented_control}


LINK = {"stream": "outliers", "depth": "2", "layer": "2", "token": "33", "auto": "false", "theta": "0.004", "dim": "8"}


def test_a_link_sets_the_page_and_equal_links_give_equal_pictures():
    app = whole(open_page(**LINK))
    assert shown_token(app) == 33 and app.query_params["token"] == "33"
    assert shown(app)["theta"] == "0.004" and not lines(app)
    assert app.segmented_control(key="layer").value == 2 and trace_of(app).settings.memory.dim == 8
    assert picture(app) == picture(open_page(**LINK))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token", "-1"),
        ("token", "99"),
        ("token", "1.5"),
        ("theta", "nan"),
        ("alpha", "2"),
        ("auto", "perhaps"),
        ("layer", "9"),
        ("dim", "128"),
        ("depth", ""),
        ("chunk", "4"),
        ("tokens", "1e9"),
    ],
)
def test_a_link_that_cannot_be_used_gives_one_line(name, value):
    (line,) = lines(whole(open_page(**{name: value, "beta": "0.5"})))
    assert name in line and "\n" not in line


def test_a_teacher_hides_controls_and_what_the_link_set_still_holds():
    app = whole(open_page(hide="player,hand,layer,more,guide", **LINK))
    assert not app.toggle and "layer" not in {choice.key for choice in app.segmented_control}
    assert shown(app)["theta"] == "0.004" and not lines(app)
    assert picture(app)[1:3] == picture(open_page(**LINK))[1:3]
    app.button(key="anatomy_defaults").click()
    assert shown(whole(app.run()))["theta"] != "0.004"
    from anatomy.controls import PAGE

    bare = open_page(hide=",".join(PAGE.names - {"maps"}))
    assert len(sound(bare).get("plotly_chart")) == 4 and not bare.slider and not bare.metric


def test_a_run_that_diverges_has_a_banner_and_ends_before_it():
    app = whole(open_page(tau="0", eta="1", token="59"))
    end = trace_of(app).diverged_at
    (banner,) = [element.value for element in app.error if "Diverged" in element.value]
    assert f"token {end}" in banner and "dashed" not in banner
    assert shown_token(app) == end - 1
    app.toggle(key="auto").set_value(False).run()
    app.select_slider(key="theta").set_value(1.0)
    whole(app.run())
    app.button(key="mend").click().run()
    assert trace_of(whole(move(app, 59))).diverged_at is None and not app.error


def test_pasted_text_is_taken_apart_and_bad_text_loses_nothing():
    app = open_page(stream="paste")
    app.text_area(key="paste").set_value(PASTED)
    app = whole(app.run())
    assert trace_of(app).tokens.tobytes().decode() == PASTED
    before = picture(app)
    app.text_area(key="paste").set_value("a\0b")
    whole(app.run())
    assert len(lines(app)) == 1 and picture(app) == before


def test_a_run_of_one_token():
    assert shown_token(whole(open_page(tokens="1"))) == 0


def test_reset_repeats_the_first_picture_and_defaults_the_page():
    app = open_page(**LINK)
    first = picture(app)
    move(app, 7)
    app.select_slider(key="theta").set_value(0.1).run()
    app.button(key="anatomy_reset").click()
    assert picture(whole(app.run())) == first
    app.button(key="anatomy_defaults").click()
    trace = trace_of(whole(app.run()))
    assert bytes(trace.tokens[: shown_token(app) + 1].tolist()).endswith(b"47 figs!")


def test_each_page_keeps_its_settings_and_what_is_hidden():
    app = start(tau="0.1", hide="eta", eta="0.002")
    app.query_params.clear()  # as a browser does where another page is opened
    whole(app.switch_page("app_pages/anatomy.py").run())
    keys = {slider.key for slider in (*app.slider, *app.select_slider)}
    assert "eta" not in keys and app.slider(key="tau").value == 0.1 and app.slider(key="depth").value == 2
    app.slider(key="depth").set_value(1).run()
    move(app, 9)
    app.query_params.clear()
    sound(app.switch_page("app_pages/simulator.py").run())
    assert (trace_of(app).settings.tau, trace_of(app).settings.eta) == (0.1, 0.002)
    app.query_params.clear()
    whole(app.switch_page("app_pages/anatomy.py").run())
    assert shown_token(app) == 9 and app.slider(key="depth").value == 1 and not lines(app)


def test_only_a_few_steps_are_kept():
    app = open_page()
    for token in range(10):
        move(app, token)
    assert len(app.session_state["steps"]) == 8
    assert all(np.isfinite(step.loss_after) for step in app.session_state["steps"].values())
