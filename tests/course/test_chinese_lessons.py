"""The Chinese lessons: every cell has its twin, and numbers, formulas, code and links agree with the English ones."""

import re

import nbformat
import pytest
from lessons import FILES, ROOT, tool

from titans_course.language import catalogue

ZH = ROOT / "notebooks" / "zh"
EXERCISES = ROOT / "notebooks" / "exercises"
STORES = sorted(ZH.glob("*.md"))
SHEETS = sorted((EXERCISES / "zh").glob("*.md"))
HAN = re.compile(r"[\u4e00-\u9fff]")
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$", re.S)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^)]+)\)")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w])")
# What the course does not call a thing, and what it calls it; the article's own words stand in quotation marks.
TERMS = {
    "惊喜": "惊讶度", "空心": "空洞", "回忆": "召回", "说法": "主张", "平局": "并列", "离散程度": "波动",
    "delta 规则": "增量规则", "注意力偏置": "注意偏置", "注意力偏差": "注意偏置", "陈旧": "过期的梯度",
    "令牌": "词元", "代币": "词元", "复述": "召回", "随机猜": "随机水平", "瞎猜": "随机水平", "对照组": "对照",
}  # fmt: skip

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
        for pattern in (FORMULA, CODE, LINK):
            found, wanted = set(pattern.findall(part)), set(pattern.findall(text))
            assert found == wanted, (part[:80], found ^ wanted)


@both
def test_numbers_agree(chinese, store):
    for text, part in twins(chinese, store):
        assert numbers(part) == numbers(text), (part[:80], numbers(part) ^ numbers(text))


@both
def test_one_term_has_one_translation(chinese, store):
    prose = re.sub(r"“[^”]*”|「[^」]*」", "", "\n".join(part for _, part in twins(chinese, store)))
    assert {wrong: right for wrong, right in TERMS.items() if wrong in prose} == {}


def test_the_catalogue_uses_the_same_terms():
    texts = [re.sub(r"“[^”]*”", "", text) for text in catalogue("zh").values()]
    assert {wrong: text for wrong in TERMS for text in texts if wrong in text} == {}


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
