"""The notebooks are small and complete: form, links, exercises.

`make test` checks with nbval that every notebook runs and gives its stored numbers; test_notebook_tools.py tests that
check.
"""

import json
import re
import statistics

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
    lengths = [len(cell.source.splitlines()) for cell in cells(path, "code")]
    assert 25 <= len(nbformat.read(path, as_version=4).cells) <= 60
    assert 2 <= statistics.median(lengths) <= 6  # a prediction takes a line
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
    source = "\n".join(cell.source for cell in cells(path, "markdown"))
    source = "\n".join(line for line in source.splitlines() if not line.startswith(tool("notebooks").BADGE))
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
    assert source == notebooks.headed(source, path, notebooks.repository())


@each
def test_checked_cells_print_and_assert_something(path):
    checked = [cell for cell in cells(path, "code") if "NBVAL_CHECK_OUTPUT" in cell.source]
    assert len(checked) >= 5
    assert all(cell.outputs and cell.outputs[0].output_type == "stream" for cell in checked)


LOST = 'lambda v: (r := read_card(f"text-{v}")["results"])[1]["bits"] - r[0]["bits"]'
ADDED = (  # what a write adds, with and without forgetting
    "lambda m: (lambda M, k, t: same(m.write(M, k, k, t, t)[0] - m.write(M, k, k, 0 * t, t)[0], "
    "m.write(M, k, k, t, 0 * t)[0] - M[0]))(m.start(1), series(batch=1)[:, 0], torch.tensor(0.2))"
)
SOLUTIONS = {
    "00_tour": [
        ("token", "int(100 + trace.raw[100:].argmax())", "150"),
        ("tau", "0.25", "0.3"),
        ("share", "(1 - 1e-3) ** 1000", "0.5"),
    ],
    "01_memory_that_learns": [
        ("theta", "1 / 18", "0.5"),
        ("hidden_delta", "lambda W2, h, d2: (W2.T @ d2) * (1 - h**2)", "lambda W2, h, d2: W2.T @ d2"),
        ("lost", "1 - 64 / 1000", "0.064"),
    ],
    "02_momentum_and_forgetting": [
        ("theta", "0.001", "0.02"),
        ("alpha", "1 - 0.9 ** 1e-4", "1e-4"),
        ("share", "0.2 / 0.25", "1.0"),
    ],
    "03_the_recipe": [
        ("g_write, factor", "(g := 1 / (1 + math.exp(-1.2))), 1 - 1e-4 * (1 - g)", "0.5, 1.0"),
        ("tau", "search(4000, 0.9)", "0.3"),
        ("lam", "1 - 0.9 ** 1e-5", "1e-4"),
    ],
    "04_in_parallel": [
        ("theta", "1 / 32", "0.5"),
        (
            "coef_20",
            "lambda t, e, a: t[0] * ((1 - a[1]) * (1 - a[2]) + e[1] * (1 - a[2]) + e[1] * e[2])",
            "lambda t, e, a: t[0] * (1 - a[1]) * (1 - a[2])",
        ),
        (
            "linear_attention",
            "lambda q, k, v, theta: 2 * theta * (q @ k.T).tril() @ v",
            "lambda q, k, v, theta: 2 * theta * (q @ k.T) @ v",
        ),
    ],
    "05_three_variants": [
        ("reach", "30", "16"),
        ("count", "lambda w: w * (w + 3)", "lambda w: 2 * w * (w + 1)"),
        ("variant", f"max(VARIANTS, key={LOST})", f"min(VARIANTS, key={LOST})"),
    ],
    "06_miras": [
        ("p", "1 + math.log(4) / math.log(3)", "3.0"),
        ("sigma", "10.0", "1.0"),
        ("config", 'MirasConfig("mlp", "huber", "none", "gd", "constant", theta=0.05)', "PLAIN"),
    ],
    "07_tuning": [
        ("settings", "60", "54"),
        ("short", "600", "700"),
        (
            "tie",
            "lambda a, b: statistics.fmean(g := [x - y for x, y in zip(a, b)]) <= "
            "T_95[len(g) - 2] * statistics.stdev(g) / len(g) ** 0.5",
            "lambda a, b: statistics.fmean(a) - statistics.fmean(b) <= statistics.stdev(a)",
        ),
    ],
    "08_operations": [
        ("rms", "100 / 24**0.5", "100 / 8**0.5"),
        ("limit", "50", "200"),
        (
            "taken_over",
            "lambda d, t, n: next((i + n for i in range(len(d) - n + 1) if min(d[i : i + n]) > t), None)",
            "lambda d, t, n: next((i + 1 for i in range(len(d)) if sum(x > t for x in d[: i + 1]) >= n), None)",
        ),
    ],
    "09_claims_audit": [
        ("bits", "12", "8"),
        ("changed", '{"log10_left": -1.0}', '{"half_life_formula": 10.0}'),
        (
            "judge",
            'lambda f: grade(f["share_one"] <= 0.003, f["snapshot_mb_one"] / 4 < 30)',
            'lambda f: grade(f["share_one"] <= 0.003, f["snapshot_mb_one"] < 30)',
        ),
    ],
    "10_frontiers": [
        ("size", "16_384 + 4 * 320", "16_384"),
        ("cost", "7 / 64", "1 / 8"),
        ("decide", "lambda seen: ((seen[:, 2] > 0.3) & (seen[:, 2] < 0.45)).float()", "threshold(0.3)"),
    ],
    "11_bug_hunt": [
        ("repair", '("torch.exp(-alpha)", "1 - alpha")', '("torch.exp(-alpha)", "torch.exp(-2 * alpha)")'),
        ("repair", '(".mean(dim=0, keepdim=True)", "")', '(".mean(dim=0, keepdim=True)", ".sum(dim=0, keepdim=True)")'),
        ("eighth", ADDED, "lambda m: same(m.start(1)[0], m.start(1)[0])"),
    ],
}
PREPARE = """
from titans_mini import SimulationConfig, simulate, simulate_many
from titans_course.studies.measures import writes_per_1k

trace = simulate(SimulationConfig(tokens=1000))

def search(tokens, beta):
    taus = [step / 50 for step in range(4, 20)]
    runs = simulate_many([SimulationConfig(tokens=tokens, beta=beta, tau=tau) for tau in taus])
    return next(run.settings.tau for run in runs if 30 <= writes_per_1k(run) <= 80)
"""


