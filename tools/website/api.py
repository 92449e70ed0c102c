"""The API pages as Markdown: public modules, classes and functions with their docstrings, read and not imported."""

import ast
import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("titans_mini", "titans_course")
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Module(NamedTuple):
    """A file: its dotted name, its lines, its tree, and the full names of what it imports from here."""

    name: str
    lines: list[str]
    tree: ast.Module
    imports: dict[str, str]

    def definitions(self) -> list[Definition]:
        """Its public classes and functions."""
        return [node for node in self.tree.body if isinstance(node, Definition) and not node.name.startswith("_")]


@cache
def read(file: Path) -> Module:
    """A module by its file."""
    text = file.read_text("utf8")
    path = file.parent if file.name == "__init__.py" else file.with_suffix("")
    tree, imports = ast.parse(text), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = file.relative_to(ROOT).parts[: -node.level] if node.level else ()
            source = ".".join((*above, *([node.module] if node.module else [])))
            if source.startswith(PACKAGES):
                imports.update({alias.asname or alias.name: f"{source}.{alias.name}" for alias in node.names})
    return Module(".".join(path.relative_to(ROOT).parts), text.splitlines(), tree, imports)


def packages() -> dict[str, Path]:
    """Dotted name -> folder of every package, each before those in it."""
    folders = [file.parent for name in PACKAGES for file in (ROOT / name).rglob("__init__.py")]
    folders.sort(key=lambda folder: (PACKAGES.index(folder.relative_to(ROOT).parts[0]), folder))
    return {read(folder / "__init__.py").name: folder for folder in folders}


@cache
def public() -> dict[str, str]:
    """The names that titans_mini hands out -> the module that defines each."""
    (homes,) = (
        ast.literal_eval(node.value)
        for node in read(ROOT / PACKAGES[0] / "__init__.py").tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES"
    )
    found = {}
    for name, home in homes.items():
        place = ROOT / PACKAGES[0] / home.strip(".").replace(".", "/")
        module = read(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))
        defined = name in [node.name for node in module.definitions()]
        found[name] = module.name if defined else module.imports[name].rpartition(".")[0]
    return found


@cache
def page(name: str) -> str:
    """A package: its docstring, for titans_mini the names that it hands out, then its modules."""
    folder = packages()[name]
    start = read(folder / "__init__.py")
    parts = [f"# {name}", prose(ast.get_docstring(start.tree) or "")]
    if name == PACKAGES[0]:
        parts += ["## Public names", f"```{{py:currentmodule}} {name}\n```"]
        for one, home in public().items():
            module = read(ROOT / f"{home.replace('.', '/')}.py")
            parts += [entry(node, module, home) for node in module.definitions() if node.name == one]
    parts += entries(start)
    for file in sorted(folder.glob("[a-z]*.py")):
        module = read(file)
        parts += [f"## {file.stem}", prose(ast.get_docstring(module.tree) or ""), *entries(module)]
    return "\n\n".join(part for part in parts if part) + "\n"


def entries(module: Module) -> Iterator[str]:
    """What a module defines; the public names of titans_mini are described above all modules."""
    if module.definitions():
        yield f"```{{py:module}} {module.name}\n:no-index-entry:\n```"
    for node in module.definitions():
        if public().get(node.name) == module.name:
            yield f"{{py:obj}}`titans_mini.{node.name}` is one of the public names."
        elif not any(ast.unparse(mark) == "overload" for mark in node.decorator_list):
            yield entry(node, module)


