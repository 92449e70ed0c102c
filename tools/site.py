"""Writes what a static host serves: `python tools/site.py [FOLDER]`, which is `make site` (into site/).

English stands in the folder itself and Chinese in zh/: a front page, the lessons, the API pages, README and other
pages; the playground is in playground/ and playground/zh/. All links are relative and nothing comes from another host,
so the folder works below any address, offline and from a disk. A second build only writes what has changed.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
import plotly
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from website import api, lessons

from titans_course.language import DEFAULT, LANGUAGES

ROOT = Path(__file__).resolve().parents[1]
WEBSITE = ROOT / "tools" / "website"
GLOSSARY, _ = BOTH = (Path("notebooks/GLOSSARY.md"), Path("notebooks/RECIPE.md"))  # in both languages
DOCS = ("docs/DIFFERENCES.md", "docs/TEXT_MODELS.md")
PAGES = [Path(name) for name in ("README.md", "CLAIMS.md", "BENCHMARKS.md", *DOCS, "TEACHING.md", "DEPLOY.md",
                                 "CONTRIBUTING.md")]  # fmt: skip
PAGE = (".md", ".ipynb")  # what Sphinx takes for a page
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")


def stage(folder: Path, language: str, names: list[str], packages: list[str], runs: Path) -> None:
    """Writes Sphinx's sources of one language into `folder`, and removes what no longer belongs there."""
    notebooks = [Path("notebooks") / f"{name}.ipynb" for name in names]
    known, sources = {*notebooks, *PAGES, *BOTH}, {}
    english = "" if language == DEFAULT else f"---\ncontent: {DEFAULT}\n---\n"  # for templates/page.html
    for path in notebooks:
        notebook = lessons.lesson(translated(path, language), language, runs)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = linked(cell.source, path, known, sources)
        sources[path] = nbformat.writes(notebook).encode()
    for path in (*PAGES, *BOTH):
        text = lessons.one_language(translated(path, language).read_text("utf8"), language)
        mark = english if translated(path, language) == ROOT / path and path not in BOTH else ""
        sources[path] = (mark + linked(text, path, known, sources)).encode()
    texts = {f"api/{name}.md": english + api.page(name) for name in packages}
    texts["api/index.md"] = "# API\n\n```{toctree}\n:maxdepth: 1\n\n" + "\n".join(packages) + "\n```\n"
    index = (WEBSITE / f"index.{language}.md").read_text("utf8")
    index = index.replace("{lessons}", "\n".join(path.with_suffix("").as_posix() for path in notebooks))
    texts["index.md"] = linked(index, Path("index.md"), known, sources)
    sources.update({Path(name): text.encode() for name, text in texts.items()})
    sources[Path("docs/simulator-light.png")] = (ROOT / "docs" / "simulator-light.png").read_bytes()
    for path in [path for path in folder.rglob("*") if path.is_file() and path.relative_to(folder) not in sources]:
        path.unlink()
    for name, content in sources.items():
        put(folder / name, content)


def translated(path: Path, language: str) -> Path:
    """The file of the repository that holds a page in that language, else the English or bilingual one."""
    twins = (path.parent / language / path.name, path.with_suffix(f".{language}{path.suffix}"))
    return next((ROOT / twin for twin in twins if (ROOT / twin).is_file()), ROOT / path)


def linked(text: str, page: Path, known: set[Path], files: dict[Path, bytes]) -> str:
    """The text with links that work on the site: to pages as they are, other files become downloads, folders plain
    text. What it shows or offers is added to `files`."""

    def settle(found: re.Match) -> str:
        image, label, target = found.groups()
        target = target.removeprefix("path:")
        if re.match(r"\w+:|#", target):
            return found[0]
        path = Path((ROOT / page.parent / target.partition("#")[0]).resolve())
        if path.is_relative_to(ROOT) and path.relative_to(ROOT) in known:
            return found[0]
        if not path.is_file() or (path.suffix in PAGE and "exercises" not in path.parts):
            return label
        path = path.relative_to(ROOT)
        files[path] = (ROOT / path).read_bytes()
        return found[0] if image else f"[{label}](path:{target})"

    return LINK.sub(settle, text)


def put(file: Path, content: bytes) -> None:
    """Writes a file unless it holds this already: its age tells Sphinx what has changed."""
    if not file.exists() or file.read_bytes() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def build(site: Path, work: Path, names: list[str], packages: list[str], each: Callable = map) -> int:
    """Both languages, by `each`, a `map` that may run them at the same time; returns the exit code.

    Whatever Sphinx complains of ends the build.
    """
    jobs = []
    for language in LANGUAGES:
        source, out = work / language / "source", work / language / "html"
        stage(source, language, names, packages, work / "runs")
        for page in out.rglob("*.html"):
            if not list(source.glob(f"{page.relative_to(out).with_suffix('')}.*")):
                page.unlink()
        options = ["-W", "--keep-going", "-q", "-t", language, "-c", str(WEBSITE), "-d", str(work / language / "trees")]
        jobs.append([*options, "-D", f"locale_dirs={theme_words(work)}", str(source), str(out)])
    codes = each(sphinx_build, jobs)
    from titans_course.playground import write_site  # imported here: torch loads while Sphinx works

    if max(codes) > 0:
        return 1
    clear(site)
    for language in LANGUAGES:
        place = site if language == DEFAULT else site / language
        shutil.copytree(work / language / "html", place, ignore=shutil.ignore_patterns("_sources", ".*"))
    shutil.copy(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", site)
    for page in write_site(site / "playground"):
        home = "../index.html" if page.parent.name == "playground" else f"../../{page.parent.name}/index.html"
        text = page.read_text("utf8").replace("<nav>", f'<nav><a href="{home}">titans_mini</a> · ', 1)
        page.write_text(text, "utf8", newline="\n")
    return 0


def theme_words(work: Path) -> Path:
    """The folder of catalogues with the words of the theme that Sphinx's own Chinese catalogue lacks."""
    file = work / "locale" / "zh_CN" / "LC_MESSAGES" / "sphinx.mo"
    file.parent.mkdir(parents=True, exist_ok=True)
    with (WEBSITE / "sphinx.zh.po").open("rb") as words, file.open("wb") as compiled:
        write_mo(compiled, read_po(words))
    return work / "locale"


def sphinx_build(options: list[str]) -> int:
    """One run of Sphinx; returns its exit code."""
    from sphinx.cmd.build import main as run  # imported here: each process loads its own

    return run(options)


def clear(site: Path) -> None:
    """Removes an earlier site. ValueError for a folder that holds something else."""
    if site.exists() and any(site.iterdir()):
        if not (site / "playground").is_dir():
            raise ValueError(f"{site} is not empty and holds no earlier site")
        shutil.rmtree(site)


def main(arguments: list[str]) -> int:
    every = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "site", help="what is kept for the next build")
    parser.add_argument("--lessons", nargs="+", choices=every, default=every, help="only these")
    parser.add_argument("--packages", nargs="+", default=list(api.packages()), help="API pages of only these packages")
    options = parser.parse_args(arguments)
    with ProcessPoolExecutor(len(LANGUAGES)) as pool:
        places = options.folder.resolve(), options.work.resolve()
        code = build(*places, options.lessons, options.packages, each=pool.map)
    if code == 0:
        print(options.folder / "index.html")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