@each
def test_exercises_accept_the_solution_and_name_the_mistake(path, capsys):
    names: dict = {}
    exec(tagged(path, "imports")[0].source, names)
    exec(PREPARE, names)
    exercises = tagged(path, "exercise")
    for cell, (name, right, wrong) in zip(exercises, SOLUTIONS[path.stem], strict=True):
        blank = re.search(rf"^{name} = None.*$", cell.source, flags=re.MULTILINE).group()
        exec(cell.source, names)
        assert capsys.readouterr().out == ""
        with pytest.raises(AssertionError, match=r"\w+ \w+"):
            exec(cell.source.replace(blank, f"{name} = {wrong}"), names)
        exec(cell.source.replace(blank, f"{name} = {right}"), names)
        assert capsys.readouterr().out.startswith("right")


@each
def test_each_lesson_leads_to_the_next_and_to_its_exercises(path):
    place, first, last = FILES.index(path), cells(path, "markdown")[0].source, cells(path, "markdown")[-1].source
    if path != FILES[-1]:
        assert f"]({FILES[place + 1].name})" in last.partition("## Next")[2]
    exercises = ROOT / "notebooks" / "exercises" / "student" / path.stem / path.name
    assert (f"](exercises/student/{path.stem}/{path.name})" in first) == exercises.is_file()
    assert "](GLOSSARY.md)" in first
