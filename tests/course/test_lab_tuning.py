"""The tuning lab without a browser: what it says is what the full grids say, and nothing is run."""

import plotly.graph_objects as go
import pytest
from labs import GRIDS

from titans_course.lab.tuning import VIEWS, TuningLab
from titans_course.studies.tuning import means, order, stand
from titans_mini.errors import ConfigError
from titans_mini.tune.store import Setting, cost


def open_lab(**settings) -> TuningLab:
    return TuningLab(GRIDS, predict=None, **settings)


def test_the_plot_stays_closed_until_a_place_is_predicted():
    lab = TuningLab(GRIDS)
    assert not lab.figure.data and lab.found is None and "saved" not in lab.message.value
    lab.guess.value = "first"
    lab.reveal.click()
    assert "must be a number" in lab.message.value and not lab.figure.data
    lab.guess.value = "1"
    lab.reveal.click()
    assert isinstance(lab.figure, go.FigureWidget) and lab.figure.data
    place = 1 + order(GRIDS[1000]).index(order(GRIDS[100])[0])
    assert place > 1 and lab.figure.layout.title.text == f"You predicted 1; this run gives {place}."
    lab.pick.value = order(GRIDS[1000])[0]
    assert lab.figure.layout.title.text is None and lab.found.place == 1


def test_it_says_what_the_full_grids_say():
    lab = open_lab(keep=2)
    assert lab.found.stand == stand(GRIDS[100], GRIDS[1000], 2) and not lab.found.stand.kept
    assert lab.found.price == cost(8, 100, 1000, 2, 3)
    assert f"{lab.found.price.saved:.0%} saved" in lab.message.value and "is not among" in lab.message.value
    lab.keep.value = lab.found.stand.needed
    lab.flush()
    assert lab.found.stand.kept and "is among" in lab.message.value


def test_the_figure_holds_both_means_and_marks_the_pick():
    lab = open_lab()
    kept, left, best, pick = lab.figure.data
    short, long = means(GRIDS[100]), means(GRIDS[1000])
    assert len(kept.x) == 3 and len(left.x) == 5
    assert sorted([*kept.x, *left.x]) == pytest.approx(sorted(short.values()))
    assert best.y[0] == pytest.approx(max(long.values())) and pick.x[0] == pytest.approx(max(short.values()))
    lab.view.value = VIEWS[1]
    assert lab.figure.data[-1].x[0] == 8 and lab.figure.data[-1].y[0] == pytest.approx(lab.found.price.saved)


def test_a_smaller_grid_fewer_seeds_and_other_lengths_act():
    lab = open_lab()
    lab.settings.value, lab.seeds.value, lab.short.value = 4, 1, 400
    lab.flush()
    assert len(lab.pick.options) == 4 and lab.found.price == cost(4, 400, 1000, 3, 1)
    assert sum(len(lab.figure.data[group].x) for group in (0, 1)) == 4
    lab.keep.value = 8
    lab.flush()
    assert lab.found.stand.kept and lab.found.price.two_stage == 4 * 400 + 4 * 1000


def test_the_pick_stays_while_it_is_in_the_grid():
    lab = open_lab()
    last = lab.pick.options[-1][1]
    assert isinstance(last, Setting)
    lab.pick.value = last
    lab.short.value = 1000
    lab.long.value = 400
    lab.flush()
    assert lab.pick.value == last and "long must be more than short, 1000 tokens, not 400" in lab.message.value
    lab.short.value = 100
    lab.flush()
    assert "saved" in lab.message.value


def test_one_length_is_too_few():
    with pytest.raises(ConfigError, match="number of lengths"):
        TuningLab({100: GRIDS[100]})
