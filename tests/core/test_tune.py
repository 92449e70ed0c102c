"""The grid search: what it picks, what it costs, how sure it is, and that a stop loses nothing."""

import argparse
import contextlib
import csv
import errno
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from corruption import corrupted

from titans_mini import ConfigError, MemoryConfig, SimulationConfig, simulate
from titans_mini.cli import main
from titans_mini.cli.tune import add_tune
from titans_mini.data import bundled_text, make_stream
from titans_mini.stopping import Terminated
from titans_mini.tune import TuneConfig, run_job, tune
from titans_mini.tune import search as tuning
from titans_mini.tune.objectives import ANSWER, CUE, plant_facts
from titans_mini.tune.search import Key, Setting
from titans_mini.tune.store import Store, cost, key_of, table, to_csv

SMALL = TuneConfig(
    tokens=100, final_tokens=200, keep=2, seeds=2, tau=(0.1, 0.9), beta=(0.5,), lam=(1e-4, 0.5), depth=(1, 2), width=4
)


@pytest.fixture(scope="module")
def found():
    return tune(SMALL)


def row(score, *, seed=0, tau=0.3, tokens=100):
    numbers = {"writes_per_1k": 50.0, "norm_end": 1.0, "diverged_at": None, "seconds": 0.1}
    return {**Setting(tau, 0.7, 1e-4, 1e-3, 2)._asdict(), "seed": seed, "tokens": tokens, "score": score, **numbers}


def rows(**scores):
    """rows(a=[1, 2]): a setting with these scores on seeds 0 and 1; the names only tell them apart."""
    taus = np.linspace(0.1, 0.5, len(scores)).tolist()
    return [
        row(score, seed=seed, tau=tau)
        for tau, series in zip(taus, scores.values(), strict=True)
        for seed, score in enumerate(series)
    ]


def test_a_row_is_what_simulate_gives_for_that_setting_alone(found):
    chosen = found.rows[-1]
    memory = MemoryConfig.preset("recipe", dim=4, depth=chosen["depth"])
    rates = {name: chosen[name] for name in ("tau", "beta", "lam", "eta")}
    trace = simulate(SimulationConfig(tokens=200, seed=chosen["seed"], memory=memory, **rates))
    assert chosen["tokens"] == 200
    assert chosen["score"] == pytest.approx(trace.loss[100:].mean(), rel=1e-4)
    assert chosen["writes_per_1k"] == trace.summary()["writes_per_1k"]


def test_the_best_of_the_first_stage_go_on_to_the_second(found):
    coarse, final = found.table("coarse"), found.table("final")
    assert len(coarse) == 8 and [line["mean"] for line in coarse] == sorted(line["mean"] for line in coarse)
    assert {tuning.setting_of(line) for line in final} == {tuning.setting_of(line) for line in coarse[:2]}
    assert {line["tokens"] for line in final} == {200} and {line["seeds"] for line in final} == {2}
    assert found.best == final[0] and found.complete


def test_forgetting_all_is_worse_at_remembering_facts():
    result = tune(replace(SMALL, objective="recall", tau=(0.1,), lam=(0.0, 0.5), depth=(2,), keep=1, eta=(0.02,)))
    first, last = result.table("coarse")
    assert (first["lam"], last["lam"]) == (0.0, 0.5) and first["mean"] > last["mean"] + 0.02


@pytest.mark.parametrize("text", [None, "naïve café 雪の日 " * 20])
def test_facts_stand_in_the_text_where_they_are_judged(text):
    source = text or bundled_text()
    planted, judged = plant_facts(source, 200, seed=3)
    stream, clean = (make_stream("text", 200, 4, 3, t).ids.numpy() for t in (planted, source))
    assert len(judged) % ANSWER == 0 and judged.max() < 110
    assert set(bytes(stream[judged].astype(np.uint8))) <= set(b"0123456789BCDFGHJKLMNPQRSTVWXYZ")
    told = np.zeros(200, bool)
    for start in judged[::ANSWER]:
        told[start - CUE : start + ANSWER] = True
    np.testing.assert_array_equal(stream[~told], clean[: (~told).sum()])
    assert plant_facts(source, 200, seed=4)[0] != planted


def test_recall_is_near_0_for_a_memory_that_never_writes_and_clear_for_one_that_writes():
    settings = Setting(1.0, 0.0, 0.0, 0.0, 1), Setting(0.0, 0.0, 0.0, 0.004, 1)
    silent, learnt = run_job(tuning.Job(settings, 0, 150, "recall", 64, None))
    assert silent["score"] == pytest.approx(0, abs=0.05)
    assert learnt["score"] > 0.2


