"""What the pictures of the chunk form show is what they were given."""

import numpy as np
import pytest
import torch

from titans_course.figures.parallel import ASPECT, coefficient_figure, tradeoff_figure
from titans_course.studies.parallel import MATRICES, gate_matrices
from titans_course.studies.rules import SeedRange

MATRIX = gate_matrices(*torch.rand(3, 5, generator=torch.Generator().manual_seed(0)))["Coef"]


def test_heat_map_holds_the_past_and_bars_the_row():
    heat, bars = coefficient_figure(MATRIX, 3).data
    below = np.tri(5, dtype=bool)
    np.testing.assert_allclose(heat.z[below], MATRIX[below], rtol=1e-6)
    assert np.isnan(heat.z[~below]).all()
    np.testing.assert_allclose(bars.y, MATRIX[3], rtol=1e-6)
    assert list(bars.x) == [0, 1, 2, 3, 4]
    assert heat.zmin == 0 and heat.zmax == pytest.approx(MATRIX.max())


def test_the_row_is_framed_up_to_its_own_token():
    (frame,) = coefficient_figure(MATRIX, 3).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (-0.5, 3.5, 2.5, 3.5)


def test_token_0_is_at_the_top_left_and_axes_fit_each_other():
    layout = coefficient_figure(MATRIX, 0).layout
    assert layout.yaxis.range == (4.5, -0.5) and layout.xaxis.range == layout.xaxis2.range == (-0.5, 4.5)


def test_names_say_what_rows_and_columns_are():
    assert set(ASPECT) == set(MATRICES)
    for name in MATRICES:
        figure = coefficient_figure(MATRIX, 1, name)
        assert (figure.layout.xaxis2.title.text, figure.layout.yaxis.title.text) == ASPECT[name]
        assert all(curve.hovertemplate.startswith(f"{name}[") for curve in figure.data)
    assert figure.layout.yaxis2.title.text == "row 1"


def test_a_memory_that_writes_nothing_has_a_picture():
    heat, bars = coefficient_figure(np.zeros((1, 1)), 0).data
    assert heat.zmax == 1 and list(bars.y) == [0]


def test_tradeoff_shows_recall_with_its_spread_and_costs_against_chunk_1():
    rows = [
        dict(memory=memory, chunk=chunk, recall=SeedRange(0.5 + chunk / 10, 0.4, 0.9))
        for memory in ("one matrix", "2 layers")
        for chunk in (1, 2)
    ]
    figure = tradeoff_figure(rows, {"time": {1: 4.0, 2: 2.0, 8: 1.0}})
    one, two, time = figure.data
    assert [curve.name for curve in figure.data] == ["one matrix", "2 layers", "time"]
    np.testing.assert_allclose(one.y, [0.6, 0.7], rtol=1e-6)
    np.testing.assert_allclose(one.error_y.array, [0.3, 0.2])
    np.testing.assert_allclose(one.error_y.arrayminus, [0.2, 0.3])
    np.testing.assert_allclose(time.y, [1, 0.5, 0.25])
    assert (list(time.x), time.yaxis, two.yaxis) == ([1, 2, 8], "y2", "y")
    assert figure.layout.xaxis.tickvals == (1, 2, 8) and figure.layout.yaxis2.type == "log"
    assert len({curve.line.color for curve in figure.data}) == 3
