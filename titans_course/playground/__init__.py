"""The playground: a memory that learns in the browser, with nothing to install.

twin.js        the recurrence of `simulate`, byte by byte
tape.js        what the memory reads, what it expected, and a strip of the whole text
matrix.js      the memory's weights, lit by each write
formula.js     the step at the cursor with its numbers
markup.html    all parts, with {words} to be filled in
playground.js  puts them together: the player, the sliders, the work in slices of time

`tables` is what Python has to draw for them, `bundle` their code as one module, `data` all that `mount` needs, and
`page` a file that needs nothing else. `make site` writes the pages of all languages. Words come from the catalogues,
context "playground".
"""

import base64
import json
import re
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from titans_mini import MemoryConfig, SimulationConfig
from titans_mini.data.encode import Encoder
from titans_mini.data.scenarios import make_script, to_bytes
from titans_mini.data.text import bundled_text
from titans_mini.encoding import read_stream
from titans_mini.simulation import start_fast

from ..language import DEFAULT, LANGUAGES, catalogue, say

HERE = Path(__file__).parent
MODULES = ("twin.js", "tape.js", "matrix.js", "formula.js", "playground.js")  # each imports only those before it
SETTINGS = ("tau", "beta", "lam", "eta", "softness", "normaliser", "gate")
CAT, DOG = "The cat sat on the mat. ", "The dog ate 47 figs! "
TEXT = CAT * 14 + DOG + CAT * 6  # learnt, known, surprised, known again: about a quarter each
CURSOR = len(CAT * 14 + DOG) - 2  # the last byte of the surprise
_SMALL = SimulationConfig(memory=MemoryConfig.preset("recipe", dim=32, depth=1))
RULES = {"paper": replace(_SMALL, gate="constant", eta=0.006), "recipe": _SMALL}

_PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
<header><h1>{title}</h1><nav>{links}</nav><p>{lead}</p></header>
<main></main>
<script type="module">
{code}
mount(document.querySelector("main"), {data});
</script>
</html>
"""
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 1180px; margin: 0 auto; padding: 10px 20px; font: 16px/1.4 system-ui, "PingFang SC",
  "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; color: light-dark(#22303C, #E6EBF0);
  background: light-dark(#FFFFFF, #14181D); }
header { display: grid; grid-template-columns: 1fr auto; align-items: baseline; }
h1 { margin: 0; font-size: 26px; }
header p { grid-column: 1 / -1; margin: 2px 0 12px; }
a { color: light-dark(#1F6E8C, #6FB7D6); }
"""


def tables(config: SimulationConfig) -> dict:
    """What a seed draws and a browser cannot: start weights, and the directions of keys and values; plain JSON types.

    Arrays are base64 of float32, the signs (4, 256, dim) of bits. The rest are the settings that the sliders leave
    alone. Texts are encoded in the browser, so none is needed here.
    """
    memory = config.memory
    encoder = Encoder(torch.arange(256), memory.dim, config.seed)
    weights = [_filled(weight[0]) for weight in start_fast(config).weights]
    directions = {name: _filled(getattr(encoder, name)) for name in ("shared", "common", "own")}
    shape = {name: getattr(memory, name) for name in ("dim", "norm", "activation", "clip", "decay")}
    signs = _text(np.packbits(encoder.signs.numpy() > 0, bitorder="little"))
    return {**shape, **directions, "signs": signs, "weights": weights}


def _filled(part: torch.Tensor) -> str:
    """A vector or matrix, with zeros up to sizes that four divides: the twin takes four numbers at a time."""
    return _text(functional.pad(part, [n for size in reversed(part.shape) for n in (0, -size % 4)]).numpy())


def _text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def stream(config: SimulationConfig, text: str | None = None) -> dict:
    """What `simulate(config, text)` reads: bytes, their shares in the text that they are counted over, and factors on
    keys and values if there are any; or else the keys, values and value of each byte of a trained model."""
    read = read_stream(config, text)
    ids = {"ids": _text(read.ids.byte().numpy())}
    if config.encoding != "fixed":
        parts = {"keys": read.keys, "values": read.values, "table": read.table}
        return ids | {name: _filled(part * config.memory.norm) for name, part in parts.items()}
    script = make_script(config.scenario, config.tokens, config.seed)
    counted = script.ids[: script.known]
    if config.scenario == "text":
        counted = to_bytes(bundled_text() if text is None else text)
    share = torch.bincount(counted, minlength=256).float() / len(counted)
    gains = {"key_gain": script.key_gain, "value_gain": script.value_gain}
    sent = {"share": share, **{name: gain for name, gain in gains.items() if gain is not None}}
    return ids | {name: _text(part.numpy()) for name, part in sent.items()}


def settings(config: SimulationConfig) -> dict:
    """What a run of the browser may have of its own; all else is in `tables`."""
    return {name: getattr(config, name) for name in SETTINGS} | {"chunk": config.memory.chunk}


def data(language: str = DEFAULT, text: str = TEXT.strip(), cursor: int = CURSOR) -> dict:
    """All that `mount` takes for a page of its own, with both rules; plain JSON types."""
    words = words_of(language)
    runs = [{"name": name, "label": words[f"{name}_label"], "settings": settings(RULES[name])} for name in RULES]
    shown = {"words": words, "cursor": cursor, "controls": True}
    return {"tables": tables(_SMALL), "stream": stream(_SMALL, text), "runs": runs, **shown}


def words_of(language: str = DEFAULT) -> dict[str, str]:
    """The component's words."""
    return {key: text for (context, key), text in catalogue(language).items() if context == "playground"}


def bundle() -> str:
    """The modules as one, which declares `mount(element, data)`: what a host without files beside it can run."""
    markup = json.dumps((HERE / "markup.html").read_text("utf8"))
    code = "\n".join((HERE / name).read_text("utf8") for name in MODULES)
    return f"const MARKUP = {markup};\n" + re.sub(r"^(import|export \{).*\n|^export ", "", code, flags=re.M)


def style() -> str:
    """The style sheet of the playground, which touches nothing outside of it."""
    return (HERE / "playground.css").read_text("utf8")


def page(language: str = DEFAULT) -> str:
    """A whole HTML file: it asks for nothing else, so it works offline, from a disk and below any address."""
    words = {name: escape(say("playground", name, language)) for name in ("title", "lead")}
    here = "" if language == DEFAULT else "../"
    links = " · ".join(
        f'<a href="{here}{"" if name == DEFAULT else f"{name}/"}index.html" lang="{name}" hreflang="{name}">{label}</a>'
        for name, label in LANGUAGES.items()
        if name != language
    )
    sent = json.dumps(data(language), ensure_ascii=False).replace("<", "\\u003c")
    return _PAGE.format(language=language, links=links, style=_STYLE + style(), code=bundle(), data=sent, **words)


def write_site(folder: Path) -> list[Path]:
    """Writes the page of each language below a folder, English in the folder itself; returns the files."""
    files = []
    for language in LANGUAGES:
        place = folder if language == DEFAULT else folder / language
        place.mkdir(parents=True, exist_ok=True)
        files.append(place / "index.html")
        files[-1].write_text(page(language), "utf8", newline="\n")
    return files
