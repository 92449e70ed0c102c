"""The Tuning page without a browser: price, results, links, bad values."""

import argparse
import csv
import io
import shlex
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending, lines, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402
from tuning_pages import alike, boxes, charts, linked, metrics, picture, searched, start  # noqa: E402

# isort: split
from tuning import controls as own  # noqa: E402
from tuning import panels as tuning_panels  # noqa: E402
from tuning import runs as tuning_runs  # noqa: E402

from titans_course.studies import duration as tune_time
from titans_mini import simulate
from titans_mini.cli.tune import add_tune  # noqa: E402
from titans_mini.config import MemoryConfig, SimulationConfig  # noqa: E402
from titans_mini.tune import TuneConfig, tune  # noqa: E402
from titans_mini.tune import search as engine  # noqa: E402
from titans_mini.tune.store import key_of  # noqa: E402

SMALL = TuneConfig(
    tokens=100, final_tokens=200, keep=2, seeds=2, tau=(0.1, 0.5), beta=(0.5,), lam=(1e-4, 1e-3), depth=(1,)
)


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    monkeypatch.setattr(tune_time, "_timed", lambda configs: 0.01 * len(configs))


def test_it_opens_with_the_price_and_with_what_was_measured_before_and_runs_nothing(monkeypatch):
    monkeypatch.setattr(engine, "run_job", lambda job, beat=None: 1 / 0)
    app = sound(open_page("tuning", {}))
    assert not lines(app) and len(app.dataframe[1].value) == 54 and {"saving_chart", "noise_final_chart"} < charts(app)
    assert list(metrics(app).values())[:3] == ["126,000", "810,000", "84%"]
    assert any("1 − 500/5,000 − 3/54 = **84.4%**" in block.value for block in app.markdown)
    assert any("from 30 settings upwards; no grid saves more than 90%" in caption.value for caption in app.caption)
    assert [box.partition(":")[0] for box in boxes(app)] == ["**Best", "**Kept"]
    assert "tuning_last" not in app.session_state
    assert not app.button(key="run_button").disabled and app.get("download_button") and app.query_params == {}


def test_what_was_measured_before_is_what_a_search_finds():
    known = tuning_runs.kept(tuning_runs.OWN)
    part = replace(tuning_runs.OWN, tau=(0.2, 0.3), beta=(0.9,), lam=(1e-3,), depth=(2,), final_tokens=500, seeds=1)
    again = {key_of(row): row["score"] for row in tune(part).rows}
    assert len(again) == 2
    assert [row["score"] for row in known.rows if key_of(row) in again] == pytest.approx([*again.values()], rel=1e-3)
    assert tuning_runs.kept(replace(tuning_runs.OWN, beta=(0.6,))) is None
    assert tuning_runs.kept(replace(tuning_runs.OWN, objective="recall")) is None


def test_other_settings_are_shown_beside_what_was_measured_before():
    app = start(objective="recall")
    assert "own settings. Nothing has run yet" in boxes(app)[1] and len(app.dataframe[1].value) == 54
    assert "tokens 100" in app.code[0].value  # the command is that of the settings


def test_a_link_says_that_its_results_are_gone():
    app = searched(start())
    assert app.query_params["searched"] in ("true", ["true"])
    again = start(**linked(app))
    assert "are gone" in boxes(again)[1] and "searched" not in again.query_params
    assert not any("are gone" in box for box in boxes(searched(again)))


def test_a_search_shows_what_tune_finds():
    app = searched(start(hide=""))
    found = tune(SMALL)
    verdict = tuning_panels.quoted(found.verdict(), 400).replace("lam", "lambda")
    assert boxes(app) == [f"**Best:** {verdict}."]
    final, coarse = (frame.value for frame in app.dataframe)
    assert len(final) == 2 and len(coarse) == 4
    np.testing.assert_allclose(final["mean"], [line["mean"] for line in found.table("final")], rtol=1e-5)
    np.testing.assert_allclose(coarse["spread"], [line["spread"] for line in found.table("coarse")], rtol=1e-3)
    assert list(final["place"]) == [1, 2] and set(coarse["tie"]) <= {"best", "tie", "no"}
    assert charts(app) == {"map_tau_lam_chart", "noise_final_chart", "noise_coarse_chart", "saving_chart"}
    labels = chart_ending(app, "noise_final_chart")["data"][0]["y"]
    assert labels == [f"{line['tau']:g}, {line['lam']:g}" for line in found.table("final")]
    assert metrics(app)["Still to run"] == "nothing" and app.button(key="run_button").disabled


def test_a_line_opens_the_simulator_with_its_setting():
    app = searched(start())
    line = app.dataframe[0].value.iloc[1]
    page, query = line["open"].split("?")
    link = dict(part.split("=") for part in query.split("&"))
    assert page == "simulator" and link["tau"] == f"{line['tau']:g}" and link["tokens"] == "200"
    simulator = sound(open_page("simulator", link))
    assert not lines(simulator)
    run = simulator.session_state["runs"][next(reversed(simulator.session_state["runs"]))].trace
    setting = {name: line[name] for name in ("tau", "beta", "lam", "eta")}
    memory = MemoryConfig.preset("recipe", depth=int(line["depth"]))
    expected = simulate(SimulationConfig(tokens=200, memory=memory, **setting))
    np.testing.assert_allclose(run.loss, expected.loss, rtol=1e-4)


