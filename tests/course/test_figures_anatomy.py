"""Heat maps and curves show the numbers they are given."""

import numpy as np
import pytest

from titans_course.figures.anatomy import (
    curve_figure,
    gradient_figure,
    matrix_figure,
    step_figure,
    step_formula,
    vector_figure,
    weights_figures,
    write_figure,
)
from titans_course.studies.anatomy import dissect, losses
from titans_mini import MemoryConfig, SimulationConfig


def test_each_matrix_is_drawn_upright_around_zero():
    matrices = {"a": np.array([[1.0, -3.0]]), "nothing": np.zeros((2, 2))}
    figure = matrix_figure(matrices)
    for drawn, matrix in zip(figure.data, matrices.values(), strict=True):
        np.testing.assert_array_equal(drawn.z, matrix)
    assert [(drawn.zmin, drawn.zmax) for drawn in figure.data] == [(-3, 3), (-1, 1)]
    assert [note.text for note in figure.layout.annotations][0] == "a (colours end at ±3)"
    assert figure.layout.yaxis.autorange == figure.layout.yaxis2.autorange == "reversed"


@pytest.mark.parametrize("layer", [0, 1])
def test_a_step_is_shown_with_its_gradient_and_its_change(layer):
    config = SimulationConfig(tokens=30, memory=MemoryConfig.preset("recipe", dim=8))
    step = dissect(config, 20, theta=0.01, alpha=0.0)
    before, gradient, change, after = (drawn.z for drawn in step_figure(step, layer).data)
    assert before.shape == step.before[layer].shape
    np.testing.assert_allclose(change, -0.01 * gradient, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(before + change, after, rtol=1e-5, atol=1e-7)


def test_curves_keep_their_names_values_and_axis():
    figure = curve_figure({"one": [1.0, 2.0], "two": [3.0, 4.0]}, x=range(5, 10, 4), y_title="loss", log=True)
    assert [line.name for line in figure.data] == ["one", "two"]
    assert [list(line.y) for line in figure.data] == [[1, 2], [3, 4]] and list(figure.data[1].x) == [5, 9]
    assert figure.layout.yaxis.type == "log" and figure.layout.yaxis.title.text == "loss"
    assert figure.data[0].line.color != figure.data[1].line.color


@pytest.fixture(scope="module")
def step():
    return dissect(SimulationConfig(tokens=30, memory=MemoryConfig.preset("recipe", dim=8)), 20)


def test_the_strips_are_the_vectors_of_the_step(step):
    (strips,) = vector_figure(step).data
    np.testing.assert_array_equal(strips.z, np.stack([step.key, step.value, step.prediction, step.error]))
    assert strips.zmax == -strips.zmin == np.abs(strips.z).max() and list(strips.y) == ["k", "v", "M(k)", "error"]


@pytest.mark.parametrize("layer", [0, 1])
def test_a_gradient_is_the_product_of_the_factors_on_its_edges(step, layer):
    a, delta, gradient = (drawn.z for drawn in gradient_figure(step, layer).data)
    assert a.shape == (1, gradient.shape[1]) and delta.shape == (gradient.shape[0], 1)
    np.testing.assert_allclose(delta * a, gradient, rtol=1e-5)


@pytest.mark.parametrize("theta", [None, 0.0, 1e-5, 0.5])
def test_weights_and_their_change_share_a_scale_up_to_a_round_factor(theta):
    config = SimulationConfig(tokens=30, memory=MemoryConfig.preset("recipe", dim=8))
    charts = weights_figures(dissect(config, 20, theta=theta, alpha=0.0 if theta == 0 else None), 1)
    before, change, after = (charts[name].data[0] for name in ("before", "change", "after"))
    np.testing.assert_allclose(before.z + change.z, after.z, atol=1e-6)
    assert before.zmax == after.zmax >= np.abs(after.z).max()
    times = before.zmax / change.zmax
    assert f"{times:.0e}"[0] in "125" and np.abs(change.z).max() <= change.zmax
    assert (times > 1) == ("×" in charts["change"].layout.title.text)


@pytest.mark.parametrize("depth", [1, 3])
def test_losses_of_other_writes_are_those_of_the_memory(depth):
    config = SimulationConfig(tokens=30, memory=MemoryConfig.preset("recipe", dim=8, depth=depth))
    steps = [dissect(config, 20, theta=theta, alpha=0.1) for theta in (0.0, 0.002, 0.02)]
    wanted = [step.loss_after for step in steps]
    np.testing.assert_allclose(losses(steps[0], [step.theta for step in steps]), wanted, rtol=1e-4)
    marks = [write_figure(step).data[1].y[0] for step in steps]
    np.testing.assert_allclose(marks, np.minimum(wanted, 2 * steps[0].loss_before))


def test_the_curve_of_a_write_with_momentum_goes_through_the_write():
    config = SimulationConfig(tokens=30, gate="constant", memory=MemoryConfig.preset("recipe", dim=8, depth=2))
    step = dissect(config, 20)
    np.testing.assert_allclose(losses(step, [step.theta]), step.loss_after, rtol=1e-4)


def test_the_formula_has_the_numbers_of_the_step(step):
    shown = step_formula(step, SimulationConfig())
    assert f"{step.raw:.3f}" in shown and f"{step.g_write:.3f}" in shown and shown.count(")^2") == len(step.deltas)
    assert all(line.count(")^2") <= 1 for line in shown.split(r"\\"))  # a phone has room for one term a line
    assert "write" not in step_formula(step, SimulationConfig(), by_hand=True)
    paper = step_formula(step, SimulationConfig(gate="constant", beta=0.55))
    assert "write" not in paper and r"S_l \leftarrow 0.55" in paper


def test_what_is_not_finite_stays_empty(step):
    broken = step._replace(after=[np.full_like(weight, np.inf) for weight in step.after], loss_after=float("inf"))
    charts = weights_figures(broken, 0)
    assert np.isnan(charts["after"].data[0].z).all() and charts["before"].data[0].zmax > 0
    assert np.isfinite(write_figure(broken).data[1].y[0])