def entry(node: Definition, module: Module, home: str = "", inside: bool = False) -> str:
    """One directive, with those of a class's methods inside."""
    doc = prose(ast.get_docstring(node) or "")
    options = [f":canonical: {home}.{node.name}"] if home else []
    if isinstance(node, ast.ClassDef):
        inner = {one.name: one for one in node.body if isinstance(one, Definition)}
        start = inner.get("__init__")
        methods = [entry(one, module, inside=True) for name, one in inner.items() if name[0] != "_"]
        head = node.name + (f"({_arguments(start, module, skip=1)})" if start else "")
        return _block("class", head, options, [doc, fields(node, module), *methods], 4)
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    answer = _full(node.returns, module)
    if marks & {"property", "cached_property"}:
        return _block("property", node.name, [f":type: {answer}"] if answer else [], [doc], 3)
    arguments = _arguments(node, module, skip=int(inside and "staticmethod" not in marks))
    head = f"{node.name}({arguments})" + (f" -> {answer}" if answer else "")
    options += [f":{mark}:" for mark in ("classmethod", "staticmethod") if mark in marks]
    return _block("method" if inside else "function", head, options, [doc], 3)


def fields(node: ast.ClassDef, module: Module) -> str:
    """A table of a class's fields: default, range, and the comment behind it."""
    rows = []
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and not ast.unparse(one.target).startswith("_"):
            comment = re.search(r"  # (.+)$", module.lines[one.end_lineno - 1])
            name, kind = ast.unparse(one.target), ast.unparse(one.annotation).replace(" | ", " or ")
            meaning = _escape(comment[1]) if comment else ""
            rows.append(f"| `{name}` | `{kind}` | {_default(one.value)} | {meaning} |")
    return "\n".join(["| field | type | default | meaning |", "|---|---|---|---|", *rows]) if rows else ""


def _default(value: ast.expr | None) -> str:
    """A field's default as it is written, with its range."""
    if isinstance(value, ast.Call) and value.args:
        first, *limits = (ast.unparse(argument) for argument in value.args)
        return f"`{first}`" + (f", {limits[0]} to {limits[1]}" if len(limits) == 2 else "")
    return "" if value is None or isinstance(value, ast.Call) else f"`{ast.unparse(value)}`"


def _block(kind: str, head: str, options: list[str], parts: list[str], ticks: int) -> str:
    """A directive of Sphinx's Python domain."""
    fence, body = "`" * ticks, "\n\n".join(part for part in parts if part)
    return "\n".join([f"{fence}{{py:{kind}}} {head}", *options, "", body, fence])


def _arguments(node: ast.FunctionDef, module: Module, skip: int) -> str:
    """As in the source, without `self` or `cls`, and with the full names of types, which Sphinx links and shortens."""
    arguments = deepcopy(node.args)
    del (arguments.posonlyargs or arguments.args)[:skip]
    for one in ast.walk(arguments):
        if isinstance(one, ast.arg) and one.annotation:
            one.annotation = ast.parse(_full(one.annotation, module), mode="eval").body
    return ast.unparse(arguments)


def _full(annotation: ast.expr | None, module: Module) -> str:
    """An annotation with the full names of our own types."""
    if annotation is None:
        return ""
    names = re.compile(r"(?<![\w.'\"])[A-Za-z_]\w*")
    return names.sub(lambda found: module.imports.get(found[0], found[0]), ast.unparse(annotation))


def prose(doc: str) -> str:
    """A docstring as Markdown: columns become a list, other paragraphs are joined, and their signs are escaped."""
    return "\n\n".join(_paragraph(text) for text in re.split(r"\n\s*\n", doc))


def _paragraph(text: str) -> str:
    lines = re.sub(r"\n {8,}", " ", text).splitlines()
    rows = [re.fullmatch(r"(\d+\. )?(\S+(?: \S+)*?) {2,}(\S.*)", line) for line in lines]
    if rows and all(rows):
        return "\n".join(f"{row[1] or '- '}`{row[2]}`: {_escape(row[3])}" for row in rows)
    if any(rows) and not text.startswith("|"):
        return f"```text\n{text}\n```"
    if re.match(r"\||- |\d+\. ", text):
        return "\n".join(line if line.startswith("|") else _escape(line) for line in lines)
    return _escape(" ".join(line.strip() for line in lines))


def _escape(text: str) -> str:
    """Markdown's signs as plain characters, but for what stands between backticks."""
    parts = re.split(r"(`+[^`]+`+)", text)
    return "".join(part if place % 2 else re.sub(r"([*_<\[\]|~])", r"\\\1", part) for place, part in enumerate(parts))
