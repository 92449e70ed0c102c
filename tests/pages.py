"""The app without a browser: opening a page from a link, and what is read off it. For the tests of the app."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from titans_course.language import LANGUAGES, catalogue
from titans_mini import Trace

ROOT = Path(__file__).resolve().parents[1]
ENTRY = ROOT / "app" / "streamlit_app.py"
QUICK = {"tokens": "120", "stream": "text"}
# Language -> key -> text of the pages, as the catalogues have it.
TEXTS = {
    tongue: {key: text for (context, key), text in catalogue(tongue).items() if context in ("app", "shared")}
    for tongue in LANGUAGES
}
PASTED = 'One line, and "quotes".\nAnother: 雪 & <b>.\n'
sys.path.append(str(ENTRY.parent))  # the app's own modules can be imported in tests too
kept_text = pytest.mark.skipif(np.__version__ != "2.4.6", reason="the kept drill was measured with numpy 2.4.6")
NAMES = ("simulator", "anatomy", "variants", "miras", "tuning", "operations", "claims")


def page_of(name: str):
    """What a link to a page may set and hide: its `links.Page`."""
    return importlib.import_module("links").SIMULATOR if name == NAMES[0] else _controls_of(name).PAGE


def _controls_of(name: str):
    return importlib.import_module(f"{name}.controls")


def open_page(page: str | None, link: dict[str, str]):
    """A page of `app_pages` as a link opens it; None: the one that the app opens with."""
    app = AppTest.from_file(ENTRY, default_timeout=60)
    if page is not None:
        app.switch_page(f"app_pages/{page}.py")
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


def start(**link: str):
    """The first page as a link opens it; without these in the link, the run is short and over the bundled text."""
    return open_page(None, {**QUICK, **link})


def unbroken(app):
    """Asserts that nothing failed."""
    assert not app.exception
    return app


def sound(app):
    """Asserts that nothing failed and that the picture is there."""
    assert unbroken(app).get("plotly_chart") or curves(app)
    return app


def curves(app, role: str = "run") -> dict | None:
    """A run as the Simulator's curves are sent it: what is said of it, and each curve; None where it is not sent."""
    sent = fed(app, role)
    return sent and unpack(sent.bytes)


def tape(app) -> dict | None:
    """What the Simulator's tape is asked to show; None where there is no tape."""
    sent = fed(app, "tape")
    return sent and json.loads(sent.json)


def fed(app, role: str):
    """What a feed of the Simulator's pictures sends; None where it is not on the page."""
    sent = [found.proto for found in app.get("bidi_component") if found.proto.id.endswith(f"-feed_{role}")]
    return sent[0] if sent else None


def unpack(sent: bytes) -> dict:
    """The line of JSON that a run's bytes begin with, and `curves`: name -> (t,) floats."""
    length = int.from_bytes(sent[:4], "little")
    head = json.loads(sent[4 : 4 + length])
    floats = np.frombuffer(sent[4 + length :], "<f4").reshape(len(head["names"]), head["count"])
    return {**head, "curves": dict(zip(head["names"], floats, strict=True))}


def chart_ending(app, name: str) -> dict:
    """The one chart whose key ends so."""
    (found,) = [c for c in app.get("plotly_chart") if c.proto.id.endswith(name)]
    return json.loads(found.proto.spec)


def trace_of(app) -> Trace:
    return app.session_state["runs"][next(reversed(app.session_state["runs"]))].trace


def numbers(app) -> list[str]:
    """The headline without the compute time."""
    return [metric.value for metric in app.metric][:4]


def picture(app) -> tuple:
    """All that a person sees of a run."""
    shown = {name: part for name, part in tape(app).items() if name != "turn"}
    return numbers(app), curves(app)["digest"], shown, [block.value for block in app.get("html")]


def lines(app) -> list[str]:
    return [element.value for element in (*app.warning, *app.error)]
