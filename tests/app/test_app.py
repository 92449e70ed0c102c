"""The simulator page without a browser: controls, streams, gallery, comparison, reset, and the banner."""

import json
import sys

import numpy as np
import pytest

testing = pytest.importorskip("streamlit.testing.v1")

from pages import ENTRY, curves, fed, lines, picture, sound, start, tape, trace_of  # noqa: E402

# isort: split
import controls  # noqa: E402
import curves as sender  # noqa: E402
import sources  # noqa: E402
import tape as sender_of_tape  # noqa: E402

from titans_course.playground import CURSOR, TEXT, settings  # noqa: E402
from titans_course.studies.gallery import FAILURES, examine  # noqa: E402
from titans_mini import SimulationConfig  # noqa: E402
from titans_mini.config import SCENARIO_NAMES  # noqa: E402
from titans_mini.data import bundled_text  # noqa: E402


def test_the_default_page_is_the_recipe_on_the_story():
    app = sound(testing.AppTest.from_file(ENTRY, default_timeout=60).run())
    trace = trace_of(app)
    assert trace.tokens.tobytes().decode() == TEXT and trace.settings == SimulationConfig()
    assert app.metric[0].value == f"{trace.summary()['writes_per_1k']:.1f}"
    assert not lines(app)
    assert tape(app)["cursor"] == CURSOR and not tape(app)["chosen"] and trace.g_write[CURSOR] > 0.5
    assert tape(app)["runs"] == [
        {"name": "this", "label": "surprises only", "settings": settings(SimulationConfig())},
        {"name": "other", "label": "every byte", "settings": settings(SimulationConfig(gate="constant"))},
    ]


def test_the_bundled_text_opens_at_its_first_write():
    app = sound(start(tau="0.2"))
    assert trace_of(app).tokens.tobytes().decode() == bundled_text()[:120]
    assert trace_of(app).g_write[tape(app)["cursor"]] > 0.5


@pytest.mark.parametrize("name", ["tau", "beta", "lam", "eta", "softness", "chunk", "depth"])
def test_each_slider_at_both_ends(name):
    app = start()
    kind = "select_slider" if name in ("lam", "eta", "softness") else "slider"
    widget = getattr(app, kind)(key=name)
    ends = widget.options[:: len(widget.options) - 1] if kind == "select_slider" else (widget.min, widget.max)
    for end in map(type(widget.value), ends):
        getattr(app, kind)(key=name).set_value(end)
        settings = trace_of(sound(app.run())).settings
        assert (getattr(settings, name) if hasattr(settings, name) else getattr(settings.memory, name)) == end


@pytest.mark.parametrize("tokens", [1, 2, 10_000])
def test_the_length_of_the_run_at_its_ends(tokens):
    app = start()
    app.number_input(key="tokens").set_value(tokens)
    assert len(trace_of(sound(app.run()))) == tokens


@pytest.mark.parametrize("scenario", SCENARIO_NAMES)
@pytest.mark.parametrize("gate", ["surprise", "constant"])
def test_each_stream_with_each_gate(scenario, gate):
    app = sound(start(stream=scenario, gate=gate))
    assert not lines(app)
    assert (trace_of(app).settings.scenario, trace_of(app).settings.gate) == (scenario, gate)


@pytest.mark.parametrize("name", ["normaliser", "encoding", "scale"])
def test_each_choice(name):
    app = start()
    kind = "segmented_control" if name == "scale" else "selectbox"
    for option in controls.CONTROLS[name].options:
        getattr(app, kind)(key=name).set_value(option)
        settings = trace_of(sound(app.run())).settings
        assert option == getattr(settings.memory if name == "scale" else settings, name)


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_one_click_away_with_its_number_and_verdict(name):
    app = start(tokens="600")
    app.pills(key="failure").set_value(name)
    sound(app.run())
    finding = examine(name, tokens=600)
    (verdict,) = [block.value for block in app.markdown if FAILURES[name].claim in block.value]
    assert f"[{finding.outcome}]" in verdict
    assert f"**{finding.value:.3g}**" in verdict and f"**{finding.default_value:.3g}**" in verdict
    assert any(FAILURES[name].reason in caption.value for caption in app.caption)
    shown = trace_of(app).settings
    assert shown == finding.trace.settings
    app.pills(key="failure").set_value(None)
    assert trace_of(sound(app.run())).settings == start(tokens="600").session_state["runs"].popitem()[1].trace.settings


