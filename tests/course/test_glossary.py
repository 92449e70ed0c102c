"""The glossary is complete: each lesson has words, in two languages, and each word occurs in the lesson named."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
ROWS = re.findall(
    r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| \[(\d\d[a-z]?)\]\(([^)]+)\) \|$",
    (NOTEBOOKS / "GLOSSARY.md").read_text("utf8"),
    re.M,
)
NAMES = {
    "fast weights, memory M": "memory",
    "rounded weights": "rounded",
    "MAC, MAG, MAL, LMM": "MAC",
    "writes per 1,000": "writes",
}


def test_every_lesson_has_words():
    lessons = {path.name for path in NOTEBOOKS.glob("*.ipynb")}
    assert {row[4] for row in ROWS} == lessons and all(row[4].startswith(row[3]) for row in ROWS)


def test_words_are_unique_and_in_two_languages():
    terms = [row[0] for row in ROWS]
    assert len(set(terms)) == len(terms) > 30
    for term, chinese, meaning, *_ in ROWS:
        assert re.search(r"[\u4e00-\u9fff]", chinese), term
        assert not re.search(r"[\u4e00-\u9fff]", term + meaning), term


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_word_occurs_in_its_lesson(row):
    cells = json.loads((NOTEBOOKS / row[4]).read_text("utf8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells).lower()
    word = NAMES.get(row[0], row[0].split(",")[0].removesuffix(" S"))
    word = re.sub(r" [τβλαθη]$", "", word)
    assert word.lower() in text, word


def test_each_kind_of_recall_has_a_name_of_its_own():
    assert {"recall", "cosine", "share right"} <= {row[0] for row in ROWS}
