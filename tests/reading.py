"""What a person reads on a page that was opened without a browser, and what is drawn on it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from google.protobuf.json_format import MessageToDict
from pages import unpack

READ = {"body", "label", "help", "options", "content", "placeholder", "text", "alt", "delta"}  # fields of widgets
WORDLESS = {"names", "curves", "role", "file"} | {"part", "mark", "value", "tables", "stream", "turn", "hide"}
FIELD = re.compile(r"\{\w*\}")  # in the words of a component, which fills them in itself
DRAWN = {"text", "name", "hovertemplate", "ticktext", "x", "y", "categoryarray", "label", "prefix"}  # words on figures


def read(app) -> list[str]:
    """All texts of a page but for code, scripts, style sheets and what is drawn or in tables."""
    texts = [text for proto in _protos(app) for name, text in _leaves(MessageToDict(proto)) if name in READ]
    return [text for text in texts if not text.startswith("<script>")]


def tables(app, *, without: Iterable[str] = ()) -> list[str]:
    """Heads and cells of all tables, without some columns."""
    found = []
    for element in app.dataframe:
        columns = json.loads(element.proto.columns or "{}")
        for name, series in element.value.items():
            if name not in without:
                found += [columns.get(name, {}).get("label", name), *(text for text in series if isinstance(text, str))]
    return found


def drawn(app) -> list[str]:
    """All words on figures, and on the tape and the curves of the Simulator."""
    found = [text for chart in app.get("plotly_chart") for text in words_of(chart.proto.spec)]
    for part in app.get("bidi_component"):
        sent = _sent(part.proto)
        said = {name: given for name, given in sent.items() if name not in WORDLESS}
        said["runs"] = [run["label"] for run in sent.get("runs", ())]
        found += [FIELD.sub("", text) for _, text in _leaves(said)]
    return found


def shapes(app) -> list:
    """All figures, each word on them replaced by None, and the Simulator's curves."""
    found = [shape_of(chart.proto.spec) for chart in app.get("plotly_chart")]
    runs = [_sent(part.proto).get("curves", {}) for part in app.get("bidi_component")]
    return found + [{name: curve.tobytes() for name, curve in run.items()} for run in runs]


def _sent(proto) -> dict:
    """What a part of the Simulator's curves is sent."""
    return unpack(proto.bytes) if proto.bytes else json.loads(proto.json)


def words_of(spec: str) -> list[str]:
    """All words on a figure's JSON."""
    return [text for name, text in _leaves(_figure(json.loads(spec))) if name in DRAWN]


def shape_of(spec: str) -> dict:
    """A figure's JSON, each word on it replaced by None."""
    return _bare(_figure(json.loads(spec)))


def _figure(spec: dict) -> dict:
    layout = {name: part for name, part in spec["layout"].items() if name != "template"}
    return {"data": spec["data"], "layout": layout}


def _protos(app) -> Iterator:
    waiting = [app._tree]
    while waiting:
        block = waiting.pop()
        proto = getattr(block, "proto", None)
        if proto is not None and block.type not in ("code", "plotly_chart") and "<style>" not in str(proto):
            yield proto
        waiting += getattr(block, "children", {}).values()


def _leaves(part: object, name: str = "") -> Iterator[tuple[str, str]]:
    """(name of its field, text) of every text in a nested value."""
    if isinstance(part, dict):
        for key, value in part.items():
            yield from _leaves(value, key)
    elif isinstance(part, list):
        for value in part:
            yield from _leaves(value, name)
    elif isinstance(part, str):
        yield name, part


def _bare(part: object, name: str = "") -> object:
    if isinstance(part, dict):
        return {key: _bare(value, key) for key, value in part.items()}
    if isinstance(part, list):
        return [_bare(value, name) for value in part]
    return None if name in DRAWN and isinstance(part, str) else part
