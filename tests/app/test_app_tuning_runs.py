"""A search of the Tuning page while it runs: stop and go on, progress, the rows that a session keeps."""

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import unbroken as sound  # noqa: E402
from tuning_pages import alike, boxes, metrics, picture, searched, start  # noqa: E402

# isort: split
from tuning import runs as tuning_runs  # noqa: E402

from titans_course.studies import duration as tune_time  # noqa: E402
from titans_mini import simulation  # noqa: E402


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    monkeypatch.setattr(tune_time, "_timed", lambda configs: 0.01 * len(configs))


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
    assert app.button(key="run_button").label == "Continue" and metrics(app)["Still to run"] != "nothing"
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
    assert "before any setting had finished all its seeds; 0 runs" in boxes(app)[0] and not app.dataframe


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
    monkeypatch.setattr(simulation, "STRETCH", 256)
    searched(app)
    shares, words = zip(*told[:-1], strict=True)
    assert told[-1] is None and list(shares) == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert words[0].startswith("First stage") and words[-1].startswith("Second stage, the best ones · 100%")
    assert all(line.endswith(" left") for line in words) and len(shares) > 10


def test_two_sessions_share_nothing():
    one, other = searched(start()), start()
    assert "tuning_last" not in other.session_state and "tuning_stores" in one.session_state
    assert "Nothing has run yet" in boxes(other)[1] and boxes(one)[0] != boxes(other)[0]


def test_rows_are_capped_but_never_those_of_the_search_at_hand(monkeypatch):
    monkeypatch.setattr(tuning_runs, "KEPT", 12)
    app = searched(start())
    app.multiselect(key="betas").set_value([0.7])
    assert len(searched(sound(app.run())).dataframe[1].value) == 4
    rows = app.session_state["tuning_stores"]["loss"].rows
    assert len(rows) == 12 and all(key.setting.beta == 0.7 for key in rows)


@pytest.mark.parametrize(("left", "said"), [(0.2, "a second"), (12.4, "about 12 s"), (600, "about 10 min")])
def test_time_is_said_as_a_person_would(left, said):
    assert tuning_runs.spell(left) == said