def test_the_articles_lengths_save_80_percent_at_30_settings():
    assert cost(30, 10_000, 100_000, 3).saved == pytest.approx(0.8)
    assert cost(29, 10_000, 100_000, 3).saved < 0.8


def test_the_price_is_counted_in_tokens_that_were_run(found):
    assert sum(line["tokens"] for line in found.rows) == SMALL.cost().two_stage == 2 * (8 * 100 + 2 * 200)
    assert SMALL.cost().full == 2 * 8 * 200
    assert replace(SMALL, tokens=200).cost().saved == 0
    assert cost(2, 100, 200, keep=5).two_stage == 2 * 100 + 2 * 200


def test_a_lead_within_the_noise_is_a_tie_and_a_clear_one_is_not():
    lines = table(rows(a=[0.5, 0.7, 0.6], b=[0.52, 0.69, 0.62], c=[0.9, 1.1, 1.0]), sign=-1)
    assert [line["tie"] for line in lines] == [True, True, False]
    assert lines[0]["spread"] == pytest.approx(0.1) and lines[2]["behind"] == pytest.approx(0.4)


def test_noise_that_all_settings_share_does_not_hide_a_lead():
    lines = table(rows(a=[0.1, 0.5, 0.9], b=[0.2, 0.61, 1.0]), sign=-1)
    assert lines[1]["tie"] is False


def test_the_tie_rule_errs_about_1_time_in_20():
    draw = np.random.default_rng(0)
    wrong = 0
    for _ in range(1000):
        lines = table(rows(a=draw.normal(size=4).tolist(), b=draw.normal(size=4).tolist()), sign=1)
        wrong += lines[1]["tie"] is False
    assert 60 <= wrong <= 145  # the better of two equals is either one: twice the one-sided 5%


def test_one_seed_has_no_noise_to_tell():
    assert [line["tie"] for line in table(rows(a=[1.0], b=[2.0]), sign=1)] == [None, None]
    assert "noise unknown" in tune(replace(SMALL, seeds=1, depth=(1,), keep=1)).verdict()


@pytest.mark.parametrize("sign", [1, -1])
def test_what_diverged_is_last_whatever_the_sign(sign):
    lines = table(rows(a=[None, 0.1], b=[5.0, 5.1], c=[0.2, 0.3]), sign)
    assert lines[-1]["mean"] is None and lines[-1]["tie"] is False
    assert lines[0]["mean"] == pytest.approx(5.05 if sign > 0 else 0.25)


def test_a_run_that_diverges_loses_and_is_plain_json(tmp_path):
    result = tune(replace(SMALL, eta=(1e-3, 10.0), lam=(1e-4,), tau=(0.1,), seeds=1, keep=1), folder=tmp_path)
    lost = [line for line in result.rows if line["eta"] == 10.0]
    assert lost and all(line["score"] is None and line["diverged_at"] is not None for line in lost)
    assert result.best["eta"] == 1e-3
    assert "NaN" not in (tmp_path / "rows.jsonl").read_text()


def counted(monkeypatch, fail_at=None, error=KeyboardInterrupt):
    """Jobs as they run; the one with number `fail_at` is interrupted."""
    jobs = []

    def run(job):
        if len(jobs) == fail_at:
            raise error
        jobs.append(job)
        return run_job(job)

    monkeypatch.setattr(tuning, "run_job", run)
    return jobs


def scores(result):
    return {Key(tuning.setting_of(r), r["seed"], r["tokens"]): r["score"] for r in result.rows}


