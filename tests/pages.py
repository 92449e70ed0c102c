"""The app without a browser: opening a page from a link, and what is read off it. For the tests of the app."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from streamlit.testing.v1 import AppTest

from titans_mini import Trace

ROOT = Path(__file__).resolve().parents[1]
ENTRY = ROOT / "app" / "streamlit_app.py"
QUICK = {"tokens": "120"}
PASTED = 'One line, and "quotes".\nAnother: 雪 & <b>.\n'
sys.path.append(str(ENTRY.parent))  # the app's own modules can be imported in tests too


def start(**link: str):
    """The page as a link opens it; without `tokens` in the link the run is short."""
    app = AppTest.from_file(ENTRY, default_timeout=60)
    for name, value in {**QUICK, **link}.items():
        app.query_params[name] = value
    return app.run()


def sound(app):
    """Asserts that nothing failed and that the picture is there."""
    assert not app.exception
    assert app.get("plotly_chart")
    return app


def trace_of(app) -> Trace:
    return app.session_state["runs"][next(reversed(app.session_state["runs"]))].trace


def numbers(app) -> list[str]:
    """The headline without the compute time."""
    return [metric.value for metric in app.metric][:4]


def picture(app) -> tuple:
    """All that a person sees of a run."""
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    return numbers(app), figure, app.latex[0].value, [block.value for block in app.get("html")]


def lines(app) -> list[str]:
    return [element.value for element in (*app.warning, *app.error)]
