"""The Tuning page without a browser: price, run, stop and go on, results, links, bad values, sessions."""

import argparse
import csv
import io
import shlex

import numpy as np
import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending, lines, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402

# isort: split
from texts import TEXTS  # noqa: E402
from texts.english import tuning as texts_tuning  # noqa: E402
from tuning import controls as own  # noqa: E402
from tuning import panels as tuning_panels  # noqa: E402
from tuning import runs as tuning_runs  # noqa: E402

from titans_mini import simulate
from titans_mini.cli.tune import add_tune  # noqa: E402
from titans_mini.config import MemoryConfig, SimulationConfig  # noqa: E402
from titans_mini.tune import TuneConfig, tune  # noqa: E402
from titans_mini.tune import duration as tune_time

QUICK = {"taus": "0.1,0.5", "betas": "0.5", "lams": "0.0001,0.001", "depths": "1", "coarse_tokens": "100",
         "final_tokens": "200", "keep": "2", "seeds": "2"}  # fmt: skip
SMALL = TuneConfig(
    tokens=100, final_tokens=200, keep=2, seeds=2, tau=(0.1, 0.5), beta=(0.5,), lam=(1e-4, 1e-3), depth=(1,)
)


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    monkeypatch.setattr(tune_time, "_timed", lambda configs: 0.01 * len(configs))


def start(**link: str):
    """The page as a link opens it, over a small grid and without charts unless the link says more."""
    return sound(open_page("tuning", {**QUICK, "hide": "maps,noise,saving", **link}))


def searched(app):
    app.button(key="run_button").click()
    return sound(app.run())


def boxes(app) -> list[str]:
    return [box.value for box in (*app.success, *app.info)]


def metrics(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def charts(app) -> set[str]:
    return {chart.proto.id.rsplit("-", 1)[-1] for chart in app.get("plotly_chart")}


def picture(app) -> tuple:
    drawn = sorted((chart.proto.id, chart.proto.spec) for chart in app.get("plotly_chart"))
    return metrics(app), boxes(app), [frame.value.drop(columns="seconds") for frame in app.dataframe], drawn


def alike(one: tuple, other: tuple) -> bool:
    same = all(a.equals(b) for a, b in zip(one[2], other[2], strict=True))
    return same and one[:2] == other[:2] and one[3] == other[3]


def linked(app) -> dict[str, str]:
    given = dict(app.query_params.items())
    return {name: value if isinstance(value, str) else value[-1] for name, value in given.items()}


def test_it_opens_with_the_price_of_ten_seconds_work_and_runs_nothing():
    app = sound(open_page("tuning", {}))
    assert not lines(app) and not app.dataframe and charts(app) == {"saving_chart"}
    assert list(metrics(app).values())[:3] == ["126,000", "810,000", "84%"]
    assert any("1 − 500/5,000 − 3/54 = **84.4%**" in block.value for block in app.markdown)
    assert any("from 30 settings on; never more than 90%" in caption.value for caption in app.caption)
    assert "Nothing has run yet" in boxes(app)[0]


def test_a_search_shows_what_tune_finds():
    app = searched(start(hide=""))
    found = tune(SMALL)
    assert boxes(app) == [f"**Best:** {tuning_panels.plain(found.verdict(), 400)}."]
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


def test_a_stop_keeps_what_is_done_and_go_on_runs_the_rest_alone(monkeypatch):
    from titans_mini.tune import search as engine

    whole, jobs, run_job = picture(searched(start())), [], engine.run_job

    class Stopped(Exception):
        pass

    def some(job, beat=None):
        if len(jobs) == 3:
            raise Stopped
        jobs.append(job)
        return run_job(job, beat)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "run_job", some)
        app = start()
        app.button(key="run_button").click()
        app.run()
        assert app.exception  # of this test's own making: as if the script were cut short
    app.run()
    assert app.button(key="run_button").label == "Go on" and metrics(app)["Still to run"] != "nothing"
    assert "Stopped; best so far" in boxes(app)[0] and "not finished" in boxes(app)[0]
    assert [len(frame.value) for frame in app.dataframe] == [4]
    jobs.clear()
    monkeypatch.setattr(engine, "run_job", lambda job, beat=None: jobs.append(job) or run_job(job, beat))
    assert alike(picture(searched(app)), whole)
    assert len(jobs) == 1 and jobs[0].tokens == 200 and jobs[0].seed == 1


