"""RECIPE.md: every section that the project cites is there, quotations are short, and each names a lesson."""

import re

import pytest
from lessons import FILES, ROOT

from titans_course.claims import CLAIMS

PAGE = (ROOT / "notebooks" / "RECIPE.md").read_text("utf8")
ROWS = re.findall(r"^\| ([\d.]+) \| “([^”]+)” \| ([^|]+) \| \[(.+?)\]\(([^)]+)\) \|$", PAGE, re.M)
CITED = re.compile(r"recipe:? (?:section )?(\d(?:\.\d)?)", re.I)


def plain(text: str) -> str:
    return re.sub(r"\s|\*", "", text)


def test_every_line_of_a_table_is_a_row():
    lines = [line for line in PAGE.splitlines() if re.match(r"\| \d", line)]
    assert len(lines) == len(ROWS) > 30


def test_every_section_that_is_cited_is_on_the_page():
    files = [*FILES, *(path for room in ("titans_mini", "titans_course") for path in (ROOT / room).rglob("*.py"))]
    cited = {section for path in files for section in CITED.findall(path.read_text("utf8"))}
    judged = {section for claim in CLAIMS.values() for section in claim.section.split(", ")}
    known = {row[0] for row in ROWS}
    assert judged <= known
    assert {"2.2", "5.1"} <= cited <= known | {section[0] for section in known}


@pytest.mark.parametrize("section, quoted, english, label, target", ROWS, ids=lambda part: part[:20])
def test_a_quotation_is_short_and_beside_a_translation_and_a_lesson(section, quoted, english, label, target):
    assert len(quoted) <= 50 and not re.search(r"[\u4e00-\u9fff]", english)
    assert (ROOT / "notebooks" / target).is_file() and (label in (target.partition("_")[0], "not tested"))


def test_the_page_and_the_audit_quote_the_same_words():
    audit = plain("".join(claim.claim_zh for claim in CLAIMS.values()))
    parts = [part for row in ROWS for part in row[1].split("……")]
    assert sum(plain(part) in audit for part in parts) > 0.75 * len(parts)
