"""Heat maps and curves show the numbers they are given."""

import numpy as np
import pytest

from titans_mini import MemoryConfig, SimulationConfig
from titans_mini.anatomy import dissect
from titans_mini.figures_anatomy import curve_figure, matrix_figure, step_figure


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
