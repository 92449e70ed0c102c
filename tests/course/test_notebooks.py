"""The notebooks are small and complete: form, links, exercises.

`make test` checks with nbval that every notebook runs and gives its stored numbers; test_notebook_tools.py tests that
check.
"""

import json
import re
import statistics
import tomllib

import nbformat
import pytest
from lessons import FILES, ROOT, cells, tagged, tool

SECTIONS = ("promise", "objectives", "exercises", "self-check", "equations", "next")
CHINESE = re.compile(r"[\u4e00-\u9fff]")

each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def test_there_are_lessons():
    assert {path.stem for path in FILES} >= {
        "00_tour",
        "01_memory_that_learns",
        "02_momentum_and_forgetting",
        "03_the_recipe",
    }


@each
def test_file_is_small_and_without_widget_state(path):
    content = path.read_text(encoding="utf8")
    assert path.stat().st_size < 500_000
    for unwanted in ("jupyter.widget-view", "widget-state", "plotly.min.js", "window.PlotlyConfig"):
        assert unwanted not in content
    metadata = json.loads(content)["metadata"]
    assert set(metadata) == {"kernelspec", "language_info"}
    assert metadata["kernelspec"]["name"] == "python3"


@each
def test_every_code_cell_is_executed_and_clean(path):
    counts = [cell.execution_count for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))
    for cell in cells(path, "code"):
        assert not cell.source.rstrip().endswith(";")
        assert not [
            output for output in cell.outputs if output.output_type == "error" or output.get("name") == "stderr"
        ]


@each
def test_cells_are_short(path):
    notebook = nbformat.read(path, as_version=4)
    tool("notebooks").install(notebook, None)  # the cell for Colab is no part of the lesson
    lengths = [len(cell.source.splitlines()) for cell in notebook.cells if cell.cell_type == "code"]
    assert 25 <= len(notebook.cells) <= 66
    builds = path.stem in ("02b_build_a_titans", "05_three_variants")  # their cells hold whole layers
    assert 2 <= statistics.median(lengths) <= (12 if builds else 6)  # a prediction takes a line
    assert max(lengths) <= 25
    for cell in cells(path, "markdown"):
        if not set(cell.metadata.get("tags", [])) & set(SECTIONS):
            source = re.sub(r"\$\$.*?\$\$", "", cell.source, flags=re.DOTALL)  # displayed formulas
            lines = [line for line in source.splitlines() if not line.startswith(("#", "!", "|", "<"))]
            assert 20 <= len(" ".join(lines).split()) <= 60, cell.source


@each
def test_required_sections_are_there_in_two_languages(path):
    for section in SECTIONS:
        assert len(tagged(path, section)) == 1, section
        assert CHINESE.search(tagged(path, section)[0].source), section
    headings = [line for cell in cells(path, "markdown") for line in cell.source.splitlines() if line.startswith("#")]
    assert all(CHINESE.search(line) and re.search("[A-Za-zητλβ]{1}", line) for line in headings), headings
    objectives = [line for line in tagged(path, "objectives")[0].source.splitlines() if line.startswith("- ")]
    assert len(objectives) >= 3 and all(" · " in line and CHINESE.search(line) for line in objectives)
    source = "\n".join(cell.source for cell in cells(path, "markdown"))
    assert source.count("**Predict**") >= 4 and source.count("**Explain.**") >= 4


@each
def test_links_and_images_resolve(path):
    notebooks, source = tool("notebooks"), "\n".join(cell.source for cell in cells(path, "markdown"))
    source = source.replace(notebooks.badges(path, notebooks.repository()), "")
    for alt, target in re.findall(r"\[([^\]]*)\]\(([^)]+)\)", source):
        assert (path.parent / target).exists(), target
        assert alt
    images = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", source)
    assert len(images) >= 3
    for alt, target in images:
        assert len(alt) > 30
        assert (path.parent / target).stat().st_size < 150_000


def test_the_images_are_those_that_the_tool_draws_and_the_lessons_show(monkeypatch):
    used = {name for path in FILES for name in re.findall(r"images/(\w+)\.png", path.read_text(encoding="utf8"))}
    monkeypatch.syspath_prepend(ROOT / "tools")
    assert {file.stem for file in (ROOT / "notebooks" / "images").glob("*.png")} == used
    assert set(tool("images").PICTURES) == used


@each
def test_links_at_the_top_are_fresh(path):
    notebooks, source = tool("notebooks"), cells(path, "markdown")[0].source
    assert source.partition("\n")[0] == notebooks.navigation(path) + notebooks.badges(path, notebooks.repository())


@each
def test_checked_cells_print_and_assert_something(path):
    checked = [cell for cell in cells(path, "code") if "NBVAL_CHECK_OUTPUT" in cell.source]
    assert len(checked) >= 5
    assert all(cell.outputs and cell.outputs[0].output_type == "stream" for cell in checked)


SOLUTIONS = tomllib.loads((ROOT / "teaching" / "lesson_solutions.toml").read_text("utf-8"))


@each
def test_exercises_accept_the_solution_and_name_the_mistake(path, capsys):
    names: dict = {}
    exec(tool("exercises").imports(nbformat.read(path, as_version=4)), names)
    exec(SOLUTIONS["prepare"].get(path.stem, ""), names)
    exercises = tagged(path, "exercise")
    for cell, (name, right, wrong) in zip(exercises, SOLUTIONS[path.stem], strict=True):
        blank = re.search(rf"^{name} = None.*$", cell.source, flags=re.MULTILINE).group()
        exec(cell.source, names)
        assert capsys.readouterr().out == ""
        with pytest.raises(AssertionError, match=r"\w+ \w+"):
            exec(cell.source.replace(blank, f"{name} = {wrong}"), names)
        exec(cell.source.replace(blank, f"{name} = {right}"), names)
        assert capsys.readouterr().out.startswith("right")


def test_the_teachers_solutions_are_fresh():
    exercises = tool("exercises")
    for language, path in exercises.ANSWERS.items():
        assert path.read_text("utf-8") == exercises.lesson_solutions(language), "run `make exercises`"


@each
def test_each_lesson_leads_to_the_next_and_to_its_exercises(path):
    place, first, last = FILES.index(path), cells(path, "markdown")[0].source, cells(path, "markdown")[-1].source
    if path != FILES[-1]:
        assert f"]({FILES[place + 1].name})" in last.partition("## Next")[2]
    exercises = ROOT / "notebooks" / "exercises" / "student" / path.stem / path.name
    assert (f"](exercises/student/{path.stem}/{path.name})" in first) == exercises.is_file()
    assert "](GLOSSARY.md)" in first