def test_a_dead_memory_is_named_with_its_token_and_one_click_keeps_it_alive():
    app = start(tokens="1200", lam="0.01")
    dead = trace_of(app)
    (banner,) = [block.value for block in app.error]
    assert f"dead from token {dead.dead_at} on" in banner and "nothing can be learned" in banner
    app.button(key="revive").click()
    living = trace_of(sound(app.run()))
    assert living.state == "alive" and living.settings == dead.settings.with_memory(decay="start") and not app.error
    assert app.segmented_control(key="decay").value == "start" and "start" in app.query_params["decay"]
    assert trace_of(start(tokens="1200", lam="0.01", decay="start")).settings == living.settings
    verdict = start(tokens="1200", lam="0.01").markdown
    assert any(":red-badge[dead]" in block.value for block in verdict)


def test_a_pinned_run_lies_behind_and_its_difference_is_named():
    app = start()
    before = trace_of(app)
    app.button(key="pin").click().run()
    app.select_slider(key="lam").set_value(0.01).run()
    assert any("lambda 0.0001 → 0.01" in block.value for block in app.markdown)
    app.select_slider(key="lam").set_value(1e-4)
    app.slider(key="tau").set_value(0.1)
    sound(app.run())
    assert np.array_equal(curves(app, "behind")["curves"]["g_write"], before.g_write.astype(np.float32))
    assert any("tau 0.3 → 0.1" in block.value for block in app.markdown)
    assert f"A: {before.summary()['writes_per_1k']:.1f}" in app.metric[0].delta
    assert trace_of(app).settings.seed == before.settings.seed
    app.button(key="unpin").click()
    assert not any("A:" in (metric.delta or "") for metric in sound(app.run()).metric) and not curves(app, "behind")


def test_reset_repeats_the_first_picture_exactly():
    app = start(tau="0.2", stream="repetition")
    first = picture(app)
    app.slider(key="tau").set_value(0.05)
    app.selectbox(key="stream").set_value("noise")
    app.number_input(key="seed").set_value(9)
    app.run()
    app.button(key="pin").click().run()
    turn = tape(app)["turn"]
    assert picture(app) != first
    app.button(key="simulator_reset").click()
    assert picture(sound(app.run())) == first and tape(app)["turn"] != turn  # the cursor goes back, too


def test_nothing_is_computed_twice_and_only_a_few_runs_are_kept():
    app = start()
    run = trace_of(app)
    app.button(key="pin").click().run()
    assert trace_of(app) is run
    for step in range(12):
        app.slider(key="tau").set_value(step / 100).run()
    assert len(app.session_state["runs"]) == 8


def test_a_move_of_a_slider_sends_the_tape_only_its_settings():
    app = start()
    before = {role: fed(app, role).json for role in ("tables", "stream", "tape")}
    app.slider(key="tau").set_value(0.1)
    sound(app.run())
    assert [role for role in before if fed(app, role).json != before[role]] == ["tape"]
    assert len(before["tape"]) < 1000 and tape(app)["runs"][0]["settings"]["tau"] == 0.1
    app.number_input(key="seed").set_value(1)
    sound(app.run())
    assert fed(app, "tables").json != before["tables"] and tape(app)["turn"] == json.loads(before["tape"])["turn"]


