"""The audit as tables, its pictures, and one row measured in a process of its own."""

import re
import subprocess

import pytest

from titans_course.claims import CLAIMS, SIZES, VERDICTS, load_results
from titans_course.claims.finding import FAILS, HOLDS, LOST, PART, UNTESTED, Finding, Reading, Spread
from titans_course.claims.live import measure_apart
from titans_course.claims.report import Result
from titans_course.claims.view import ANY, MISSING, counts, figure_rows, pick, readings_of, sections, sections_of, spell
from titans_course.figures.claims import VERDICT_COLOURS, counts_figure, finding_figure, rule_figure
from titans_mini import ConfigError


def result(verdict: str) -> Result:
    return Result(Finding(verdict, {"count": 3}, "told"), "full", 1.5, "a machine")


KNOWN = {"beta": result(FAILS), "tau": result(FAILS), "share": result(HOLDS)}


def test_every_row_of_the_package_has_one_of_the_four_verdicts():
    results = load_results()
    assert results and {row.finding.verdict for row in results.values()} <= set(VERDICTS)
    assert sum(counts(results).values()) == len(CLAIMS)


def test_counts_name_what_is_missing_only_where_something_is():
    assert counts(KNOWN) == {HOLDS: 1, PART: 0, FAILS: 2, UNTESTED: 0, MISSING: len(CLAIMS) - 3}
    assert counts({key: result(PART) for key in CLAIMS}) == {HOLDS: 0, PART: len(CLAIMS), FAILS: 0, UNTESTED: 0}


def test_rows_are_picked_by_verdict_and_by_each_of_their_sections():
    assert pick(KNOWN) == list(CLAIMS) and pick(KNOWN, FAILS) == ["beta", "tau"]
    assert {key for section in sections() for key in pick(KNOWN, ANY, section)} == set(CLAIMS)
    assert "beta" in pick(KNOWN, FAILS, "2.2") and "beta" in pick(KNOWN, FAILS, "3") and not pick(KNOWN, HOLDS, "3")
    assert sections_of("beta") == ["2.2", "3"] and all(re.fullmatch(r"\d(\.\d)?", section) for section in sections())
    with pytest.raises(ConfigError, match="verdict must be"):
        pick(KNOWN, "true")
    with pytest.raises(ConfigError, match="section must be"):
        pick(KNOWN, ANY, "9")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (LOST, "∞"),
        (-LOST, "−∞"),
        (999.6, "1,000"),
        (18_874_368, "18,874,368"),
        (0.5351, "0.535"),
        (1e-7, "1e-07"),
        (3, "3"),
    ],
)
def test_numbers_are_short_and_what_is_not_finite_is_infinite(value, said):
    assert spell(value) == said


def test_figures_have_their_range_and_a_single_number_has_none():
    rows = figure_rows(Finding(PART, {"one": 3, "many": Spread.of([1.0, 2.0, float("inf")])}, "told"))
    assert rows["one"] == {"value": "3", "low": "", "high": "", "seeds": ""}
    assert (rows["many"]["low"], rows["many"]["high"], rows["many"]["seeds"]) == ("1", "∞", "3")


def colours(figure) -> list[str]:
    """The colour of each line of a table of figures."""
    (cells,) = figure.data
    scale = dict(cells.colorscale)
    return [scale[line[0] / cells.zmax] for line in cells.z]


def test_the_table_of_a_finding_has_words_and_is_in_the_colour_of_its_verdict():
    found = Finding(FAILS, {"layers_one": 3, "share_one": Spread.of([1.0, 2.0])}, "told")
    figure = finding_figure(found, "share")
    (cells,) = figure.data
    assert [list(row) for row in cells.text] == [["3", "", "", ""], ["1.5", "1", "2", "2"]]
    assert list(cells.y) == ["layers, one memory", "their share, one memory"]
    assert colours(figure) == [VERDICT_COLOURS[FAILS]] * 2


def test_a_table_has_no_empty_column_and_each_reading_has_the_colour_of_its_verdict():
    readings = (Reading("one", FAILS, "told", ("share_one",)), Reading("heads_8", HOLDS, "told", ("share_heads_8",)))
    found = Finding(PART, {"share_one": 0.02, "share_heads_8": 0.003, "width_of_share": 533}, "told", readings)
    figure = finding_figure(found, "share")
    assert list(figure.data[0].x) == ["value"] and [list(row) for row in figure.data[0].text] == [
        ["0.02"],
        ["0.003"],
        ["533"],
    ]
    assert colours(figure) == [VERDICT_COLOURS[verdict] for verdict in (FAILS, HOLDS, PART)]
    assert readings_of(found) == {"share_one": "1", "share_heads_8": "2"}


def test_a_rule_driven_through_numbers_has_each_point_under_its_verdict():
    line, *points = rule_figure([1, 2, 3], [FAILS, HOLDS, FAILS], [9, 8, 7], x_title="x", y_title="y").data
    assert list(line.y) == [9, 8, 7]
    assert {p.name: (list(p.x), list(p.y)) for p in points} == {HOLDS: ([2], [8]), FAILS: ([1, 3], [9, 7])}


def test_bars_are_the_counts():
    (bars,) = counts_figure(counts(KNOWN)).data
    assert dict(zip(bars.y, bars.x, strict=True)) == counts(KNOWN)


def test_a_row_measured_apart_is_the_row_measured_here():
    beats = []
    found = measure_apart("order", beat=beats.append)
    assert found.finding == CLAIMS["order"].examine(SIZES["small"]) and found.size == "small"
    assert beats == sorted(beats) and len(beats) >= 2


def test_a_beat_that_raises_ends_the_process(monkeypatch):
    started, popen = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])

    def stop(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_apart("two_lines", beat=stop)
    assert started[0].returncode not in (None, 0)


def test_what_cannot_be_measured_is_one_line(monkeypatch):
    with pytest.raises(ConfigError, match="key must be"):
        measure_apart("gamma")
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(ConfigError, match="order was not measured: no message"):
        measure_apart("order")