def test_an_interrupted_search_goes_on_where_it_was(found, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        counted(patch, fail_at=3)
        with pytest.raises(KeyboardInterrupt):
            tune(SMALL, folder=tmp_path)
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 1 + 3 * 4
    jobs = counted(monkeypatch)
    assert scores(tune(SMALL, folder=tmp_path)) == scores(found)
    assert len([job for job in jobs if job.tokens == 100]) == 1
    jobs.clear()
    assert tune(SMALL, folder=tmp_path).best["mean"] == found.best["mean"] and not jobs


def test_a_stop_flag_leaves_an_honest_part(tmp_path, found):
    flag = threading.Event()
    part = tune(SMALL, folder=tmp_path, progress=lambda done, total, stage: done and flag.set(), stop=flag.is_set)
    assert not part.complete and len(part.rows) == 4
    assert part.table("final") == [] and "noise" not in part.verdict()
    assert scores(tune(SMALL, folder=tmp_path)) == scores(found)


def test_more_seeds_run_only_what_is_missing(tmp_path, monkeypatch):
    tune(SMALL, folder=tmp_path)
    jobs = counted(monkeypatch)
    more = tune(replace(SMALL, seeds=3), folder=tmp_path)
    assert {job.seed for job in jobs if job.tokens == 100} == {2} and len(more.rows) == 3 * 8 + 3 * 2


def test_progress_counts_up_to_the_price():
    seen = []
    tune(replace(SMALL, seeds=1, depth=(1,)), progress=lambda *state: seen.append(state))
    done, totals, stages = zip(*seen, strict=True)
    assert list(done) == sorted(done) and done[0] == 0 and done[-1] == totals[-1] and len(set(totals)) == 1
    assert list(dict.fromkeys(stages)) == ["coarse", "final"]


def test_large_batches_are_cut_and_nothing_is_lost(monkeypatch, found):
    monkeypatch.setattr(tuning, "BATCH", 4 * 4 * 100 * 3)  # 3 runs of depth 2 over 100 tokens at width 4
    jobs = tuning.plan_jobs(SMALL, SMALL.settings(), 100, {})
    assert max(len(job.settings) for job in jobs if job.settings[0].depth == 2) == 3
    cut = scores(tune(SMALL))
    assert cut.keys() == scores(found).keys()
    assert list(cut.values()) == pytest.approx(list(scores(found).values()), rel=1e-4)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    store = Store(tmp_path / "rows.jsonl")
    store.add([row(1.0)])
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(ConfigError, match="No space left"):
        store.add([row(2.0, seed=1)])
    assert [r["score"] for r in Store(tmp_path / "rows.jsonl").rows.values()] == [1.0]


def test_a_hundred_corruptions_of_the_rows_are_refused_or_change_nothing(tmp_path):
    """Of such files 3 in 100 once ended in a traceback, and 1 gave other numbers."""
    store, dice = Store(path := tmp_path / "rows.jsonl", {"width": 4}), random.Random(3)
    store.add([row(1.25, seed=seed) for seed in range(3)])
    whole, refused = path.read_bytes(), 0
    odd = [b"[" * 100_000, b'{"a":' * 100_000, whole.replace(b"1.25", b"1.75", 1)]
    for wrong in odd + [corrupted(whole, dice) for _ in range(100)]:
        path.write_bytes(wrong)
        try:
            assert Store(path, {"width": 4}).rows == store.rows  # such as a blank more at the end of a line
        except ConfigError as error:
            refused += 1
            assert re.fullmatch(rf"out '{path}' is (not the file of a search: .+|damaged: .+)", str(error))
    assert refused >= 100


def test_a_pipe_in_the_place_of_the_rows_is_one_line(tmp_path):
    os.mkfifo(tmp_path / "rows.jsonl")
    with pytest.raises(ConfigError, match="cannot be used: Not a regular file"):
        tune(SMALL, folder=tmp_path)


def test_two_searches_do_not_share_a_file(tmp_path):
    with Store(tmp_path / "rows.jsonl", {}).held(), pytest.raises(ConfigError, match="in use by another search"):
        tune(SMALL, folder=tmp_path)


@pytest.mark.parametrize("change", [{"objective": "recall"}, {"width": 5}])
def test_a_folder_of_another_search_is_refused(tmp_path, change):
    small = replace(SMALL, seeds=1, tau=(0.1,), lam=(1e-4,), depth=(1,), keep=1)
    tune(small, folder=tmp_path)
    with pytest.raises(ConfigError, match="another objective, width or text"):
        tune(replace(small, **change), folder=tmp_path)


@pytest.mark.parametrize("content", ["", "hello\n", '{"format": "titans_mini.tune"}\n{"tau": 1}\n', "[1]\n[2]\n"])
def test_a_file_that_is_no_search_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(ConfigError, match="rows.jsonl") as caught:
        tune(SMALL, folder=tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"objective": "bits"}, "objective must be one of loss, recall"),
        ({"tokens": 10}, "tokens"),
        ({"final_tokens": 99}, "final_tokens must be a whole number from 100"),
        ({"tau": ()}, "tau must hold at least 1"),
        ({"tau": (0.3, 0.3)}, "none twice"),
        ({"beta": (1.5,)}, "beta must be a number from 0 to 1"),
        ({"depth": (5,)}, "depth must be a whole number from 1 to 4"),
        ({"seeds": 0}, "seeds"),
        ({"tau": tuple(np.linspace(0, 1, 600).tolist())}, "number of settings"),
    ],
)
def test_bad_settings_are_named(change, named):
    with pytest.raises(ConfigError, match=named):
        replace(SMALL, **change)


