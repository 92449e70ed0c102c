"""The classroom exercises without nbgrader: solutions pass, blanks get nothing, wrong answers lose what they should."""

import contextlib
import importlib
import importlib.util
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import pytest
import torch
from words import numbers

from titans_course import exercises
from titans_course.exercises import EXERCISES, LESSONS, PARTS, Wrong, hint, limits, table
from titans_course.language import VARIABLE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks" / "exercises"
SEEDS = (0, 5, 99)  # the visible inputs, and others as hidden tests draw them
CHINESE = re.compile(r"[\u4e00-\u9fff]")

each = pytest.mark.parametrize("name", EXERCISES)
each_lesson = pytest.mark.parametrize("lesson", LESSONS)


def notebook(kind: str, lesson: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / kind / lesson / f"{lesson}.ipynb", as_version=4)


def code(kind: str, lesson: str) -> list:
    return [cell for cell in notebook(kind, lesson).cells if cell.cell_type == "code"]


def marks(cell) -> dict:
    """nbgrader's metadata of a cell."""
    return cell.metadata.get("nbgrader", {})


def answer(name: str, kind: str = "source"):
    """The function that the exercise's cell defines: the solution in the source, the stub in the student copy."""
    lesson = next(key for key, module in LESSONS.items() if EXERCISES[name] in module.EXERCISES)
    names: dict = {}
    for cell in code(kind, lesson):
        if marks(cell).get("grade_id") in ("imports", name):
            exec(cell.source, names)
    return names[name]


def lost(name: str, function: object, seed: int = 0) -> dict[str, str]:
    """The parts of an exercise that a function fails, with what it is told."""
    told = {}
    for part in PARTS:
        try:
            EXERCISES[name](function, part, seed=seed)
        except Wrong as wrong:
            told[part] = str(wrong)
    return told


def mutants() -> list:
    modules = [module.__name__.rsplit(".", 1)[1] for module in LESSONS.values()]
    kept = [importlib.import_module(f"mutants.exercises.{module}").MUTANTS for module in modules]
    return [
        (name, number, mutant) for part in kept for name, made in part.items() for number, mutant in enumerate(made)
    ]


def test_every_lesson_has_three_or_more():
    for lesson, module in LESSONS.items():
        assert len(module.EXERCISES) >= 3
        assert {made.lesson for made in module.EXERCISES} == {int(lesson[:2])}
    assert len(EXERCISES) == sum(len(module.EXERCISES) for module in LESSONS.values())  # no name twice
    assert [line["name"] for line in table()] == list(EXERCISES)


@each
def test_what_the_register_says(name):
    made = EXERCISES[name]
    assert getattr(exercises, f"check_{name}") is made
    assert f"check_{name}" in exercises.__all__
    assert all(points >= 1 for points in made.points) and 1 <= made.difficulty <= 5 and 3 <= made.minutes <= 30
    hints = [hint(name, strength) for strength in (1, 2, 3)]
    assert len(set(hints)) == 3 and all(len(text) > 20 for text in hints)


@each
def test_no_hint_is_the_answer(name):
    lesson = next(key for key, module in LESSONS.items() if EXERCISES[name] in module.EXERCISES)
    imports, cell = (c.source for c in code("source", lesson) if marks(c).get("grade_id") in ("imports", name))
    head, result = re.search(r"^def .*:$", cell, re.M)[0], "".join(cell.rpartition("return ")[2].split("#")[0].split())
    for text in EXERCISES[name].hints:
        assert len(result) < 8 or result not in "".join(text.split())
        for piece in re.findall(r"`([^`]+)`", text):
            names: dict = {}
            with contextlib.suppress(SyntaxError):
                exec(f"{imports}\n{head}\n    return {piece.removeprefix('return ')}", names)
                assert lost(name, names[name]), piece


@each
def test_every_hint_is_there_in_chinese(name, monkeypatch):
    monkeypatch.setenv(VARIABLE, "zh")
    for strength, text in enumerate(EXERCISES[name].hints, 1):
        chinese = hint(name, strength)
        assert CHINESE.search(chinese) and numbers(chinese) == numbers(text)
        assert set(re.findall(r"`[^`]+`", chinese)) == set(re.findall(r"`[^`]+`", text))


