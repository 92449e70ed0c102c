"""The bug hunt: each patient fails its one check, each mended one none; the pictures and the lab show it."""

import numpy as np
import pytest
import torch

from titans_course.bug_hunt import (
    CHECKS,
    CHUNK,
    CONTROL,
    LOOKS,
    PATIENTS,
    TOKENS,
    build,
    diagnose,
    failed,
    mend,
    moved,
    repeated_rows,
    same,
    series,
    source,
)
from titans_course.bug_hunt.answers import FAULTS
from titans_course.bug_hunt.checks import CLOSE
from titans_course.figures.bug_hunt import DONE, moved_figure, table_figure
from titans_course.lab import bug_hunt as module
from titans_course.lab.bug_hunt import NONE, BugHuntLab
from titans_mini import ConfigError
from titans_mini.reference import token_loop

each = pytest.mark.parametrize("name", FAULTS)


@each
@pytest.mark.parametrize("seed", [0, 3])
def test_each_patient_fails_its_check_alone_and_mended_none(name, seed):
    fault = FAULTS[name]
    assert failed(build(name, seed=seed)) == ([fault.check] if fault.check else [])
    assert failed(mend(name, fault.wrong, fault.right, seed=seed)) == []


def test_every_check_is_failed_by_one_patient_and_by_no_healthy_one():
    assert sorted(fault.check for fault in FAULTS.values() if fault.check) == sorted(CHECKS)
    assert set(PATIENTS) == {CONTROL, *FAULTS}
    assert all(diagnose(build(CONTROL, seed=seed))[name] for seed in range(3) for name in CHECKS)


@each
def test_a_learner_sees_few_lines_that_run_and_do_not_tell(name):
    lines = source(name).splitlines()
    assert 15 <= len(lines) <= 60
    assert FAULTS[name].wrong in source(name) and FAULTS[name].why not in source(name)
    reads, _ = build(name)(series(batch=2, tokens=40))
    assert reads.shape == (2, 40, 4) and bool(reads.isfinite().all()) and reads.detach().abs().max() < 100


