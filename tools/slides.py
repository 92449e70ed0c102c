"""Makes slides of the lessons: `python tools/slides.py [LESSON ...] [--language zh] [--out FOLDER]`, an HTML file each.

A slide holds what a class looks at together: the title and promise, each question of a *Predict* under its section's
heading, and each picture with its text below it. Answers stay in the notebook. A file needs nothing else: arrow keys
and Page Down move, and the browser prints it, a slide a page.
"""

import argparse
import base64
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from markdown_it import MarkdownIt

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LESSONS = {"en": NOTEBOOKS, "zh": NOTEBOOKS / "zh"}
PICTURE = re.compile(r"!\[([^\]]+)\]\(([^)]+)\)")
ASKED = re.compile(r"^\*\*(?:Predict|预测)\*\*(?: \([^)]*\)|（[^）]*）)?[:：]?\s*(.+?)(?:\n\n|\Z)", re.DOTALL | re.M)
STYLE = """
body { margin: 0; font: 28px/1.4 system-ui, "Noto Sans CJK SC", sans-serif; color: #1b2430; background: #fff }
section { box-sizing: border-box; min-height: 100vh; padding: 6vh 8vw; page-break-after: always; display: flex;
          flex-direction: column; justify-content: center }
h1 { font-size: 46px } h2 { font-size: 36px; margin: 0 0 1em } img { max-width: 100%; max-height: 64vh }
figcaption { font-size: 20px; color: #4a5563 } code { background: #eef1f5 }
"""
MOVE = """
const slides = [...document.querySelectorAll("section")];
const by = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 };
addEventListener("keydown", (event) => {
  if (!by[event.key]) return;
  event.preventDefault();
  const now = Math.round(scrollY / innerHeight), next = Math.max(0, Math.min(slides.length - 1, now + by[event.key]));
  slides[next].scrollIntoView();
});
"""


def slides(path: Path) -> Iterator[str]:
    """The slides of a lesson as HTML, in the lesson's order."""
    markdown, heading = MarkdownIt(), ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "markdown":
            continue
        text = cell.source
        title = re.search(r"^# .+$", text, re.M)
        if title:
            promise = re.findall(r"^\*\*.+\*\*$", text, re.M)
            yield markdown.render("\n\n".join([title[0], *promise]))
        found = re.search(r"^## (.+)$", text, re.M)
        heading = found[1] if found else heading
        headed = f"<h2>{html.escape(heading)}</h2>"
        question = ASKED.search(text)
        if question:
            asked = question[1].strip()
            yield headed + markdown.render(asked[0].upper() + asked[1:])
        for alt, target in PICTURE.findall(text):
            content = base64.b64encode((path.parent / target).read_bytes()).decode()
            image = f'<img src="data:image/png;base64,{content}" alt="{html.escape(alt)}">'
            yield f"{headed}<figure>{image}<figcaption>{html.escape(alt)}</figcaption></figure>"


def page(path: Path, language: str = "en") -> str:
    """A lesson's slides as one page."""
    sections = "\n".join(f"<section>{slide}</section>" for slide in slides(path))
    head = f'<meta charset="utf-8"><title>{html.escape(path.stem)}</title><style>{STYLE}</style>'
    body = f"<body>{sections}<script>{MOVE}</script></body>"
    return f'<!doctype html><html lang="{language}"><head>{head}</head>{body}</html>\n'


def main(arguments: list[str]) -> int:
    """Writes the files; 2 and one line for a lesson that does not exist."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", nargs="*", help="names such as 02b_build_a_titans; by default all")
    parser.add_argument("--language", choices=LESSONS, default="en", help="language of the slides")
    parser.add_argument("--out", type=Path, default=Path("slides"), help="folder, default slides")
    options = parser.parse_args(arguments)
    folder = LESSONS[options.language]
    paths = [folder / f"{name}.ipynb" for name in options.lessons] or sorted(folder.glob("*.ipynb"))
    missing = [path.stem for path in paths if not path.exists()]
    if missing:
        print(f"no lesson {missing[0]!r}", file=sys.stderr)
        return 2
    options.out.mkdir(parents=True, exist_ok=True)
    for path in paths:
        target = options.out / f"{path.stem}.html"
        target.write_text(page(path, options.language), encoding="utf-8", newline="\n")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
