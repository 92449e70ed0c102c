"""The Operations page without a browser: the drill plays, alarms, goes back, keeps, rounds, and shares nothing."""

import json
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending, kept_text, lines, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402

# isort: split
from operations import controls as own  # noqa: E402
from operations import desk as operations_desk  # noqa: E402

from titans_mini import TitansConfig, TitansLM
from titans_mini.memory.tree import tensors  # noqa: E402
from titans_mini.training import checkpoint

QUICK = {"stream_tokens": "500", "at": "300", "duration": "100", "snapshot_every": "200"}
REAL = checkpoint.BUNDLED


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    lm = TitansLM(TitansConfig("mag", vocab_size=256, dim=16, layers=1, heads=2))
    checkpoint.save_model(lm, folder / "conv-mag", {})
    return folder


@pytest.fixture(autouse=True)
def bundled(tiny, monkeypatch):
    monkeypatch.setattr(checkpoint, "BUNDLED", tiny)
    monkeypatch.setattr(operations_desk, "OPENING", 200)


def start(**link: str):
    """The page as a link opens it, on a short stream of which 200 tokens are read."""
    return sound(open_page("operations", {**QUICK, **link}))


def press(app, *keys: str):
    for key in keys:
        app.button(key=key).click()
        sound(app.run())
    return app


def desk_of(app):
    return app.session_state["operations_desk"]


def drill_of(app):
    return desk_of(app).drill


def texts(app) -> str:
    return "\n".join(element.value for kind in (app.markdown, app.caption, app.error) for element in kind)


def actions(app) -> list[str]:
    return list(app.dataframe[0].value["what"])


def picture(app) -> tuple:
    return chart_ending(app, "drill_gauges"), chart_ending(app, "drill_timeline"), texts(app)


def to_end(app):
    while not drill_of(app).done:
        press(app, "drill_step")
    return app


def test_it_opens_with_gauges_and_a_time_line():
    app = start()
    assert not lines(app) and drill_of(app).read == 200 and "200 of 500 tokens" in app.get("progress")[0].text
    drawn = [line["name"] for line in chart_ending(app, "drill_timeline")["data"]]
    assert drawn[:5] == ["writes", "norm", "loss", "difference", "streak"]
    assert len(chart_ending(app, "drill_gauges")["data"][0]["y"]) == 6 and "served: main" in texts(app)
    assert actions(app) == ["snapshot", "snapshot"]


@kept_text
def test_the_default_drill_alarms_degrades_and_comes_back(monkeypatch):
    monkeypatch.setattr(checkpoint, "BUNDLED", REAL)
    monkeypatch.setattr(operations_desk, "OPENING", 3700)
    app = sound(open_page("operations", {"stream_tokens": "4500"}))
    assert "served: shadow" in texts(app) and "norm rise since 3,100" in texts(app) and "loss since" in texts(app)
    assert "100 d = 6,400" in texts(app) and "It fired 400 tokens after the calibrated limit." in texts(app)
    press(app, "promote")
    assert "served: main" in texts(app) and actions(app)[0] == "promote"
    app.session_state["drill_pace"] = 1000
    press(app.run(), "drill_step")
    assert drill_of(app).done and app.button(key="drill_step").disabled
    assert app.button(key="drill_play").label == "Play again"


def test_playing_goes_on_step_by_step_to_the_end():
    app = start()
    app.session_state["drill_pace"] = 100
    press(app, "drill_play")  # the beat of this run reads 100 tokens
    assert drill_of(app).read == 300 and app.session_state["drill_playing"]
    sound(app.run())
    assert drill_of(app).read == 400
    press(app, "drill_play")
    assert drill_of(app).read == 400 and not app.session_state["drill_playing"]
    app.session_state["drill_pace"] = 1000
    press(app, "drill_play")
    assert drill_of(app).done and not app.session_state["drill_playing"]
    app.session_state["drill_pace"] = 100
    press(app, "drill_play")  # from the end it starts again
    assert drill_of(app).read == 300 and app.session_state["drill_playing"]
    short = start(stream_tokens="200")  # read as a whole when the page opens
    assert drill_of(short).done and short.button(key="drill_play").disabled


