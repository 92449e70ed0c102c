"""The Chinese lessons: every cell has its twin, and numbers, formulas, code and links agree with the English ones."""

import json
import re

import nbformat
import pytest
from lessons import FILES, ROOT, tool
from reading import words_of
from words import english as english_words

from titans_course.bug_hunt import CHECKS, PATIENTS
from titans_course.studies.drill import INCIDENTS
from titans_mini.miras import KNOBS, PRESETS

ZH = ROOT / "notebooks" / "zh"
EXERCISES = ROOT / "notebooks" / "exercises"
STORES = sorted(ZH.glob("*.md"))
SHEETS = sorted((EXERCISES / "zh").glob("*.md"))
HAN = re.compile(r"[\u4e00-\u9fff]")
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.S)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)]+)\)")
NUMBER = re.compile(r"(?<![A-Za-z_.,\d])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
SYMBOL = re.compile(r"[−+×/=←→≤≥<>≈±∈ΣΠ∏√‖∇∂⊙⊗∞α-ωᵀ²½]")
TWICE = re.compile(r" · [^|\n<]*[\u4e00-\u9fff][^|\n<]*")  # what an English cell says in Chinese, too

each = pytest.mark.parametrize("store", STORES, ids=lambda path: path.stem)
both = pytest.mark.parametrize("store", STORES + SHEETS, ids=lambda path: f"{path.parents[1].name}-{path.stem}")


def english(store):
    """The English notebook of a store: a lesson, or an instructor's exercises."""
    lesson = store.parent == ZH
    path = ROOT / "notebooks" if lesson else EXERCISES / "source" / store.stem
    return nbformat.read(path / f"{store.stem}.ipynb", as_version=4)


@pytest.fixture
def chinese():
    return tool("chinese")


def twins(chinese, store):
    """Each cell of prose of a lesson, English, and its Chinese part."""
    parts = chinese.parts(store)
    for cell in english(store).cells:
        if cell.cell_type == "markdown":
            source = cell.source.partition("\n")[2] if cell.source.startswith(chinese.TITLE) else cell.source
            yield source, parts[chinese.mark(cell)]


def numbers(text):
    """The numbers of a text outside formulas, code and links."""
    bare = LINK.sub("]", CODE.sub("", FORMULA.sub("", text)))
    for unit, times in ((" million", 10**6), (" 万", 10**4)):
        bare = re.sub(rf"(\d[\d.]*){unit}", lambda found, by=times: f"{float(found[1]) * by:.0f} ", bare)
    return {number.replace(",", "").rstrip(".") for number in NUMBER.findall(bare)}


def test_every_lesson_is_there_in_chinese():
    assert [path.stem for path in STORES] == [path.stem for path in FILES]
    assert [path.stem for path in sorted(ZH.glob("*.ipynb"))] == [path.stem for path in FILES]


@each
def test_no_cell_lacks_its_twin_and_the_copy_is_fresh(chinese, store):
    wanted = chinese.translated(english(store), chinese.parts(store), store.stem)
    found = nbformat.read(ZH / f"{store.stem}.ipynb", as_version=4)
    assert [(cell.cell_type, cell.source) for cell in found.cells] == [
        (cell.cell_type, cell.source) for cell in wanted.cells
    ]
    assert all(HAN.search(part) for part in chinese.parts(store).values())


@both
def test_formulas_code_and_links_agree(chinese, store):
    for text, part in twins(chinese, store):
        assert sorted(FORMULA.findall(part)) == sorted(FORMULA.findall(text)), part[:80]
        for pattern in (CODE, LINK):
            found, wanted = set(pattern.findall(part)), set(pattern.findall(text))
            assert found == wanted, (part[:80], found ^ wanted)


@both
def test_each_row_of_a_table_holds_the_same_symbols(chinese, store):
    """Formulas in tables are plain text."""

    def rows(text):
        return [sorted(SYMBOL.findall(line)) for line in text.split("\n") if line.startswith("|")]

    for text, part in twins(chinese, store):
        assert rows(part) == rows(TWICE.sub("", text)), part[:80]


@both
def test_numbers_agree(chinese, store):
    for text, part in twins(chinese, store):
        assert numbers(part) == numbers(text), (part[:80], numbers(part) ^ numbers(text))


def test_the_exercises_of_every_lesson_are_there_in_chinese():
    assert [path.stem for path in SHEETS] == sorted(path.stem for path in EXERCISES.glob("source/*/*.ipynb"))


def test_a_changed_english_cell_and_a_part_without_a_cell_are_named(chinese):
    cells = [nbformat.v4.new_markdown_cell("# One · 一"), nbformat.v4.new_code_cell("1 + 1")]
    whole = nbformat.v4.new_notebook(cells=cells)
    made = chinese.translated(whole, {chinese.mark(cells[0]): "# 一"}, "x")
    assert [cell.source for cell in made.cells] == ["# 一", "1 + 1"]
    with pytest.raises(ValueError, match=r"no Chinese for .*; no cell for 00000000"):
        chinese.translated(whole, {"00000000": "# 一"}, "x")


def test_renewed_prose_keeps_the_outputs_of_unchanged_code(chinese):
    def notebook(*outputs):
        cells = [nbformat.v4.new_code_cell(source, outputs=[nbformat.v4.new_output("stream", text=text)])
                 for source, text in outputs]  # fmt: skip
        return nbformat.v4.new_notebook(cells=cells)

    made = notebook(("same()", "english"), ("new()", "english"))
    chinese.keep_outputs(notebook(("same()", "中文"), ("old()", "中文")), made)
    assert [cell.outputs[0].text for cell in made.cells] == ["中文", "english"]


# What a Chinese lesson shows

PLOTLY = "application/vnd.plotly.v1+json"
SYMBOLS = "gram titans tau theta lambda beta eta alpha g_write g_forget cursor Coef MB MAC MAG MAL LMM ln va vb control"
NAMES = {
    *SYMBOLS.split(),
    *PRESETS,
    *INCIDENTS,
    *PATIENTS,
    *CHECKS,
    *(choice for knob in KNOBS.values() for choice in knob),
}
CHECKPOINT = re.compile(r"\b(recall|text)-(mag|mac|mal|lmm)\b")


def shown(path, kind):
    """(number of the cell, output of this kind) of a notebook."""
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        for output in cell.get("outputs", []):
            if kind in output.get("data", {}):
                yield number, output.data[kind]


def words(figure):
    return english_words([CHECKPOINT.sub("", text) for text in words_of(json.dumps(figure))], NAMES)


@each
def test_a_figure_says_in_a_chinese_lesson_in_chinese_what_it_says_in_english(store):
    ours, theirs = (dict(shown(folder / f"{store.stem}.ipynb", PLOTLY)) for folder in (ZH, ZH.parent))
    assert ours.keys() == theirs.keys()
    for number, figure in theirs.items():
        assert words(ours[number]) == set(), (number, words(ours[number]))
        assert not words(figure) or any(map(HAN.search, words_of(json.dumps(ours[number])))), number


@each
def test_what_stands_for_a_figure_or_a_panel_is_chinese(store):
    said = [text for _, text in shown(ZH / f"{store.stem}.ipynb", "text/plain") if not text.startswith("<IPython")]
    assert [text for text in said if not HAN.search(text)] == []


@each
def test_a_chinese_lesson_shows_chinese_pictures(store):
    found = nbformat.read(ZH / f"{store.stem}.ipynb", as_version=4)
    names = re.findall(r"!\[[^\]]*\]\((.*?)(\w+\.png)\)", "\n".join(cell.source for cell in found.cells))
    assert len(names) >= 3 and {folder for folder, _ in names} == {"../images/zh/"}
    for _, name in names:
        picture = ROOT / "notebooks" / "images" / "zh" / name
        assert 1000 < picture.stat().st_size < 150_000


def test_each_picture_is_there_in_both_languages_and_says_other_words():
    """But for the text that the memory read."""
    pictures = {path.name: path for path in (ROOT / "notebooks" / "images").glob("*.png")}
    chinese = {path.name: path for path in (ROOT / "notebooks" / "images" / "zh").glob("*.png")}
    assert pictures.keys() == chinese.keys()
    assert [name for name, path in pictures.items() if path.read_bytes() == chinese[name].read_bytes()] == [
        "tour_text.png"
    ]
