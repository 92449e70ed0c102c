"""A lesson or page as the site shows it: in one language, with pictures that need no kernel.

The lessons speak two languages. A heading, a point of a list, a cell of a table or a summary may hold both sides, as in
"Map · 地图"; a sentence in bold may be followed by its twin. Whatever stands there in one language only stays.
"""

import hashlib
import html
import json
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

PLOTLY, WIDGET = "application/vnd.plotly.v1+json", "application/vnd.jupyter.widget-view+json"
HAN = re.compile(r"[\u4e00-\u9fff]")
CHECKED = "# NBVAL_CHECK_OUTPUT\n"  # a mark for nbval
PANEL = re.compile(r"^(\w+): run this cell in Jupyter to open (.*)\.$")
WORDS = {
    "en": {
        "panel": "{name}: {what}. This panel needs Python; <code>make lab</code> opens the lesson in JupyterLab.",
        "try": "The playground runs here.",
        "figure": "Interactive figure",
        "links": "[Exercises (notebook)](path:{exercises}) · [Glossary](GLOSSARY.md)",
        "untold": "",
    },
    "zh": {
        "panel": "{name}：这个面板需要 Python。用 <code>make lab</code> 可在 JupyterLab 中打开本课。",
        "try": "演示页在浏览器里就能操作。",
        "figure": "可交互的图",
        "links": "[练习（notebook）](path:{exercises}) · [术语表](GLOSSARY.md)",
        "untold": "> 本课的标题、目标和公式表是中文，正文目前是英文。",
    },
}
TWINS = re.compile(r"^(\*\*[^*\n]+\*\*)\n\n(\*\*[^*\n]*[\u4e00-\u9fff][^*\n]*\*\*)$", re.M)
NEEDS = re.compile(r"^(\d+ minutes) · (\d+ 分钟)\. (Needs: .+) · (需要：.+)$", re.M)


def one_language(text: str, language: str) -> str:
    """Markdown with only that language wherever it holds both."""
    side = 2 if language == "zh" else 1
    text = NEEDS.sub(r"\2。\4" if language == "zh" else r"\1. \3", text)
    text = TWINS.sub(rf"\{side}", text)
    return "\n".join(_line(line, side) for line in text.split("\n"))


def _line(line: str, side: int) -> str:
    parts = re.split(r"(^#+ |^- |\||<summary>|</summary>)", line)
    return "".join(_choose(part, side) for part in parts)


def _choose(part: str, side: int) -> str:
    """One side of "English · 中文", with the spaces around it; other text as it is."""
    found = re.fullmatch(r"(\s*)([^\u4e00-\u9fff]+?) · ([^·]*[\u4e00-\u9fff].*?)(\s*)", part)
    if not found or re.search(r"([A-Za-z]+ ){3}", re.sub(r"`[^`]*`|\([^)]*\)", "", found[3])):
        return part
    return found[1] + found[side + 1] + found[4]


def lesson(path: Path, language: str, runs: Path) -> NotebookNode:
    """The notebook with the outputs that it stores, or those of a run if it stores none; its links are at the end of
    its first cell."""
    notebook = executed(nbformat.read(path, as_version=4), path.parent, runs)
    exercises = f"exercises/student/{path.stem}/{path.name}"
    first, words = notebook.cells[0], WORDS[language]
    first.source = first.source[first.source.index("# ") :]
    if (path.parent / exercises).is_file():
        first.source += "\n\n" + words["links"].format(exercises=exercises)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if path.parent.name == "zh":  # whose links go one folder up
                cell.source = cell.source.replace("](../", "](")
            cell.source = one_language(cell.source, language)
        cell.source = cell.source.removeprefix(CHECKED)
        for output in cell.get("outputs", []):
            if "data" in output:
                output.data = still(output.data, language)
    first.source = f"# {path.stem.partition('_')[0]} · {first.source[2:]}"
    if language == "zh" and path.parent.name != "zh" and words["untold"]:
        title, _, rest = first.source.partition("\n")
        first.source = f"{title}\n\n{words['untold']}\n{rest}"
    notebook.metadata.pop("widgets", None)
    return notebook


def executed(notebook: NotebookNode, folder: Path, runs: Path) -> NotebookNode:
    """The notebook if its cells were run, else its run, kept in the folder `runs` by what the cells hold."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if all(cell.execution_count for cell in code):
        return notebook
    key = hashlib.sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()
    kept = runs / f"{key[:24]}.ipynb"
    if not kept.exists():
        from nbclient import NotebookClient  # imported here: rarely needed

        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
        kept.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, kept)
    return nbformat.read(kept, as_version=4)


def still(data: dict, language: str) -> dict:
    """An output that needs no kernel: a figure becomes its data, which static/site.js draws, a panel one sentence."""
    words, text = WORDS[language], data.get("text/plain", "")
    if PLOTLY in data:
        figure = json.dumps(data[PLOTLY], ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        height = data[PLOTLY].get("layout", {}).get("height", 450)
        start = f'<div class="plot" role="figure" aria-label="{words["figure"]}" style="height:{height}px">'
        return {"text/html": f'{start}<script type="application/json">{figure}</script></div>'}
    panel = PANEL.match(text)
    if panel or WIDGET in data:
        name, what = panel.groups() if panel else ("", "")
        told = words["panel"].format(name=f"<b>{name}</b>", what=html.escape(what))
        home = "../playground/" if language == "en" else "../../playground/zh/"
        return {"text/html": f'<p class="panel">{told} <a href="{home}index.html">{words["try"]}</a></p>'}
    return data