def test_from_the_start_and_reset_repeat_the_picture_and_defaults_go_to_the_pages_own():
    app = start(factor="20")
    first = picture(app)
    to_end(app)
    assert picture(app) != first
    assert picture(press(app, "drill_restart")) == first
    app.slider(key="at").set_value(100)
    app.selectbox(key="incident").set_value("random_bytes")
    to_end(app.run())
    assert picture(press(app, "operations_reset")) == first
    press(app, "operations_defaults")
    assert drill_of(app).config == own.to_config({c.name: c.default for c in own.ALL})


@pytest.mark.parametrize(
    ("engine", "incidents"), [("language", own.INCIDENT.options), ("recipe", ("scaled_weight", "broken_weight"))]
)
def test_every_incident_plays_to_the_end(engine, incidents):
    app = start(engine=engine)
    for incident in incidents:
        app.selectbox(key="incident").set_value(incident)
        assert drill_of(sound(app.run())).config.incident == incident
        assert app.slider(key="duration").disabled == ("duration" in own.without_effect(incident))
        to_end(app)
        assert not lines(app)
        if incident == "broken_weight":
            assert {"alarm", "rollback", "clear"} <= set(actions(app))
    assert ("no shadow" in texts(app)) == (engine == "recipe")


@pytest.mark.parametrize(
    "link",
    [
        dict(stream_tokens="100", at="0", duration="100"),
        dict(at="0", factor="50", duration="5000"),
        dict(engine="recipe", at="0", factor="50", duration="5000"),
        dict(at="10000", incident="random_bytes"),
        dict(worse="0", patience="10", writes_low="0", writes_high="5", hold="0", times="1", snapshot_every="100"),
        dict(from_place="16000", warmup="1000", worse="1", patience="1000", writes_low="500", writes_high="1000"),
    ],
)
def test_ends_of_the_controls(link):
    app = to_end(start(**link))
    assert not lines(app) and len(app.get("plotly_chart")) == 2


def test_a_range_turned_round_is_one_line_and_the_drill_stays():
    app = start()
    before = drill_of(app).config
    app.slider(key="writes_low").set_value(200)
    (line,) = lines(sound(app.run()))
    assert "at most" in line and "\n" not in line and drill_of(app).config == before


def test_rolling_back_passes_over_a_damaged_file_and_a_snapshot_is_gone_back_to():
    app = press(start(incident="none"), "drill_step")
    before = [tensor.clone() for tensor in tensors(drill_of(app).runner.state)]
    press(app, "take_snapshot", "drill_restart")
    assert [snapshot.label for snapshot in drill_of(app).runner.snapshots.list()] == ["auto", "auto"]
    press(app, "drill_step", "take_snapshot", "damage")
    assert "damaged" in texts(app) and "by\\-hand" in texts(app)
    press(app, "rollback")
    assert actions(app)[:3] == ["snapshot", "rollback", "refused"] and not lines(app)
    bad, good = drill_of(app).runner.snapshots.find("by-hand"), drill_of(app).runner.snapshots.list()[0]
    press(app, f"back_{bad.number}")
    (line,) = lines(app)
    assert "checksum" in line and "\n" not in line and str(desk_of(app).folder) not in line
    press(app, f"back_{good.number}")
    assert not lines(app) and drill_of(app).runner.state.tokens_seen.item() == good.tokens
    assert not all(map(torch.equal, tensors(drill_of(app).runner.state), before))


def test_a_memory_is_kept_resumed_and_forgotten(monkeypatch):
    monkeypatch.setattr(operations_desk, "MAX_KEPT", 2)
    app = press(start(incident="none"), "keep_memory")
    kept = [tensor.clone() for tensor in tensors(drill_of(app).runner.state)]
    press(app, "drill_step", "resume_my-memory")
    assert all(map(torch.equal, tensors(drill_of(app).runner.state), kept)) and drill_of(app).done
    assert "resumed" in app.dataframe[0].value["cause"][1]
    app.text_input(key="keep_name").set_value("../up")
    press(app.run(), "keep_memory")
    assert "must be 1 to 64" in lines(app)[0] and desk_of(app).kept() == ["my-memory"]
    for number in range(operations_desk.MAX_KEPT):
        app.text_input(key="keep_name").set_value(f"memory-{number}")
        press(app.run(), "keep_memory")
    assert "are already kept" in lines(app)[0] and len(desk_of(app).kept()) == operations_desk.MAX_KEPT
    press(app, "forget_my-memory")
    assert "my-memory" not in desk_of(app).kept()
    app.segmented_control(key="engine").set_value("recipe")
    assert desk_of(sound(app.run())).kept() == []