def test_a_short_text_is_refused_before_anything_runs():
    with pytest.raises(ConfigError, match="final_tokens must be at most 5, the bytes of the text"):
        tune(SMALL, text="hello")


def test_the_processes_of_one_machine_give_the_same_rows(found):
    pytest.importorskip("joblib")
    assert scores(tune(SMALL, workers=2)) == scores(found)


@pytest.mark.parametrize("backend", ["multiprocessing", "threading"])
def test_backends_with_and_without_generators_give_the_same_rows(found, backend, tmp_path, monkeypatch):
    """ "multiprocessing" gives no results before the last, and Ray's backend is one of its kind."""
    joblib = pytest.importorskip("joblib")
    saved = []
    monkeypatch.setattr(Store, "add", lambda store, rows, add=Store.add: (saved.append(rows), add(store, rows)))
    with joblib.parallel_config(backend):
        assert scores(tune(SMALL, folder=tmp_path, workers=2)) == scores(found)
    assert len(saved) == 4 + len({setting.depth for setting in found.chosen}) * 2  # batch by batch, so a stop loses few


def test_a_dask_cluster_gives_the_same_rows(found):
    joblib, distributed = pytest.importorskip("joblib"), pytest.importorskip("distributed")
    local = dict(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, protocol="inproc://")
    with distributed.LocalCluster(**local) as cluster, distributed.Client(cluster), joblib.parallel_config("dask"):
        assert scores(tune(SMALL, workers=2)) == scores(found)


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_tune(parser.add_subparsers())
    options = parser.parse_args(["tune", *arguments])
    return options.run(options)


QUICK = ["--tokens", "100", "--final-tokens", "200", "--width", "4", "--seeds", "2", "--depth", "1"]
QUICK += ["--tau", "0.1", "0.9", "--beta", "0.5", "--lambda", "1e-4"]


def test_the_command_prints_one_object_and_keeps_its_tables(tmp_path, capsys):
    assert command(*QUICK, "--keep", "1", "--out", str(tmp_path), "--json", "--quiet") == 0
    printed = capsys.readouterr()
    said = json.loads(printed.out)
    assert printed.out.count("\n") == 1 and printed.err == ""
    assert said["complete"] and len(said["coarse"]) == 2 and said["best"] == said["final"][0]
    assert said["cost"]["two_stage"] == 800 and said["cost"]["full"] == 800
    with (tmp_path / "coarse.csv").open() as file:
        kept = list(csv.DictReader(file))
    assert [float(line["mean"]) for line in kept] == [line["mean"] for line in said["coarse"]]


def test_the_command_prints_a_table_and_the_verdict(capsys):
    assert command(*QUICK, "--quiet") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 2 + 2 and "token updates" in lines[-2] and lines[-1].startswith("tau ")


@contextlib.contextmanager
def dask_workers(count):
    """A Dask cluster with that many workers in processes of their own, and a client of it."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=0, dashboard_address=None) as cluster:
        start = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address]
        start += ["--no-nanny", "--no-dashboard", "--nthreads", "1"]
        workers = [subprocess.Popen(start, stderr=subprocess.DEVNULL) for _ in range(count)]
        try:
            with distributed.Client(cluster) as client:
                client.wait_for_workers(count, timeout=60)
                yield cluster, client
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()


class Killer(threading.Thread):
    """Kills the first worker that has a batch; it is stopped before, so that it cannot finish what it loses."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.pids, self.lost = client, client.run(os.getpid), ()
        self.start()

    def run(self):
        while not self.lost:
            worker = next((worker for worker, batches in self.client.processing().items() if batches), None)
            if worker is not None:
                os.kill(self.pids[worker], signal.SIGSTOP)
                self.lost = self.client.processing()[worker]
                os.kill(self.pids[worker], signal.SIGKILL if self.lost else signal.SIGCONT)