def test_the_command_and_the_csv_repeat_and_hold_the_search():
    app = searched(start(objective="recall", etas="0.002"))
    words = shlex.split(app.code[0].value)
    parser = argparse.ArgumentParser()
    add_tune(parser.add_subparsers())
    options = parser.parse_args(words[1:])
    assert words[0] == "titans-mini" and options.objective == "recall" and tuple(options.eta) == (0.002,)
    assert tuple(options.lam) == (1e-4, 1e-3) and options.final_tokens == 200 and options.seeds == 2
    known = tuning_runs.so_far(own.config_of(_values(app)), app.session_state["tuning_stores"]["recall"])
    saved = list(csv.DictReader(io.StringIO(tuning_panels.to_csv(known.table("final") + known.table("coarse")))))
    assert [line["tokens"] for line in saved] == ["200"] * 2 + ["100"] * 4
    assert [float(line["mean"]) for line in saved][:2] == list(app.dataframe[0].value["mean"])


def _values(app) -> dict:
    defaults = {name: control.default for name, control in own.PAGE.controls.items()}
    return defaults | {name: app.session_state[name] for name in defaults if name in app.session_state}


def test_settings_that_change_keep_the_results_and_a_known_search_needs_no_run():
    app = searched(start())
    first = picture(app)
    app.slider(key="seeds").set_value(1)
    sound(app.run())  # one seed is part of two
    assert "noise unknown" in boxes(app)[0] and app.button(key="run_button").disabled
    app.slider(key="seeds").set_value(3)
    sound(app.run())
    assert app.button(key="run_button").label == "Continue" and "settings have changed" in boxes(app)[1]
    app.multiselect(key="taus").set_value([0.1, 0.3, 0.5])
    app.slider(key="seeds").set_value(2)
    assert len(searched(app).dataframe[1].value) == 6
    app.multiselect(key="taus").set_value([0.1, 0.5])
    assert alike(picture(sound(app.run())), first)


def test_one_stage_is_the_full_grid():
    app = searched(start(final_tokens="100", hide=""))
    assert metrics(app)["Saved"] == "0%" and len(app.dataframe) == 1 and len(app.dataframe[0].value) == 4
    assert "saving_chart" not in charts(app) and "noise_coarse_chart" not in charts(app)
    assert any("full grid, in one stage" in block.value for block in app.markdown)


def test_one_parameter_makes_no_map_and_two_depths_do():
    app = searched(start(taus="0.1", seeds="1", hide="noise"))
    assert not any(name.startswith("map") for name in charts(app))
    assert any("Maps need two" in caption.value for caption in app.caption)
    app.multiselect(key="depths").set_value([1, 2])
    assert "map_lam_depth_chart" in charts(searched(sound(app.run())))


def test_a_setting_that_diverges_loses_with_an_empty_mean():
    app = searched(start(etas="0.001,10", lams="0.0001", seeds="1", keep="1"))
    means = app.dataframe[1].value["mean"]
    assert means.isna().any() and means.notna().any() and not lines(app)


def test_links_set_hide_and_repeat():
    app = start(hide="maps,noise,taus,plan,nothing", objective="recall", taus="0.1,0.37")
    assert "hide='nothing'" in lines(app)[0].replace("\\", "") and not app.metric
    assert "taus" not in [box.key for box in app.multiselect]
    assert set(searched(app).dataframe[1].value["tau"]) == {0.1, 0.37} and charts(app) == {"saving_chart"}
    app = start()
    app.multiselect(key="lams").set_value([1e-4, 3e-6])
    app.multiselect(key="depths").set_value([1, 2])
    link = linked(sound(app.run()))
    assert link["lams"] == "3e-06,0.0001" and "depths" not in link  # the page's own values need no place in a link
    again = open_page("tuning", link)
    assert again.multiselect(key="lams").value == [3e-6, 1e-4] and again.multiselect(key="depths").value == [1, 2]
    assert alike(picture(searched(app)), picture(searched(again)))


def test_values_that_cannot_be_used_are_one_line():
    bad = dict(taus="0.1,x", betas="2", lams="nan", etas="1,1", depths="1.5", coarse_tokens="7", keep="0", what="1")
    bad["final_tokens"] = "1000"  # more than the default of the first stage
    (line,) = lines(start(**bad))
    assert "\n" not in line and all(name in line for name in ("taus", "betas", "lams", "etas", "depths", "…"))
    app = searched(start())
    before = len(app.dataframe)
    app.multiselect(key="taus").set_value([])
    (line,) = lines(sound(app.run()))
    assert "tau must hold at least 1" in line and len(app.dataframe) == before
    app.multiselect(key="taus").set_value([0.1])
    app.select_slider(key="coarse_tokens").set_value(1000)
    sound(app.run())
    assert "final\\_tokens must be a whole number from 1000" in lines(app)[0]
    many = start(taus=",".join(f"{n / 50:g}" for n in range(26)), betas="0.1,0.2,0.3,0.4,0.5")
    assert "from 1 to 200, not 260" in lines(many)[0]


def test_the_articles_lengths_are_one_click_away():
    app = start(objective="recall")
    app.button(key="tuning_article").click()
    sound(app.run())
    assert (app.select_slider(key="coarse_tokens").value, app.slider(key="keep").value) == (10_000, 3)
    assert metrics(app)["Full grid"] == f"{4 * 100_000 * 2:,}"