def test_the_other_run_is_run_a_where_it_reads_the_same_with_the_same_memory():
    app = start()
    app.button(key="pin").click().run()
    app.slider(key="tau").set_value(0.1).run()
    (this, other) = tape(app)["runs"]
    assert (other["label"], other["settings"]["tau"], this["settings"]["tau"]) == ("A", 0.3, 0.1)
    for control, value in ((app.slider(key="depth"), 3), (app.selectbox(key="stream"), "noise")):
        control.set_value(value)
        assert tape(sound(app.run()))["runs"][1]["label"] == "every byte"
    app.segmented_control(key="gate").set_value("constant")
    assert [run["label"] for run in tape(sound(app.run()))["runs"]] == ["every byte", "surprises only"]


def test_the_paper_s_rule_leaves_the_gate_s_sliders_out_and_is_not_judged_by_its_writes():
    app = start(gate="constant")
    assert app.slider(key="tau").disabled and app.select_slider(key="softness").disabled
    assert not app.slider(key="beta").disabled and app.metric[0].value == "1000.0" and not app.metric[0].delta
    app.segmented_control(key="gate").set_value("surprise")
    assert not sound(app.run()).slider(key="tau").disabled and "30 to 80" in app.metric[0].delta
    assert app.sidebar.segmented_control[0].key == "gate"


def test_the_token_of_a_link_is_where_the_tape_opens_and_what_other_pages_are_handed():
    app = sound(start(token="99"))
    assert (tape(app)["cursor"], tape(app)["chosen"]) == (99, True)
    assert app.session_state["carried"]["token"] == 99
    assert app.session_state["carried"]["settings"] == trace_of(app).settings
    assert tape(start(token="5000"))["cursor"] == 119
    app.pills(key="failure").set_value("tau_low")
    assert not tape(sound(app.run()))["chosen"]


def test_a_run_that_diverges_shows_cause_and_token_and_can_be_mended():
    app = sound(start(tau="0", eta="1"))
    trace = trace_of(app)
    (banner,) = [element.value for element in app.error]
    assert f"token {trace.diverged_at}" in banner and "eta = 1 " in banner
    assert curves(app)["diverged"] == [trace.diverged_at, f"diverged at {trace.diverged_at}"]
    assert curves(app, "behind")["diverged"] is None  # the milder run, in grey
    app.button(key="mend").click()
    sound(app.run())
    assert trace_of(app).diverged_at is None and not app.error


def test_the_curves_go_out_before_the_controls_but_for_a_first_visit_and_a_visitors_own_text(monkeypatch):
    order = []
    for module, name in ((sender_of_tape, "tape"), (sender, "curves"), (sources, "controls")):
        show = module.show
        monkeypatch.setattr(
            module, "show", lambda *given, show=show, name=name, **more: (order.append(name), show(*given, **more))[1]
        )
    app = start()
    assert order == ["controls", "curves", "tape"]
    app.slider(key="tau").set_value(0.2)
    assert trace_of(sound(app.run())).settings.tau == 0.2 and order[3:] == ["curves", "tape", "controls"]
    app.selectbox(key="stream").set_value("paste")
    sound(app.run())
    assert order[6:] == ["controls", "curves", "tape"]


def test_the_controls_have_the_last_word_where_they_differ_from_what_was_sent_ahead(monkeypatch):
    app, held = start(), controls.held
    app.slider(key="tau").set_value(0.2)
    monkeypatch.setattr(
        controls, "held", lambda control, hidden: 0.9 if control.name == "tau" else held(control, hidden)
    )
    sound(app.run())
    assert trace_of(app).settings.tau == 0.2 and curves(app)["tau"] == 0.2


def test_no_tensor_lives_at_module_level():
    import torch

    start()
    modules = [
        module for module in list(sys.modules.values()) if str(ENTRY.parent) in (getattr(module, "__file__", 0) or "")
    ]
    assert len(modules) > 8
    assert not any(isinstance(value, torch.Tensor) for module in modules for value in vars(module).values())