@each
@pytest.mark.parametrize("seed", SEEDS)
def test_the_solution_gets_full_marks(name, seed):
    assert lost(name, answer(name), seed) == {}


@each
def test_a_blank_gets_none_and_is_told_so(name):
    told = lost(name, answer(name, "student"))
    assert set(told) == set(PARTS)
    assert all("not written yet" in sentence for sentence in told.values())


@pytest.mark.parametrize("name, number, mutant", mutants(), ids=lambda x: str(x) if isinstance(x, str | int) else "")
def test_a_wrong_answer_loses_what_it_should(name, number, mutant):
    for seed in SEEDS:
        told = lost(name, mutant.function, seed)
        assert tuple(told) == mutant.lost, told
        sentence = told[mutant.lost[0]]
        assert re.search(mutant.says, sentence), sentence
        assert "\n" not in sentence


@each
def test_there_are_three_wrong_answers_and_each_part_is_lost(name):
    made = [mutant for other, _, mutant in mutants() if other == name]
    assert len(made) >= 3
    assert {part for mutant in made for part in mutant.lost} == set(PARTS)


def raises(*args):
    raise ValueError("two\nlines")


def leaves(*args):
    sys.exit(3)


UNUSABLE = {
    "an exception": raises,
    "None": lambda *args: None,
    "text": lambda *args: "abc",
    "NaN": lambda *args: torch.full((3, 5), torch.nan),
    "a number that is NaN": lambda *args: float("nan"),
    "pairs of NaN": lambda *args: (float("nan"), float("nan")),
    "an object": lambda *args: object(),
    "no arguments": lambda: 1.0,
    "another exercise's": lambda *args: [torch.zeros(2)] * 2,
    "the end": leaves,
    "no function": 7,
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_used_is_one_sentence(kind):
    for name in EXERCISES:
        told = lost(name, UNUSABLE[kind])  # any other error would come through
        assert "value" in told, name
        assert all(0 < len(sentence) < 400 and "\n" not in sentence for sentence in told.values()), told


def test_the_sentence_names_the_cause():
    assert "stopped with ValueError in line" in lost("half_life", raises)["value"]
    assert "two lines" in lost("half_life", raises)["value"]
    assert "returned None: does every way" in lost("half_life", lambda alpha: None)["value"]
    assert "must be a number, not a str" in lost("half_life", lambda alpha: "abc")["value"]
    assert "must be a function, but it is an int" in lost("half_life", 7)["value"]
    assert "stopped with SystemExit" in lost("half_life", leaves)["value"]


def test_a_later_token_is_named():
    late = {mutant.function.__name__: mutant for name, _, mutant in mutants() if name in ("excess", "chunk_read")}
    told = lost("excess", late["whole_stream"].function)["property"]
    assert re.match(r"token \d+ changed when token 12 did: mean and spread may use only past tokens", told)
    told = lost("chunk_read", late["read_at_the_end"].function)["property"]
    assert told.startswith("token 0 changed when token 9 did: your read sees later writes")


@pytest.mark.parametrize("timer", [True, False], ids=["system", "windows"])
def test_an_endless_loop_ends(monkeypatch, timer):
    end = time.monotonic() + 60  # if nothing stops it, the test fails and does not hang

    def endless(alpha):
        while time.monotonic() < end:
            with contextlib.suppress(Exception):
                pass

    if not timer:
        monkeypatch.delattr(signal, "setitimer", raising=False)
        monkeypatch.delattr(signal, "SIGALRM", raising=False)
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(limits, "SECONDS", 0.1)
    assert "does a loop never end?" in lost("half_life", endless)["value"]
    assert signal.getsignal(signal.SIGINT) is before


def test_the_time_limit_leaves_other_threads_alone():
    done = []

    def work():
        with limits.time_limit(0.001):
            done.append(sum(range(100_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [sum(range(100_000))]


@pytest.mark.skipif(sys.platform != "linux", reason="address space is bounded on Linux alone")
def test_a_memory_hog_ends_in_an_error():
    hog = f"""
import runpy
runpy.run_path({str(Path(limits.__file__))!r})["cap_memory"](2**28)
try:
    kept = [bytearray(2**26) for _ in range(2**10)]
except MemoryError:
    print("bounded", len(bytearray(2**20)))
"""
    result = subprocess.run([sys.executable, "-c", hog], capture_output=True, text=True, check=False)
    assert result.stdout == "bounded 1048576\n", result.stderr


def test_noise_on_stderr_goes_to_stdout(capsys):
    def noisy(alpha):
        print("debug", file=sys.stderr)
        return answer("half_life")(alpha)

    assert lost("half_life", noisy) == {}
    out, err = capsys.readouterr()
    assert "debug" in out and err == ""


def test_a_check_prints_and_returns_nothing(capsys):
    assert exercises.check_half_life(answer("half_life")) is None  # a number would become the mark
    assert capsys.readouterr().out.splitlines() == [f"[ok] right: the half-life of a memory, {part}" for part in PARTS]


def test_a_notebook_shows_the_sentence_alone():
    with pytest.raises(Wrong) as caught:
        exercises.check_half_life(lambda alpha: 1 / alpha)
    assert isinstance(caught.value, AssertionError)
    (line,) = caught.value._render_traceback_()
    assert line.startswith("Not yet: the half-life") and 'print(hint("half_life", 1))' in line


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="part must be one of value, property"):
        exercises.check_half_life(answer("half_life"), "speed")
    with pytest.raises(ValueError, match="name must be one of"):
        hint("nothing")
    with pytest.raises(ValueError, match="strength must be 1, 2 or 3"):
        hint("half_life", 4)


@each_lesson
def test_source_and_register_agree(lesson):
    cells = notebook("source", lesson).cells
    made = LESSONS[lesson].EXERCISES
    assert [marks(c)["grade_id"] for c in cells if marks(c).get("solution")] == [exercise.name for exercise in made]
    graded = {marks(c)["grade_id"]: marks(c) for c in cells if marks(c).get("grade")}
    assert {name: mark["points"] for name, mark in graded.items()} == {
        f"{exercise.name}-{part}": points
        for exercise in made
        for part, points in zip(PARTS, exercise.points, strict=True)
    }
    assert all(mark["locked"] for mark in graded.values())
    total = sum(sum(exercise.points) for exercise in made)
    assert f"{len(made)} exercises, {total} points, about {sum(e.minutes for e in made)} minutes" in cells[0].source
    text = [cell.source for cell in cells if cell.cell_type == "markdown"]
    for exercise, said in zip(made, text[1:], strict=True):
        value, property_ = exercise.points
        facts = f"Difficulty {exercise.difficulty}, {exercise.minutes} minutes, {value} + {property_} points."
        assert facts in said and CHINESE.search(said.splitlines()[0])
    assert CHINESE.search(text[0])


@each_lesson
def test_every_test_cell_repeats_its_call_in_secret(lesson):
    for cell in code("source", lesson):
        hidden = re.findall(r"# BEGIN HIDDEN TESTS\n(.*), seed=(\d+)\)\n# END HIDDEN TESTS", cell.source)
        assert bool(hidden) == bool(marks(cell).get("grade"))
        for call, seed in hidden:
            assert f"\n{call})\n" in cell.source and int(seed) not in SEEDS


@each_lesson
def test_every_copy_runs(lesson):
    names: dict = {}
    for kind in ("source", "solution"):
        for cell in code(kind, lesson):
            exec(cell.source, names)
    names = {}
    for cell in code("student", lesson):
        if marks(cell).get("grade"):
            with pytest.raises(Wrong, match="not written yet"):
                exec(cell.source, names)
        else:
            exec(cell.source, names)


def test_the_package_needs_no_widgets_and_no_nbgrader():
    outside = {"nbgrader", "nbformat", "nbconvert", "IPython", "ipywidgets"}
    for path in (ROOT / "titans_course" / "exercises").glob("*.py"):
        found = set(re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), flags=re.MULTILINE))
        assert bool(found & outside) == (path.stem == "classroom"), path  # which no other module imports
        assert "classroom import" not in path.read_text("utf-8")