def test_the_control_is_the_token_loop():
    memory, x = build(CONTROL), series(batch=1)
    k, v, q, theta, alpha = (part[0] for part in memory.project(x))
    gate = lambda t, raw: (theta[t].squeeze(), torch.zeros(()), alpha[t].squeeze())  # noqa: E731
    loop = token_loop([memory.initial[0]], k, v, q, gate, torch.tanh)
    reads, (weights,) = memory(x)
    torch.testing.assert_close(reads[0], loop.reads, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(weights[0], loop.weights[0], rtol=1e-12, atol=1e-12)


def test_h_is_caught_by_the_whole_step_alone():
    memory, healthy = build("H"), mend("H", FAULTS["H"].wrong, FAULTS["H"].right)
    k, v, _, theta, alpha = (part[:, 0] for part in memory.project(series()))
    M = memory.start(3)
    assert same(memory.write(M, k, v, theta, 0 * alpha)[0], healthy.write(M, k, v, theta, 0 * alpha)[0])
    assert not same(memory.write(M, k, v, theta, alpha)[0], healthy.write(M, k, v, theta, alpha)[0])


def test_equal_rows_hide_a_shared_memory():
    assert repeated_rows(build("B")) and not CHECKS["rows"](build("B"))


def test_a_cut_anywhere_finds_the_future_too():
    a = build("A")
    assert moved(a, "parts", CHUNK).max() < CLOSE < moved(a, "parts", CHUNK + 2).max()
    assert moved(build(CONTROL), "parts", CHUNK + 2).max() < CLOSE


@pytest.mark.parametrize("look", LOOKS)
def test_what_moved_is_what_the_runs_differ_by(look):
    a, x, token = build("B"), series(), 6
    found = moved(a, look, token)
    assert found.shape == (TOKENS,)
    if look == "rows":
        torch.testing.assert_close(found, (a(x[:1])[0] - a(x)[0][:1])[0].abs().amax(-1).detach())
        assert found.min() > CLOSE
    elif look == "future":
        assert found[:token].max() < CLOSE < found[token:].min()
    else:
        assert found.max() < CLOSE


def test_what_cannot_be_used_is_one_line():
    for call, pattern in (
        (lambda: build("X"), "patient must be one of"),
        (lambda: source("X"), "patient must be one of"),
        (lambda: mend("A", "nothing like it", ""), "exactly once in patient A, not 0 times"),
        (lambda: mend("A", "M", "W"), "exactly once"),
        (lambda: mend("G", "torch.exp(-alpha)", "1 -"), "not valid Python"),
        (lambda: moved(build("A"), "gradient", 3), "look must be one of"),
        (lambda: moved(build("A"), "future", TOKENS), "token must be"),
    ):
        with pytest.raises(ConfigError, match=pattern) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_mended_patient_leaves_the_package_as_it_was():
    before = source("F")
    mend("F", "- S\n", "+ S\n")
    assert source("F") == before and failed(build("F")) == ["write"]


# ---- pictures ----


def test_bars_are_red_where_nothing_may_move():
    values, red, blue = [0.0, 0.2, 0.3], *(moved_figure([1.0] * 2, "future", 1).data[0].marker.color)
    assert red != blue
    bars = moved_figure(values, "future", 2).data[0]
    assert list(bars.y) == values and list(bars.marker.color) == [red, red, blue] and bars.text == ("0", "0.2", "0.3")
    for look in ("rows", "parts"):
        figure = moved_figure(values, look, 2)
        assert set(figure.data[0].marker.color) == {red}
        assert [note.text for note in figure.layout.annotations] == [DONE[look]]
        assert figure.layout.shapes[0].x0 == (-0.5 if look == "rows" else 1.5)
    assert moved_figure([0.0, 0.0], "parts", 1).layout.yaxis.range[1] > 0


def test_the_table_says_who_fails_what():
    cells = table_figure({"A": {"future": False, "rows": True}, "B": {"future": True, "rows": True}}).data[0]
    assert cells.z.tolist() == [[0, 1], [1, 1]] and list(cells.x) == ["future", "rows"] and list(cells.y) == ["A", "B"]
    assert cells.text.tolist() == [["FAILS", "passes"], ["passes", "passes"]]


# ---- the lab ----


def test_the_lab_stays_closed_until_a_check_is_named_and_asks_anew_for_each_patient():
    lab = BugHuntLab()
    assert not lab.figure.data and lab.found is None
    lab.reveal.click()
    assert "choose one of the answers" in lab.message.value and not lab.figure.data
    lab.guess.value = "rows"
    lab.reveal.click()
    assert lab.figure.layout.title.text == "You predicted “rows”; this run gives “future”."
    np.testing.assert_allclose(lab.figure.data[0].y, moved(build("A"), "future", 6).numpy())
    assert "should not have: 4, 5." in lab.message.value
    lab.patient.value = "C"
    assert not lab.figure.data and not lab.is_open and lab.guess.value is None and lab.found is None
    lab.guess.value, lab.look.value, lab.token.value = "parts", "parts", 4
    assert not lab.figure.data
    lab.reveal.click()
    assert lab.found.failed == "parts" and "“parts”; this run gives “parts”" in lab.figure.layout.title.text
    np.testing.assert_allclose(lab.figure.data[0].y, moved(build("C"), "parts", 4).numpy())


@pytest.mark.parametrize("name", PATIENTS)
def test_the_lab_knows_every_patient(name):
    lab = BugHuntLab(name, predict=None)
    assert lab.found.failed == (failed(build(name)) or [NONE])[0]
    assert lab.found.failed in module.QUESTION.choices
    assert (lab.found.failed == NONE) == (name in (CONTROL, "H"))


def test_without_a_question_another_patient_is_shown_at_once():
    lab = BugHuntLab(CONTROL, predict=None)
    assert "should not have: none." in lab.message.value
    lab.patient.value = "A"
    assert lab.figure.data and lab.found.patient == "A" and "4, 5" in lab.message.value


def test_an_error_is_shown(monkeypatch):
    def broken(*_):
        raise RuntimeError("<no luck>")

    lab = BugHuntLab(predict=None)
    monkeypatch.setattr(module, "failed", broken)
    lab.token.value = 2
    assert lab.figure.data and "RuntimeError: &lt;no luck&gt;" in lab.message.value
