"""What a learner is told in an exercise, in Chinese: every sentence has its text, and marks stay what they are."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from test_exercises import EXERCISES, FOLDER, LESSONS, PARTS, UNUSABLE, answer, code, lost, mutants
from words import HAN, numbers

from titans_course import exercises
from titans_course.exercises import Wrong, hint, limits, table
from titans_course.exercises.check import SIGN, Draw
from titans_course.exercises.values import as_tensor, require
from titans_course.language import VARIABLE, catalogue, tell
from titans_mini.messages import Message

SOURCES = sorted(Path(exercises.__file__).parent.glob("*.py"))
TEMPLATES = {template: text for (context, template), text in catalogue("zh").items() if context is None}
CODE = re.compile(r"`[^`]*`")
CLAUSE = re.compile(r"[A-Za-z]{2,}(?: [A-Za-z]{2,}){2,}")  # three English words in a row
# f-strings that are no sentences: a call, a path, a name of Python's, and an error for whoever writes a test cell.
PLAIN = {
    "check.py": {'print(hint("{self.name}", 1))', "part must be one of {', '.join(PARTS)}, not {part!r}"},
    "answer.py": {"{root}/{place}"},
    "seal.py": {"{where}.{name}"},
    "classroom.py": {"^{re.escape(SIGN)} ", "{error.ename}: {error.evalue}"},
}
LOGGED = {"A copy of the cell '%s' is not graded; the last one is",  # nbgrader's log, which the teacher reads
          "Removed '%s': it would be imported in place of an installed module"}  # fmt: skip


@pytest.fixture(autouse=True)
def chinese(monkeypatch):
    monkeypatch.setenv(VARIABLE, "zh")


def strings(tree: ast.Module) -> Iterator[str]:
    """The string constants of a module without its docstrings and the parts of f-strings."""
    places = (ast.Module, ast.FunctionDef, ast.ClassDef)
    docs = {id(node.body[0].value) for node in ast.walk(tree)
            if isinstance(node, places) and isinstance(node.body[0], ast.Expr)}  # fmt: skip
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | parts:
            yield node.value


def sentences() -> set[str]:
    """Each text of more than one word in the code of the exercises."""
    found = {text for path in SOURCES for text in strings(ast.parse(path.read_text("utf8")))}
    return {text for text in found if " " in text.strip(", ")} - LOGGED


def templates(message: object) -> Iterator[str]:
    """The template of a message, and those of the messages in its fields."""
    if isinstance(message, Message):
        yield message.template
        for field in message.fields.values():
            yield from templates(field)


def told(name: str, function: object, seed: int = 0) -> dict[str, Message]:
    """The parts of an exercise that a function fails, with the message of each before it is told in a language."""
    made, found = EXERCISES[name], {}
    for part in PARTS:
        try:
            made._check(function, getattr(made, part), seed)
        except Wrong as wrong:
            found[part] = wrong.args[0]
    return found


def check_chinese(message: Message) -> None:
    """A message has a Chinese text, without English of its own and with the same numbers; what Python says stays."""
    assert isinstance(message, Message)
    for template in templates(message):
        assert template in TEMPLATES or " " not in template, template
    said = tell(message, "zh")
    assert HAN.search(said) and numbers(said) == numbers(str(message)), (said, str(message))
    assert message.fields.get("error") or not CLAUSE.search(CODE.sub("", said)), said


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_no_sentence_is_put_together(path):
    """A sentence made of pieces could not be translated: no f-string, no sum and no format of texts."""
    tree = ast.parse(path.read_text("utf8"))
    made = {ast.unparse(node)[2:-1] for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)}
    assert {text.replace("\\", "") for text in made} <= PLAIN.get(path.name, set())
    for node in ast.walk(tree):
        sides = {ast.BinOp: ("left", "right"), ast.AugAssign: ("value",)}.get(type(node), ())
        for side in (getattr(node, name) for name in sides):
            assert not (isinstance(side, ast.Constant) and isinstance(side.value, str)), ast.unparse(node)
        assert not (isinstance(node, ast.Attribute) and node.attr == "format"), ast.unparse(node)


def test_every_sentence_in_the_code_has_its_chinese():
    found = sentences()
    assert len(found) > 450 and found - TEMPLATES.keys() == set()
    for text in found:
        said = TEMPLATES[text]
        assert numbers(said) == numbers(text) and set(CODE.findall(said)) == set(CODE.findall(text)), said
        assert not CLAUSE.search(CODE.sub("", said)), said


@pytest.mark.parametrize("name, number, mutant", mutants(), ids=lambda x: str(x) if isinstance(x, str | int) else "")
def test_a_wrong_answer_is_told_in_chinese(name, number, mutant):
    found = told(name, mutant.function, seed=5)
    assert tuple(found) == mutant.lost
    for message in found.values():
        check_chinese(message)


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_used_is_told_in_chinese(kind):
    for name in EXERCISES:
        for message in told(name, UNUSABLE[kind]).values():
            check_chinese(message)


@pytest.mark.parametrize("name", ["delta_step", "excess", "is_tie", "find_leak", "memory_share"])
def test_marks_do_not_depend_on_the_language(name, monkeypatch, capsys):
    functions = [answer(name), *(mutant.function for other, _, mutant in mutants() if other == name)]
    chinese, signs = [lost(name, function) for function in functions], capsys.readouterr().out.count(SIGN)
    monkeypatch.delenv(VARIABLE)
    assert [tuple(parts) for parts in chinese] == [tuple(lost(name, function)) for function in functions]
    assert capsys.readouterr().out.count(SIGN) == signs > 0
    call = f'print(hint("{name}", 1))'
    assert all(HAN.search(said) and call in said for parts in chinese for said in parts.values())


@pytest.mark.parametrize("name", EXERCISES)
def test_a_right_answer_is_told_its_title_in_chinese(name, capsys):
    lost(name, answer(name))
    title = tell(Message(EXERCISES[name].title), "zh")
    assert HAN.search(title)
    assert capsys.readouterr().out.splitlines() == [f"{SIGN} 对了：{title}（{part}部分）" for part in ("数值", "性质")]


def test_titles_are_those_of_the_texts():
    for lesson, module in LESSONS.items():
        heads = re.findall(r"^## \d+\. (.*)$", (FOLDER / "zh" / f"{lesson}.md").read_text("utf8"), flags=re.M)
        for made, head in zip(module.EXERCISES, heads, strict=True):
            said, text = (re.sub(r"tau|τ|，只看过去", "", title) for title in (tell(Message(made.title), "zh"), head))
            assert said == text


def test_the_table_has_titles_in_the_language_of_the_moment(monkeypatch):
    before = table()
    assert all(HAN.search(line["title"]) for line in before)
    monkeypatch.delenv(VARIABLE)
    assert [{**line, "title": ""} for line in table()] == [{**line, "title": ""} for line in before]
    assert [line["title"] for line in table()] == [made.title for made in EXERCISES.values()]


def test_a_notebook_shows_a_chinese_sentence_alone():
    with pytest.raises(Wrong) as caught:
        exercises.check_delta_step(lambda M, k, v, theta: theta * M)
    (line,) = caught.value._render_traceback_()
    assert line == f"还不对。{caught.value}" and not CLAUSE.search(line)


def test_a_hint_that_does_not_exist_is_refused_in_chinese():
    with pytest.raises(ValueError, match="须为 .*half_life.* 之一，而不是 'nothing'"):
        hint("nothing")
    with pytest.raises(ValueError, match="strength 只能是 1、2 或 3，而不是 4"):
        hint("half_life", 4)


def test_slow_code_and_what_no_wrong_answer_meets_is_told_in_chinese(monkeypatch):
    def endless(alpha):
        while True:
            pass

    monkeypatch.setattr(limits, "SECONDS", 0.1)
    check_chinese(told("half_life", endless)["value"])
    check_chinese(told("half_life", answer("half_life", "student"))["value"])
    for said in (1j * Draw(0).normal(2), Draw(0).normal(2).half()):
        with pytest.raises(Wrong) as caught:
            as_tensor(said, (2,), "f")
        check_chinese(caught.value.args[0])


def test_a_field_is_never_looked_up():
    with pytest.raises(Wrong) as caught:
        require(False, "{name} returned None: does every way through it end in `return`?", name="the gradient")
    assert tell(caught.value, "zh").startswith("the gradient 返回了 None")


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_chinese_copy_speaks_chinese_without_any_setting(lesson, monkeypatch):
    """Its first cell of code says so, and is the only one that differs from the English copy's."""
    monkeypatch.delenv(VARIABLE)
    for kind in ("student", "solution"):
        path = FOLDER / "zh" / kind / lesson / f"{lesson}.ipynb"
        cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        first, *rest = [cell.source for cell in cells]
        english_first, *english_rest = [cell.source for cell in code(kind, lesson)]
        assert rest == english_rest
        assert first == f'import os\n\nos.environ["{VARIABLE}"] = "zh"\n\n{english_first}'
    made = LESSONS[lesson].EXERCISES[0]
    names: dict = {}
    exec(first, names)
    assert HAN.search(names["hint"](made.name)) and HAN.search(lost(made.name, None)["value"])


def test_an_english_copy_says_nothing_about_the_language():
    assert not any(VARIABLE in cell.source for lesson in LESSONS for cell in code("student", lesson))
