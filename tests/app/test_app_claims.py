"""The Claims page without a browser: rows, filters, links, hidden panels, a small measurement, broken files."""

import csv
import io
import json

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import lines, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402

# isort: split
from claims import runs as claims_runs  # noqa: E402
from texts import plain  # noqa: E402

from titans_course.claims import CLAIMS  # noqa: E402
from titans_course.claims.finding import FAILS, HOLDS, LOST, PART, UNTESTED, Finding, Reading, Spread  # noqa: E402
from titans_course.claims.report import Result, to_json  # noqa: E402
from titans_course.claims.view import pick, to_csv  # noqa: E402
from titans_mini.errors import ConfigError  # noqa: E402


def result(verdict: str, told: str = "as it should be", size: str = "full") -> Result:
    figures = {"best_loss": 3, "loss_0.5": Spread.of([0.1, 0.2]), "lost": LOST}
    return Result(Finding(verdict, figures, told), size, 1.5, "a machine")


KNOWN = {
    "surprise": result(PART), "beta": result(FAILS, "best *beta* is 0.9"), "tau": result(FAILS),
    "order": result(UNTESTED), "sessions": result(HOLDS, size="small"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def known(monkeypatch):
    """Five rows that are measured; all the others are not."""
    monkeypatch.setattr(claims_runs, "load_results", lambda: dict(KNOWN))


def start(**link: str):
    return sound(open_page("claims", link))


def heads(app) -> dict[str, str]:
    """Key -> head of each row that is shown."""
    return dict(zip(_keys(app), (box.label for box in app.expander), strict=True))


def _keys(app) -> list[str]:
    claims = {plain(claim.claim, 1000): key for key, claim in CLAIMS.items()}
    return [next(key for text, key in claims.items() if box.label.endswith(text)) for box in app.expander]


def words(app) -> str:
    return "\n".join(block.value for block in (*app.markdown, *app.caption, *app.info))


def linked(app) -> dict[str, str]:
    given = dict(app.query_params.items())
    return {name: value if isinstance(value, str) else value[-1] for name, value in given.items()}


def counted(app) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def test_it_opens_with_every_row_closed_and_the_verdicts_counted():
    app = start()
    assert _keys(app) == list(CLAIMS) and not lines(app) and not app.dataframe and not app.code
    missing = len(CLAIMS) - len(KNOWN)
    assert counted(app) == {HOLDS: "1", PART: "1", FAILS: "2", UNTESTED: "1", "not measured yet": str(missing)}
    shown = heads(app)
    assert shown["beta"].startswith(":red-badge[does not hold]") and "holds (small size)" in shown["sessions"]
    assert shown["share"].startswith(":gray-badge[not measured yet]")


def test_an_open_row_has_papers_measurement_figures_rule_command_and_machine():
    app = start(row="beta")
    claim, said = CLAIMS["beta"], words(app)
    assert f"The article is in Chinese; its own words:** {plain(claim.claim_zh, 1000)}" in said
    assert "is our translation" in said
    assert plain(claim.papers) in said and claim.source in said
    assert "best \\*beta\\* is 0.9." in said and plain(claim.rule, 1000) in said and "1.5 s on a machine" in said
    assert [block.value for block in app.code] == [claim.command]
    (frame,) = (frame.value for frame in app.dataframe)
    assert frame.to_dict("records") == [
        figure("best beta by loss", "best_loss", "3"),
        figure("loss at beta 0.5", "loss_0.5", "0.15", "0.1", "0.2", "2"),
        figure("lost", "lost", "∞"),
    ]


def figure(label: str, key: str, value: str, low: str = "", high: str = "", seeds: str = "") -> dict[str, str]:
    """A line of the table of figures."""
    line = {"figure": label, "value": value, "low": low, "high": high, "seeds": seeds}
    return line | {"name in the JSON": key}


def test_each_reading_has_its_verdict_its_sentence_its_figures_and_its_rule(monkeypatch):
    readings = (
        Reading("length", FAILS, "as *searched*", ("chain_1",)),
        Reading("chain", HOLDS, "as chained", ("chain_2",)),
    )
    finding = Finding(PART, {"chain_1": 0.9, "chain_2": 0.8, "longest": 10}, "all", readings)
    monkeypatch.setattr(claims_runs, "load_results", lambda: {"rag": Result(finding, "full", 1.5, "a machine")})
    app = start(row="rag")
    ways = {name: (plain(way.means, 1000), plain(way.rule, 1000)) for name, way in CLAIMS["rag"].ways.items()}
    said = words(app)
    assert f"1. :red-badge[does not hold] {ways['length'][0]}. *as \\*searched\\*.*" in said
    assert f"2. :green-badge[holds] {ways['chain'][0]}. *as chained.*" in said
    assert all(f"{number}. {rule}" in said for number, (_, rule) in enumerate(ways.values(), 1))
    assert list(app.dataframe[0].value["reading"]) == ["1", "2", ""]
    hidden = words(start(row="rag", hide="verdicts"))
    assert "badge" not in hidden and f"2. {ways['chain'][0]}. *as chained.*" in hidden


def test_a_row_that_is_not_measured_says_so_and_has_its_command():
    app = start(row="share")
    assert "Not measured yet" in words(app) and app.code[0].value == CLAIMS["share"].command and not app.dataframe
    assert "does not have" not in words(app) and "Neither paper has the claimed number" in words(app)
    assert "Neither paper says anything" in words(start(row="grid"))
    assert app.code[0].value != (order := start(row="order_small")).code[0].value
    assert order.code[0].value == f"{CLAIMS['order_small'].before}\n{CLAIMS['order_small'].command}"


def test_filters_by_verdict_and_section_alone_and_together():
    app = start()
    app.selectbox(key="judged").set_value("fails")
    assert _keys(sound(app.run())) == ["beta", "tau"]
    app.selectbox(key="section").set_value("3")
    assert _keys(sound(app.run())) == ["beta", "tau"] == pick(KNOWN, FAILS, "3")
    app.selectbox(key="judged").set_value("holds")
    assert not _keys(sound(app.run())) and "No row has this verdict" in app.info[0].value
    app.selectbox(key="judged").set_value("missing")
    found = _keys(sound(app.run()))
    assert found and all("3" in CLAIMS[key].section and key not in KNOWN for key in found)
    assert counted(app)[FAILS] == "2"  # of all rows, whatever is shown
    assert linked(app) == {"judged": "missing", "section": "3"}


def test_a_link_with_filter_and_open_row_gives_the_same_page():
    app = start(judged="fails", row="tau")
    assert _keys(app) == ["beta", "tau"] and plain(CLAIMS["tau"].claim_zh, 1000) in words(app)
    again = start(**linked(app))
    assert words(again) == words(app) and heads(again) == heads(app)
    app.button(key="claims_defaults").click()
    assert len(_keys(sound(app.run()))) == len(CLAIMS) and not app.code and linked(app) == {}
    app.button(key="claims_reset").click()
    assert words(sound(app.run())) == words(again)


def test_values_that_cannot_be_used_are_one_line():
    (line,) = lines(start(judged="maybe", section="9", row="gamma", what="1", hide="me"))
    assert "\n" not in line and all(name in line for name in ("judged", "section", "row", "what", "me"))
    assert len(_keys(start(judged="maybe"))) == len(CLAIMS)


def test_a_teacher_can_hide_verdicts_and_panels():
    app = start(row="beta", hide="verdicts,measured,figures,rule,measure,downloads", judged="fails")
    assert not app.metric and len(_keys(app)) == len(CLAIMS) and "does not hold" not in "".join(heads(app).values())
    assert [box.key for box in app.selectbox] == ["section"] and not app.dataframe and not app.get("download_button")
    said = words(app)
    assert CLAIMS["beta"].source in said and app.code
    assert "best \\*beta" not in said and plain(CLAIMS["beta"].rule, 1000) not in said
    assert not [button for button in app.button if button.key.startswith("measure")]
    app = start(hide="row,counts,section", row="beta")
    assert app.code and not app.metric and linked(app)["row"] == "beta"
    app = start(hide="judged", judged="fails")
    assert _keys(app) == ["beta", "tau"] and not any(box.key == "judged" for box in app.selectbox)


def test_a_small_measurement_stands_beside_the_full_one(monkeypatch):
    def measured(key, beat):
        beat(3.0)
        return result({"beta": PART}.get(key, HOLDS), f"a small {key}", "small")

    monkeypatch.setattr(claims_runs, "measure_apart", measured)
    app = start(row="beta")
    app.button(key="measure_beta").click()
    said = words(sound(app.run()))
    assert ":orange-badge[holds in part] **Here, small:** a small beta." in said and "best \\*beta" in said
    assert list(app.dataframe[0].value.columns)[-5:-1] == ["here: value", "here: low", "here: high", "here: seeds"]
    assert counted(app)[FAILS] == "2"  # the audit itself stays as it is
    other = start(row="grid")
    assert "Here, small" not in words(other)
    other.button(key="measure_grid").click()
    assert "a small grid" in words(sound(other.run())) and len(other.dataframe[0].value) == 3


def test_a_measurement_that_fails_is_one_line(monkeypatch):
    def failing(key, beat):
        raise ConfigError("beta was not measured: no *disk*")

    monkeypatch.setattr(claims_runs, "measure_apart", failing)
    app = start(row="beta")
    app.button(key="measure_beta").click()
    assert lines(sound(app.run())) == ["beta was not measured\\: no \\*disk\\*"] and app.dataframe


def test_results_that_cannot_be_read_are_one_line_and_no_figures(monkeypatch):
    def failing():
        raise ConfigError("'x' is not a report of claims")

    monkeypatch.setattr(claims_runs, "load_results", failing)
    app = start(row="beta")
    assert "is not a report of claims" in lines(app)[0] and "Not measured yet" in words(app)


def test_files_hold_every_row():
    rows = list(csv.DictReader(io.StringIO(to_csv(KNOWN))))
    assert [row["key"] for row in rows] == list(CLAIMS)
    assert {row["key"]: row["verdict"] for row in rows if row["told"]} == {
        k: r.finding.verdict for k, r in KNOWN.items()
    }
    assert list(json.loads(to_json(KNOWN))["rows"]) == list(KNOWN)
    assert len(start().get("download_button")) == 2


def test_the_rows_of_the_package_are_shown(monkeypatch):
    monkeypatch.undo()
    results = claims_runs.load_results()
    app = start(row=next(iter(results)))
    assert sum(map(int, counted(app).values())) == len(CLAIMS) and len(app.dataframe) == 1
    assert counted(app)[HOLDS] == str(sum(r.finding.verdict == HOLDS for r in results.values()))
