"""One term, one translation: all Chinese of the course uses that of the table in notebooks/GLOSSARY.md.

Where a text is a pair of English and Chinese, the Chinese of each term of the English must stand in it. In every text,
the translations of the glossary's second table are refused.
"""

import re
from collections.abc import Iterator
from functools import cache

import nbformat
import pytest
from lessons import FILES, ROOT, tool

from titans_course.language import catalogue

GLOSSARY = (ROOT / "notebooks" / "GLOSSARY.md").read_text("utf8")
TABLE = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \| \[", GLOSSARY, re.M)
INSTEAD = GLOSSARY.partition("\n## Not used")[2]
REFUSED = {
    wrong: right
    for wrongs, right in re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", INSTEAD, re.M)[1:]
    if "---" not in wrongs
    for wrong in wrongs.split("、")
}
SYMBOLS = re.compile(r" [A-Za-zα-ω](, [a-zα-ω])*(?=,|$)")
HIDDEN = re.compile(r"`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]+\$|\]\([^)]*\)|[\u4e00-\u9fff]+", re.S)  # no English words
FIELD = re.compile(r"\{\w*(:[^{}]*)?\}")
SETTING = re.compile(r"(?<!\*)\*[^*\n]+\*(?!\*)")
QUOTED = re.compile(r"“[^”]*”|「[^」]*」")
HAN = re.compile(r"[\u4e00-\u9fff]")
# Terms whose English is also an everyday word, or part of a longer name. The second table still holds for them.
EVERYDAY = {"step", "value", "reach", "chance", "smoothing", "segment", "claim", "fact", "scenario", "bits of a number"}
# Another form of the translation, or what the same word says of other things.
ALSO = {
    "memory": "内存|文本模型",
    "key": "名称",
    "query": "queries",
    "rank one": "秩[是为]一",
    "surprise": "惊讶|意外",
    "bits per byte": "每字节",
    "writes per 1,000": "每 1,000 个词元|每千词元",
    "normaliser": "归一化",
    "stale gradient": "梯度(都)?过期",
    "pending": "待处理",
    "inner steps": "内部步|内部的步",
    "shadow": "投影|影子",
    "properties": "性质",
    "spread": "标准差|散|分布",
    "window": "Windows|窗",
    "control": "控件",
    "rounded weights": "量化|舍入",
    "drill": "演练",
    "filler": "填充",
}


def terms() -> Iterator[tuple[str, str]]:
    """(English, Chinese) of the table, one pair for each of several terms in a row."""
    for english, chinese in TABLE:
        if re.search(r"[A-Z]{3}", english):
            continue  # MAC, MAG, MAL, LMM: names
        names = [english] if re.search(r"\d", english) else SYMBOLS.sub("", english).split(", ")
        words = re.split("[，、]", re.sub("（.*?）", "", chinese))
        yield from zip(names, words, strict=True)


TERMS = dict(terms())


@cache
def pairs() -> list[tuple[str, str, str]]:
    """(place, English, Chinese) of each cell of lessons and sheets, and of each text of the catalogue."""
    chinese, found = tool("chinese"), []
    sheets = ROOT / "notebooks" / "exercises"
    stores = [(path, path.parents[1] / f"{path.stem}.ipynb") for path in sorted((ROOT / "notebooks/zh").glob("*.md"))]
    stores += [
        (path, sheets / f"source/{path.stem}/{path.stem}.ipynb") for path in sorted((sheets / "zh").glob("*.md"))
    ]
    for store, notebook in stores:
        parts = chinese.parts(store)
        for cell in nbformat.read(notebook, as_version=4).cells:
            if cell.cell_type == "markdown":
                text = cell.source.partition("\n")[2] if cell.source.startswith(chinese.TITLE) else cell.source
                found.append((f"{store.parents[1].name}/{store.stem}", text, parts[chinese.mark(cell)]))
    english = catalogue("en")
    for (context, key), text in catalogue("zh").items():
        told = key if context is None else english.get((context, key), "")  # names have their English in the code
        found.append((f"zh.po/{context}: {key}", FIELD.sub("", told), text))
    return found


def lacking(english: str, chinese: str) -> list[str]:
    """Terms of the English without their translation in the Chinese."""
    bare = HIDDEN.sub(" ", SETTING.sub(" ", english))
    found = []
    for term, word in TERMS.items():
        plural = term[:-1] + "(y|ies)" if term.endswith("y") else term + "(s|es)?"
        fits = word in chinese or term in chinese or re.search(ALSO.get(term, "$^"), chinese)
        if term not in EVERYDAY and not fits and re.search(rf"(?<![\w-]){plural}(?![\w-])", bare, re.I):
            found.append(term)
    return found


def texts() -> Iterator[tuple[str, str]]:
    """(place, text) of all Chinese: lessons in both languages, sheets, teaching, pages, catalogue, code.

    The claims' code is left out: its Chinese is the article's.
    """
    yield from ((place, chinese) for place, _, chinese in pairs())
    notebooks = [*FILES, *(ROOT / "notebooks" / "exercises" / "source").glob("*/*.ipynb")]
    for path in [*notebooks, *(ROOT / "teaching" / "zh").glob("*.ipynb")]:
        for cell in nbformat.read(path, as_version=4).cells:
            yield path.name, cell.source
    written = [ROOT / name for name in ("TEACHING.md", "TEACHING.zh.md", "README.md", "README.zh.md")]
    written += [ROOT / "notebooks" / "RECIPE.md", *(ROOT / "tools").rglob("*.md"), *(ROOT / "tools").rglob("*.toml")]
    for folder, kinds in (("teaching", "md toml"), ("docs", "md"), ("tools", "py po html js"), ("app", "py js css")):
        written += [path for kind in kinds.split() for path in (ROOT / folder).rglob(f"*.{kind}")]
    code = [path for house in ("titans_mini", "titans_course") for path in (ROOT / house).rglob("*.py")]
    written += [path for path in code if path.parent.name != "claims"]
    yield from ((str(path.relative_to(ROOT)), path.read_text("utf8")) for path in written)
    yield "GLOSSARY.md", GLOSSARY.partition("\n## Not used")[0]


def test_the_tables_are_read_and_each_refused_word_has_one_that_is_used():
    assert len(TERMS) > 70 and len(REFUSED) > 20 and EVERYDAY | ALSO.keys() <= TERMS.keys()
    words = {word for _, chinese in TABLE for word in re.split("[，、；]", re.sub("（.*?）", "", chinese))}
    assert {right for right in REFUSED.values() if right not in words} == set()


def test_each_pair_of_texts_uses_the_table_s_words():
    assert len(pairs()) > 2000
    assert {(place, term) for place, english, text in pairs() for term in lacking(english, text)} == set()


def test_no_text_uses_a_refused_word():
    found = {}
    for place, text in texts():
        bare = QUOTED.sub("", text) if HAN.search(text) else ""
        found |= {(place, wrong): right for wrong, right in REFUSED.items() if wrong in bare}
    assert found == {}


@pytest.mark.parametrize("wrong", ["迷惑度", "折返", "新写法"])
def test_a_second_translation_is_named(wrong):
    """Also one that no table has."""
    assert lacking("The perplexity rises.", "困惑度上升。") == []
    assert lacking("The perplexity rises.", f"{wrong}上升。") == ["perplexity"]
    assert lacking("A `perplexity` and $perplexity$.", "什么都没有。") == []
