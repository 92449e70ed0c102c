"""Figures of the variants: what is drawn is what was measured."""

import numpy as np
import pytest

from titans_course.figures import variants as figures_variants
from titans_course.studies.reading import CHANCE, smooth
from titans_course.studies.visibility import measure
from titans_mini.errors import ConfigError
from titans_mini.threads import one_thread

VARIANTS = ("lmm", "mac", "mag", "mal")


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with one_thread():
        yield


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_cells_are_what_was_measured(variant):
    seen = measure(variant)
    for draw, groups in (
        (figures_variants.attention_figure, seen.attention),
        (figures_variants.writes_figure, seen.memory),
    ):
        if not groups:
            continue
        drawn = draw(seen).data
        assert len(drawn) == len(groups)
        for heat, matrix in zip(drawn, groups.values(), strict=True):
            np.testing.assert_array_equal(np.asarray(heat.z) == 1, matrix)
            np.testing.assert_array_equal(np.asarray(heat.text) == "sees", matrix)


def test_lines_close_each_segment_and_row_0_is_at_the_top():
    figure = figures_variants.attention_figure(measure("mac", tokens=7, window=3))
    upright = [shape for shape in figure.layout.shapes if shape.x0 == shape.x1]
    assert sorted(shape.x0 for shape in upright) == [2.5, 2.5, 5.5, 5.5]  # in h and in x
    assert figure.layout.yaxis.autorange == "reversed"


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_wiring_leads_from_x_to_y(variant):
    figure = figures_variants.block_figure(variant)
    boxes, arrows = figures_variants.DIAGRAMS[variant]
    assert sum(shape.type == "rect" for shape in figure.layout.shapes) == len(boxes)
    assert sum(bool(note.showarrow) for note in figure.layout.annotations) == len(arrows)
    reached = {"x"}
    for _ in boxes:
        reached |= {arrow.split()[1] for arrow in arrows if arrow.split()[0] in reached}
    assert "y" in reached and "M" in reached
    assert {name for arrow in arrows for name in arrow.split(" ", 2)[:2]} == set(boxes)


def test_an_unknown_variant_or_mode_is_one_line():
    with pytest.raises(ConfigError, match="variant"):
        figures_variants.block_figure("mad")
    with pytest.raises(ConfigError, match="memory"):
        figures_variants.bits_figure({"half": np.ones(3)}, 2)


def test_bits_are_smoothed_and_their_means_are_named():
    bits = {mode: np.random.default_rng(seed).random(50) for seed, mode in enumerate(("on", "frozen", "off"))}
    figure = figures_variants.bits_figure(bits, 7)
    for line, (mode, values) in zip(figure.data, bits.items(), strict=True):
        assert line.name == f"{mode}: {values.mean():.3f}"
        np.testing.assert_allclose(line.y, smooth(values, 7), rtol=1e-6)
        assert line.line.color == figures_variants.MODE_COLOURS[mode]
    assert not figure.layout.shapes and not figures_variants.bits_figure(bits, 7, trained=50).layout.shapes
    assert [shape.x0 for shape in figures_variants.bits_figure(bits, 7, trained=20).layout.shapes] == [20]


def test_distances_are_in_order_beside_the_line_of_a_guess():
    figure = figures_variants.distance_figure({"on": {256: 0.9, 64: 1.0}, "off": {64: 0.05}})
    assert list(figure.data[0].x) == [64, 256] and list(figure.data[0].y) == [1.0, 0.9]
    assert [shape.y0 for shape in figure.layout.shapes] == [CHANCE]
    assert list(figure.layout.xaxis.tickvals) == [64, 256]