def test_a_stop_inside_the_first_batch_says_so(monkeypatch):
    from titans_mini.tune import search as engine

    app = start()
    monkeypatch.setattr(engine, "run_job", lambda job, beat=None: 1 / 0)
    app.button(key="run_button").click()
    app.run()
    app.run()
    assert "before any setting had all its seeds; 0 runs" in boxes(app)[0] and not app.dataframe


def test_progress_tells_share_stage_and_time_left(monkeypatch):
    told = []

    class Bar:
        def progress(self, share, words):
            told.append((share, words))

        def empty(self):
            told.append(None)

    app = start()
    monkeypatch.setattr(tuning_runs.st, "progress", lambda share: Bar())
    monkeypatch.setattr(tuning_runs, "BEAT", 0.0)
    searched(app)
    shares, words = zip(*told[:-1], strict=True)
    assert told[-1] is None and list(shares) == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert words[0].startswith("First stage") and words[-1].startswith("Second stage, the best ones · 100%")
    assert all(line.endswith(" left") for line in words) and len(shares) > 10


def test_settings_that_change_keep_the_results_and_a_known_search_needs_no_run():
    app = searched(start())
    first = picture(app)
    app.slider(key="seeds").set_value(1)
    sound(app.run())  # one seed is part of two
    assert "noise unknown" in boxes(app)[0] and app.button(key="run_button").disabled
    app.slider(key="seeds").set_value(3)
    sound(app.run())
    assert app.button(key="run_button").label == "Go on" and "settings have changed" in boxes(app)[1]
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


def test_two_sessions_share_nothing():
    one, other = searched(start()), start()
    assert one.dataframe and not other.dataframe and "Nothing has run yet" in boxes(other)[0]


def test_rows_are_capped_but_never_those_of_the_search_at_hand(monkeypatch):
    monkeypatch.setattr(tuning_runs, "KEPT", 12)
    app = searched(start())
    app.multiselect(key="betas").set_value([0.7])
    assert len(searched(sound(app.run())).dataframe[1].value) == 4
    rows = app.session_state["tuning_stores"]["loss"].rows
    assert len(rows) == 12 and all(key.setting.beta == 0.7 for key in rows)


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


def test_reset_defaults_and_the_articles_lengths():
    app = start(objective="recall")
    app.segmented_control(key="objective").set_value("loss")
    app.multiselect(key="taus").set_value([0.9])
    sound(app.run()).button(key="tuning_reset").click()
    sound(app.run())
    assert app.segmented_control(key="objective").value == "recall" and app.multiselect(key="taus").value == [0.1, 0.5]
    app.button(key="tuning_article").click()
    sound(app.run())
    assert (app.select_slider(key="coarse_tokens").value, app.slider(key="keep").value) == (10_000, 3)
    assert metrics(app)["Full grid"] == f"{4 * 100_000 * 2:,}"
    app.button(key="tuning_defaults").click()
    assert list(metrics(sound(app.run())).values())[:3] == ["126,000", "810,000", "84%"]
    app.switch_page("app_pages/simulator.py")
    app.query_params["tokens"] = "60"
    sound(app.run())
    app.switch_page("app_pages/tuning.py")
    assert sound(app.run()).multiselect(key="taus").value == [0.2, 0.3, 0.4]


def test_every_control_has_help_and_every_string_is_there():
    app = start()
    kinds = (app.slider, app.select_slider, app.multiselect, app.button, app.get("button_group"))
    widgets = [widget for kind in kinds for widget in kind]
    assert len(widgets) > 13 and [widget.proto.label for widget in widgets if not widget.proto.help] == []
    for control in own.ALL:
        assert control.name in TEXTS["en"] and control.name + "?" in TEXTS["en"], control.name
    assert all(TEXTS["en"][key] == text for key, text in texts_tuning.TEXTS.items())


@pytest.mark.parametrize(("left", "said"), [(0.2, "a second"), (12.4, "about 12 s"), (600, "about 10 min")])
def test_time_is_said_as_a_person_would(left, said):
    assert tuning_runs.spell(left) == said
