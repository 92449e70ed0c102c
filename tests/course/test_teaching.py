"""The teacher's pack: plans add up, every lesson has its session, slides hold its questions, Chinese twins agree."""

import re
from pathlib import Path

import nbformat
import pytest
from lessons import FILES, ROOT, cells, tool
from test_chinese_lessons import CODE, HAN, LINK, numbers

from titans_course.exercises import EXERCISES

PACK = ROOT / "teaching"
CLASSES, SESSIONS, TEST, CAPSTONE = (
    (PACK / f"{name}.md").read_text("utf-8") for name in ("classes", "sessions", "test", "capstone")
)
TWINS = {PACK / f"{name}.md": PACK / "zh" / f"{name}.md" for name in ("classes", "sessions", "test", "capstone")}
TWINS[ROOT / "TEACHING.md"] = ROOT / "TEACHING.zh.md"
OWN = TWINS | {PACK / "solutions.ipynb": PACK / "zh" / "solutions.ipynb"}  # what a Chinese page links to
CHINESE = re.compile(r" --language zh|\bzh/(?=student|solution)")  # what its commands and paths have besides
NUMBERS = {path.stem.partition("_")[0] for path in FILES}


def part(text: str, heading: str) -> str:
    """What stands below the first heading that holds these words."""
    return re.split(r"\n## ", text.partition(heading)[2])[0]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its head."""
    lines = [line.strip("| \n").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return lines[2:]


@pytest.mark.parametrize(("heading", "minutes"), [("class of 45 minutes", 45), ("class of 90 minutes", 90)])
def test_a_minute_plan_adds_up(heading, minutes):
    assert sum(int(row[0]) for row in rows(part(CLASSES, heading))) == minutes


@pytest.mark.parametrize(("heading", "weeks"), [("Six weeks", 6), ("Twelve weeks", 12)])
def test_a_syllabus_adds_up_and_has_every_lesson(heading, weeks):
    plan = part(CLASSES, heading)
    assert [row[0] for row in rows(plan)] == [str(week + 1) for week in range(weeks)]
    assert f"{sum(int(row[-1]) for row in rows(plan)):,} minutes" in part(CLASSES, "Six weeks")
    named = set(re.findall(r"(?<!\d)\d\db?(?!\d)", re.sub(r"\| \d+ \|?$", "", plan, flags=re.M)))
    assert {number for number in NUMBERS if number[:2] in {name[:2] for name in named}} == NUMBERS


def test_exercises_that_a_plan_names_exist():
    named = {name for name in re.findall(r"`(\w+)`", CLASSES)}
    assert {"rank_one_gradient", "delta_step"} <= named & set(EXERCISES)


def test_every_lesson_has_outcome_predictions_with_a_question_and_an_exit_ticket():
    parts = re.split(r"\n## ", SESSIONS)[1:]
    assert {name for text in parts for name in re.findall(r"\d\d[bc]?", text.splitlines()[0])} == NUMBERS
    for text in parts:
        assert "**Outcome**: " in text and "**Exit ticket**: " in text
        assert len(rows(text)) == 3 and all(row[1].endswith("?") for row in rows(text)), text.splitlines()[0]


def test_ten_questions_have_ten_answers_and_a_rubric_has_twenty_points():
    questions, answers = TEST.split("## Answers")
    for text in (questions, answers):
        assert re.findall(r"^(\d+)\. ", text, re.M) == [str(number) for number in range(1, 11)]
    head = next(line for line in CAPSTONE.splitlines() if line.startswith("| points"))
    best = max(int(row[0]) for row in rows(part(CAPSTONE, "Rubric")))
    assert best * (head.count("|") - 2) == 20 and "Twenty points" in CAPSTONE


@pytest.mark.parametrize(("language", "folder", "ask", "explain"),
                         [("en", "", "**Predict**", "Explain"), ("zh", "zh", "**预测**", "解释")])  # fmt: skip
def test_slides_hold_the_questions_and_pictures_of_a_lesson_and_no_answers(tmp_path, language, folder, ask, explain):
    lesson = "01_memory_that_learns"
    assert tool("slides").main([lesson, "--language", language, "--out", str(tmp_path)]) == 0
    page = (tmp_path / f"{lesson}.html").read_text("utf-8")
    texts = [cell.source for cell in cells(ROOT / "notebooks" / folder / f"{lesson}.ipynb", "markdown")]
    questions, pictures = (sum(text.count(part) for text in texts) for part in (ask, "images/"))
    titles = sum(text.startswith("# ") or "\n# " in text for text in texts)
    assert page.count("<img ") == pictures >= 3
    assert page.count("<section>") == titles + questions + pictures and questions > 5
    assert any(explain in text for text in texts) and explain not in page
    assert f'<html lang="{language}">' in page and not re.search(r'(src|href)="(?!data:)', page)


def test_each_lesson_has_as_many_slides_in_both_languages():
    slides = tool("slides")
    english, chinese = (
        {path.stem: len(list(slides.slides(path))) for path in folder.glob("*.ipynb")}
        for folder in slides.LESSONS.values()
    )
    assert english == chinese and len(english) == len(FILES)


def test_slides_of_no_lesson_are_one_line(capsys):
    assert tool("slides").main(["99_nothing"]) == 2 and "no lesson '99_nothing'" in capsys.readouterr().err


def outline(text: str) -> list[tuple]:
    """Of each heading's part: its level, rows, code blocks without comments, inline code and numbers."""
    blocks = re.compile(r"^    .*$", re.M)
    return [
        (
            level,
            len(re.findall(r"^\|", body, re.M)),
            [re.sub(r"\s+# .*", "", line) for line in blocks.findall(body)],
            sorted(CODE.findall(blocks.sub("", body))),
            sorted(re.findall(r"\d+(?:[.,]\d+)*[a-z]?", LINK.sub("]", CODE.sub("", blocks.sub("", body))))),
        )
        for level, body in re.findall(r"^(#+) (.*?)(?=^#+ |\Z)", text, re.M | re.S)
    ]


@pytest.mark.parametrize("page", TWINS, ids=lambda page: page.stem)
def test_a_chinese_twin_agrees(page):
    twin = TWINS[page]
    text, part = page.read_text("utf-8"), twin.read_text("utf-8")
    assert outline(CHINESE.sub("", part)) == outline(CHINESE.sub("", text))
    links, found = ({(at.parent / to).resolve() for to in LINK.findall(it)} for at, it in ((page, text), (twin, part)))
    assert found == {page} | {OWN.get(link, link) for link in links - {twin}} and all(map(Path.exists, found))


def test_the_chinese_page_for_teachers_hands_out_what_is_chinese():
    text = TWINS[ROOT / "TEACHING.md"].read_text("utf-8")
    commands = [line for line in text.splitlines() if re.search(r"tools/(exercises\.py --course|slides\.py)", line)]
    assert len(commands) == 2 and all("--language zh" in line for line in commands)
    named = re.findall(r"([\w/]*(?:student/|solution/|solutions\.ipynb))[`)]", text)
    assert len(named) > 4 and all("zh/" in path for path in named)


def test_the_chinese_solutions_have_the_same_tasks_and_code():
    pair = (nbformat.read(path, as_version=4).cells for path in tool("exercises").ANSWERS.values())
    for ours, theirs in zip(*pair, strict=True):
        assert ours.cell_type == theirs.cell_type
        if ours.cell_type == "code":
            assert ours.source == theirs.source
        else:
            assert HAN.search(theirs.source) and numbers(theirs.source) == numbers(ours.source), theirs.source
            assert CODE.findall(theirs.source) == CODE.findall(ours.source)
