"""Exports of a run: the Python that repeats it, and one HTML page that opens anywhere, even offline."""

import html
from dataclasses import fields

import numpy as np

from titans_mini.config import MemoryConfig, SimulationConfig
from titans_mini.trace import SUMMARY, Trace

from ..language import Say, spoken
from .trace import coloured_text, time_figure

PAGE = """<!doctype html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; max-width: 1100px; margin: 1em auto; padding: 0 1em; color: #22303C }}
td {{ padding: 0 1.2em 0.2em 0 }}
pre {{ background: #F3F5F7; padding: 1em; white-space: pre-wrap; overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>{title}</h1>
<table>{numbers}</table>
{figure}
<h2>{shaded}</h2>
{text}
<h2>{repeat}</h2>
<pre>{code}</pre>
</body>
</html>
"""


def to_code(settings: SimulationConfig, text: str | None = None, file: str | None = None) -> str:
    """Python that repeats a run and prints its summary. With `text` the source is in it, or is read from `file`."""
    lines = ["from titans_mini import MemoryConfig, SimulationConfig, simulate"]
    if file is not None:
        lines += ["from titans_mini.data import read_text", "", f"text = read_text({file!r})"]
    elif text is not None:
        lines += ["", f"text = {_literal(text)}"]
    arguments = [
        f"scenario={settings.scenario!r}",
        f"tokens={settings.tokens}",
        *_changes(settings, SimulationConfig()),
    ]
    memory = _changes(settings.memory, MemoryConfig.preset("recipe"))
    if memory:
        arguments.append(f"memory=MemoryConfig.preset({', '.join([repr('recipe'), *memory])})")
    else:
        lines[0] = lines[0].replace("MemoryConfig, ", "")
    given = "" if text is None and file is None else ", text"
    lines += ["", "config = SimulationConfig(", *(f"    {argument}," for argument in arguments), ")"]
    lines += [f"trace = simulate(config{given})", "print(trace.summary())"]
    return "\n".join(lines) + "\n"


def to_html(trace: Trace, pinned: Trace | None = None, code: str = "", *, say: Say = spoken) -> str:
    """One HTML page with the numbers, the curves, the coloured text and the code; plotly.js is inside it."""
    told, none = trace.summary(), {"dead_at": say("never"), "diverged_at": say("never")}
    names = {key: name for key, name in SUMMARY.items() if key != "state"}  # dead_at and diverged_at say as much
    cells = {say(name): none.get(key, "–") if told[key] is None else _spell(told[key]) for key, name in names.items()}
    numbers = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in cells.items())
    figure = time_figure(trace, pinned, say=say).to_html(full_html=False, include_plotlyjs=True)
    text = coloured_text(trace, length=len(trace), say=say)
    words = {
        "lang": say("en"),  # the language of these words
        "title": say("A run of titans_mini"),
        "shaded": say("The text, shaded by surprise; what was written is underlined"),
        "repeat": say("Python that repeats this run"),
    }
    return PAGE.format(**words, numbers=numbers, figure=figure, text=text, code=html.escape(code))


def _changes(settings: object, default: object) -> list[str]:
    """`name=value` of each plain field that differs from the default's."""
    names = [field.name for field in fields(settings) if field.name not in ("scenario", "tokens", "memory")]
    values = {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(default, name)}
    return [f"{name}={_plain(value)!r}" for name, value in values.items()]


def _plain(value: object) -> object:
    """A numpy number as a plain Python one, so that the code needs no numpy."""
    return value.item() if isinstance(value, np.generic) else value


def _literal(text: str) -> str:
    """A Python literal of the text, one source line per line of text."""
    return "(\n" + "".join(f"    {line!r}\n" for line in text.splitlines(keepends=True)) + ")"


def _spell(value: float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