def test_a_memory_goes_out_and_in_as_a_file():
    app = start(incident="none")
    data, kept = desk_of(app).to_file(), [tensor.clone() for tensor in tensors(drill_of(app).runner.state)]
    press(app, "drill_restart", "drill_step")
    app.file_uploader(key="memory_file").set_value(("m.safetensors", data, "application/octet-stream"))
    press(app.run(), "resume_file")
    assert not lines(app) and all(map(torch.equal, tensors(drill_of(app).runner.state), kept))


@pytest.mark.parametrize("engine", own.ENGINES)
def test_rounding_is_measured_and_says_of_what(engine):
    app = start(engine=engine)
    assert "At token 200" in texts(app)
    press(app, "drill_step", "round")
    table = app.dataframe[1].value
    assert list(table["weights"]) == ["fp32, not rounded", "int8", "int4", "an empty memory"]
    assert list(table["share"])[0] == "100%" and int(table["share"][2][:-1]) < int(table["share"][1][:-1]) < 40
    assert ("bits per byte" in texts(app)) == (engine == "language")
    assert "At token 500" in texts(app)
    assert "At token 200" in texts(press(app, "drill_restart"))


def test_what_is_downloaded():
    from operations import keep as operations_keep

    app = to_end(start(incident="broken_weight"))
    assert {button.proto.label for button in app.get("download_button")} == {"Events", "Metrics", "Memory"}
    rows = [SimpleNamespace(**json.loads(line)) for line in operations_keep._json_lines(desk_of(app)).splitlines()]
    assert [row.action for row in rows] == actions(app)[::-1] and "not_finite" in {row.kind for row in rows}


def test_links_set_hide_and_are_mended():
    app = start(engine="recipe", worse="0.2", hide="thresholds,gauges,sessions,incident,at", incident="flickering")
    assert drill_of(app).config.run.shadow.threshold == 0.2 and drill_of(app).config.incident == "flickering"
    assert len(app.get("plotly_chart")) == 1 and not app.text_input and not lines(app)
    assert "worse" not in [slider.key for slider in app.slider]
    app = start(engine="steam", at="x", factor="nan", worse="7", hide="nothing", what="ever")
    (line,) = lines(app)
    assert "\n" not in line and all(name in line for name in ("engine", "factor", "nothing", "what"))
    assert drill_of(app).runner.engine.predicts and len(app.get("plotly_chart")) == 2


def test_equal_links_give_equal_pictures_and_sessions_share_nothing():
    link = dict(incident="random_bytes", noise_seed="3", from_place="500", at="200", stream_tokens="300")
    first, second = start(**link), start(**link)
    assert picture(to_end(first)) == picture(to_end(second))
    press(first, "keep_memory")
    here, there = desk_of(first), desk_of(second)
    assert here.folder != there.folder and there.kept() == [] and here.kept() == ["my-memory"]
    assert here.engine is not there.engine
    pairs = zip(tensors(here.drill.runner.state), tensors(there.drill.runner.state), strict=True)
    assert all(a.data_ptr() != b.data_ptr() for a, b in pairs if a.numel())  # an empty tensor has no place
    assert here.engine.lm is there.engine.lm and not any(p.requires_grad for p in here.engine.lm.parameters())


def test_missing_weights_leave_the_recipe():
    folder = checkpoint.BUNDLED
    (folder / "conv-mag.safetensors").rename(folder / "away")
    try:
        app = start()
        assert any("No trained weights" in info.value for info in app.info) and not app.get("plotly_chart")
        app.segmented_control(key="engine").set_value("recipe")
        assert len(sound(app.run()).get("plotly_chart")) == 2
    finally:
        (folder / "away").rename(folder / "conv-mag.safetensors")


def test_after_a_restart_a_link_with_kept_memories_says_that_they_are_gone():
    app = press(start(incident="none"), "keep_memory")
    assert app.query_params["memories"] in ("my-memory", ["my-memory"]) and not lines(app)
    again = start(memories="my-memory,loss")
    (line,) = lines(again)
    assert "my\\-memory, loss" in line and "gone" in line
    press(again, "keep_memory")
    (line,) = lines(again)
    assert "loss" in line and "my\\-memory" not in line  # the one of that name is here again
    assert again.query_params["memories"] in ("my-memory", ["my-memory"])
    press(app, "forget_my-memory")
    assert not lines(app) and "memories" not in app.query_params
    (line,) = lines(start(memories="../etc"))
    assert "memories must be 1 to 64" in line.replace("\\", "")
