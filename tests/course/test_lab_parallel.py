"""The lab of the chunk form without a browser: matrix, row and costs follow the controls, and errors are shown."""

import asyncio

import numpy as np
import plotly.graph_objects as go
import pytest
import torch

from titans_course.lab import parallel as module
from titans_course.lab.parallel import ODD, ParallelLab
from titans_course.studies.parallel import MATRICES, chunk_cost, gate_matrices, loop_cost
from titans_mini import MemoryConfig


def open_lab(**settings) -> ParallelLab:
    return ParallelLab(predict=None, **settings)


def expected(chunk, theta, eta, alpha, odd=None) -> dict:
    gates = {
        "theta": torch.full((chunk,), theta),
        "eta": torch.full((chunk,), eta),
        "alpha": torch.full((chunk,), alpha),
    }
    if odd is not None:
        name, value = odd
        gates[name][chunk // 2] = value
    return gate_matrices(**gates)


def check_shown(lab: ParallelLab, matrix: np.ndarray, row: int) -> None:
    heat, bars = lab.figure.data
    below = np.tri(len(matrix), dtype=bool)
    np.testing.assert_allclose(np.array(heat.z)[below], matrix[below], rtol=1e-6)
    np.testing.assert_allclose(bars.y, matrix[row], rtol=1e-6)


def test_plot_stays_closed_until_a_number_is_predicted():
    lab = ParallelLab(chunk=4)
    assert not lab.figure.data and lab.found is None
    lab.guess.value = "much"
    lab.reveal.click()
    assert "must be a number" in lab.message.value and not lab.figure.data
    lab.guess.value = "0,2"
    lab.reveal.click()
    assert isinstance(lab.figure, go.FigureWidget) and len(lab.figure.data) == 2
    # 0.1 times the geometric sum of 0.9 and 0.5: (0.9^4 - 0.5^4) / (0.9 - 0.5)
    assert lab.found.first == pytest.approx(0.1 * (0.9**4 - 0.5**4) / 0.4, rel=1e-6)
    assert lab.figure.layout.title.text == f"You predicted 0.2; this run gives {lab.found.first:.4g}."
    lab.eta.value = 0.9
    assert lab.figure.layout.title.text is None  # other gates: the prediction was not about them


def test_every_slider_acts():
    lab = open_lab(chunk=8)
    check_shown(lab, expected(8, 0.1, 0.5, 0.1)["Coef"], 7)
    lab.theta.value, lab.eta.value, lab.alpha.value, lab.chunk.value = 0.3, 0.9, 0.02, 4
    check_shown(lab, expected(4, 0.3, 0.9, 0.02)["Coef"], 3)
    assert lab.token.value == lab.token.max == 3
    lab.chunk.value, lab.token.value = 16, 9  # a row that the chunk before it did not have
    check_shown(lab, expected(16, 0.3, 0.9, 0.02)["Coef"], 9)


@pytest.mark.parametrize("odd", ODD)
def test_one_token_may_have_another_gate(odd):
    lab = open_lab(chunk=8)
    lab.odd.value = odd
    check_shown(lab, expected(8, 0.1, 0.5, 0.1, ODD[odd])["Coef"], 7)
    usual = expected(8, 0.1, 0.5, 0.1)["Coef"]
    assert np.array_equal(usual, lab.found.matrices["Coef"]) == (odd == "none")


@pytest.mark.parametrize("matrix", MATRICES)
def test_matrix_and_row_are_chosen_without_a_new_run(matrix):
    lab = open_lab(chunk=8)
    runs = lab.runs
    lab.matrix.value, lab.token.value = matrix, 2
    shown = expected(8, 0.1, 0.5, 0.1)[matrix]
    check_shown(lab, shown, 2)
    assert lab.runs == runs
    assert f"Row 2 of {matrix} sums to {shown[2].sum():.3g}" in lab.message.value


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_gates_at_their_ends_stay_finite(value):
    lab = open_lab(chunk=64)
    lab.theta.value = lab.eta.value = lab.alpha.value = value
    heat, bars = lab.figure.data
    assert np.isfinite(np.array(heat.z)[np.tri(64, dtype=bool)]).all() and np.isfinite(bars.y).all()


def test_costs_are_those_of_loop_and_chunk_form():
    config = MemoryConfig(dim=8)
    lab = open_lab(config=config, chunk=8)
    lab.chunk.value = 2
    lab.flush()
    for cost in (loop_cost(config, 2), chunk_cost(config, 2)):
        told = f"{cost.products:,} matrix products, {cost.flops:,} operations, {cost.bytes:,} bytes stored"
        assert told in lab.message.value
    assert "2 tokens of width 8" in lab.message.value


def test_hundred_quick_changes_end_on_the_last_and_run_once():
    async def drag(lab):
        for step in range(100):
            lab.eta.value = step / 100
        before = lab.runs
        await asyncio.sleep(0.3)
        return before

    lab = open_lab(chunk=8)
    runs = lab.runs
    assert asyncio.run(drag(lab)) == runs
    assert lab.runs == runs + 1
    check_shown(lab, expected(8, 0.1, 0.99, 0.1)["Coef"], 7)


def test_an_error_is_shown_and_the_last_picture_stays(monkeypatch):
    lab = open_lab(chunk=4)
    kept = np.array(lab.figure.data[1].y)

    def broken(**_):
        raise RuntimeError("<no luck>")

    monkeypatch.setattr(module, "gate_matrices", broken)
    lab.eta.value = 0.9
    np.testing.assert_array_equal(lab.figure.data[1].y, kept)
    assert "RuntimeError: &lt;no luck&gt;" in lab.message.value


def test_a_size_without_a_mark_gets_one():
    assert ParallelLab(chunk=24).chunk.value == 24
