"""The claims lab without a browser: closed until a verdict is predicted, then the row as it was measured."""

import pytest

from titans_course.claims import CLAIMS, VERDICTS
from titans_course.claims.finding import FAILS, HOLDS, PART, Finding, Reading, Spread
from titans_course.claims.report import Result
from titans_course.lab.claims import ClaimsLab
from titans_course.language import catalogue, tell
from titans_mini.errors import ConfigError

ZH = catalogue("zh")
FOUND = {
    key: Result(Finding(verdict, figures, f"{key} as told"), "full", 2.0, "a machine")
    for key, verdict, figures in (
        ("share", FAILS, {"part": 0.025, "bytes": 75}),
        ("beta", HOLDS, {"loss": Spread.of([1.0, 2.0])}),
    )
}


def texts(lab: ClaimsLab) -> list[list[str]]:
    (cells,) = lab.figure.data
    return [list(row) for row in cells.text]


def test_it_stays_closed_until_a_verdict_is_predicted_and_each_claim_asks_anew():
    lab = ClaimsLab(results=FOUND)
    assert (
        not lab.figure.data and lab.found is None and lab.guess.options == tuple(zip(VERDICTS, VERDICTS, strict=True))
    )
    assert "as told" not in lab.message.value and CLAIMS["share"].claim_zh in lab.words.value
    lab.reveal.click()
    assert "choose one of the answers first" in lab.message.value and not lab.figure.data
    lab.guess.value = HOLDS
    lab.reveal.click()
    assert lab.found == FOUND["share"] and texts(lab) == [["0.025"], ["75"]]
    assert lab.figure.layout.title.text == f"You predicted “{HOLDS}”; this run gives “{FAILS}”."
    assert f"{FAILS}: share as told." in lab.message.value and CLAIMS["share"].rule in lab.message.value
    lab.claim.value = "beta"
    assert not lab.figure.data and lab.guess.value is None and "as told" not in lab.message.value
    lab.guess.value = HOLDS
    lab.reveal.click()
    assert texts(lab) == [["1.5", "1", "2", "2"]] and "gives “holds”" in lab.figure.layout.title.text


def test_without_a_question_each_claim_is_shown_at_once():
    lab = ClaimsLab("beta", results=FOUND, predict=None)
    assert texts(lab) == [["1.5", "1", "2", "2"]] and lab.figure.layout.title.text is None
    lab.claim.value = "share"
    assert len(texts(lab)) == 2 and "share as told" in lab.message.value


def test_a_row_that_is_not_measured_says_so_and_names_its_commands():
    lab = ClaimsLab("order_small", results=FOUND)
    lab.guess.value = FAILS
    lab.reveal.click()
    assert "not measured yet" in lab.message.value and not lab.figure.data
    assert CLAIMS["order_small"].command in lab.message.value and "titans-mini train" in lab.message.value


def test_each_reading_has_its_words_its_verdict_and_its_rule():
    figures = {"chain_1": 0.9}
    readings = (Reading("length", FAILS, "as measured", ("chain_1",)), Reading("chain", HOLDS, "as chained", ()))
    lab = ClaimsLab("rag", results={"rag": Result(Finding(PART, figures, "all", readings), "full", 2.0, "a machine")})
    lab.guess.value = PART
    lab.reveal.click()
    said, ways = lab.message.value, CLAIMS["rag"].ways
    assert f"1. {ways['length'].means}: {FAILS}; as measured." in said
    assert f"2. {ways['chain'].means}: {HOLDS}; as chained." in said
    assert all(way.rule in said for way in ways.values()) and f"{PART}. The sentence can be read" in said


def test_it_reads_the_results_of_the_package():
    lab = ClaimsLab(predict=None)
    assert lab.found == lab.results["share"] and lab.found.finding.verdict in VERDICTS


def test_a_claim_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="claim must be"):
        ClaimsLab("gamma")


def test_in_chinese_all_but_the_claim_s_english_below_it_is_chinese():
    lab = ClaimsLab("beta", predict=None, language="zh")
    row, told = CLAIMS["beta"], lab.results["beta"].finding.told
    assert (f"beta：{row.claim_zh}", "beta") in lab.claim.options and row.claim in lab.words.value
    assert ZH["about.papers", "beta"] in lab.words.value and row.papers not in lab.words.value
    assert f"实测：{tell(told, 'zh')}。" in lab.message.value and told not in lab.message.value
    assert ZH["about.rule", "beta"] in lab.message.value and "完整规模" in lab.message.value
    lab.claim.value = "share"
    lab.flush()
    assert ZH["about.rule", "share"] in lab.message.value and CLAIMS["share"].claim in lab.words.value


def test_the_words_of_the_papers_have_a_help_of_their_own():
    lab = ClaimsLab(results=FOUND)
    assert lab.words.tooltip and lab.words in lab.panel.children