def test_one_of_two_dask_workers_is_killed_and_nothing_is_lost_or_counted_twice(tmp_path, capsys):
    assert main(["tune", *QUICK, "--quiet", "--out", str(tmp_path / "here")]) == 0
    with dask_workers(2) as (cluster, client):
        there, killer = ["--dask", cluster.scheduler_address, "--out", str(tmp_path / "dask")], Killer(client)
        assert main(["tune", *QUICK, "--quiet", *there]) == 0
        assert killer.lost and len(client.run(os.getpid)) == 1
        cluster.scheduler.allowed_failures, killer = 0, Killer(client)  # and Dask gives up: joblib waits for ever
        assert main(["tune", *QUICK, "--quiet", *there, "--seeds", "3"]) == 2
    assert capsys.readouterr().err.startswith("titans-mini: workers were killed, as happens when memory runs out")
    kept = [(tmp_path / place / "rows.jsonl").read_text().splitlines()[1:] for place in ("here", "dask")]
    here, dask = ([{**json.loads(line), "seconds": 0} for line in lines] for lines in kept)
    assert len(dask) == 8 and sorted(dask, key=key_of) == sorted(here, key=key_of)


@pytest.mark.parametrize("address", ["nowhere", "tcp://localhost:1"])
def test_an_address_without_a_scheduler_is_one_line(address, capsys):
    config = pytest.importorskip("dask").config
    with config.set({"distributed.comm.timeouts.connect": "0.2s"}):
        assert main(["tune", *QUICK, "--quiet", "--dask", address]) == 2
    told = rf"titans-mini: dask must be the address of a scheduler that answers, not '{address}': .+\n"
    assert re.fullmatch(told, capsys.readouterr().err)


def test_a_killed_process_of_this_machine_is_one_line_and_its_search_continues(tmp_path, monkeypatch, capsys):
    pytest.importorskip("joblib")
    arguments = ["tune", *QUICK, "--quiet", "--out", str(tmp_path)]
    with monkeypatch.context() as patch:
        patch.setattr(tuning, "_run_compiled", lambda job: os.kill(os.getpid(), signal.SIGKILL))
        assert main([*arguments, "--workers", "2"]) == 2
    assert capsys.readouterr().err.startswith("titans-mini: workers were killed, as happens when memory runs out")
    assert main(arguments) == 0


@pytest.mark.parametrize(("stop", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupted_command_says_what_is_saved_and_how_to_continue(tmp_path, capsys, monkeypatch, stop, code):
    counted(monkeypatch, fail_at=1, error=stop)
    assert main(["tune", *QUICK, "--out", str(tmp_path), "--quiet"]) == code
    kept = tmp_path / "rows.jsonl"
    saved = f"saved in {str(kept)!r}: run the same command to continue"
    assert capsys.readouterr().err == f"titans-mini: stopped after 200 of 1200 updates; {saved}\n"
    assert len(kept.read_text().splitlines()) == 1 + 2
    assert main(["tune", *QUICK, "--quiet"]) == code
    assert capsys.readouterr().err.endswith("updates; nothing is saved without --out\n")


@pytest.mark.parametrize("place", ["FILE", "FILE/below", "x" * 300])
@pytest.mark.parametrize("flags", [[], ["--maps"]])
def test_a_folder_that_cannot_be_is_one_line_and_exit_code_2(tmp_path, place, flags, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("")
    assert main(["tune", *QUICK, "--depth", "1", "2", *flags, "--quiet", "--out", place]) == 2
    assert re.fullmatch(rf"titans-mini: out '{place}.*' cannot be (used|written): .+\n", capsys.readouterr().err)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("name", ["rows.jsonl", "coarse.csv", "maps.html"])
def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path, number, name, monkeypatch, capsys):
    """At each of the files in turn; tables and maps were once left cut."""
    replace_file = os.replace

    def refuse(source, target):
        if Path(target).name == name:
            raise OSError(number, os.strerror(number))
        replace_file(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    assert main(["tune", *QUICK, "--depth", "1", "2", "--maps", "--quiet", "--out", str(tmp_path)]) == 2
    assert re.fullmatch(rf"titans-mini: out '.*' cannot be written: {os.strerror(number)}\n", capsys.readouterr().err)
    assert not (tmp_path / name).exists() and not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--file", "missing.txt"], "missing.txt"),
        (["--maps"], "--maps can only be used with --out"),
        (["--maps", "--out", "x"], "--maps needs at least 2 of tau"),  # before anything runs
    ],
)
def test_the_command_refuses_in_one_line(flags, named):
    with pytest.raises(ConfigError, match=named):
        command(*QUICK, *flags)


def test_maps_are_one_page_that_opens_offline(tmp_path):
    pytest.importorskip("plotly")
    assert command(*QUICK, "--depth", "1", "2", "--keep", "1", "--out", str(tmp_path), "--maps", "--quiet") == 0
    page = (tmp_path / "maps.html").read_text("utf-8")
    assert '"heatmap"' in page and ' src="http' not in page


def test_an_empty_table_is_empty_text():
    assert to_csv(table([], 1)).strip() == ""
