"""The app as a server, which `titans-mini app` runs in its own process.

Everything that a page imports is imported before the first visitor comes. Pages run in threads, one for each
visitor; other threads would see a module half-made while one thread imports it (plotly, for example, looks for pandas
in `sys.modules`), and the first visitor would wait for the imports.
"""

import ast
import contextlib
import importlib
import importlib.util
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import streamlit as st
from door import Door
from operations import scratch
from packed import Packed
from starlette.middleware import Middleware

from titans_mini.memory.fast.rows import compiled

HERE = Path(__file__).parent
ENTRY = HERE / "streamlit_app.py"
# What Streamlit, plotly and torch import only when they first need it: a test visits every page to find them.
LATER = (
    "pandas", "pyarrow.pandas_compat", "pyarrow.vendored.version", "numpy.ctypeslib", "PIL.Image", "PIL.ImageFile",
    "packaging.tags", "packaging.utils", "encodings.utf_8_sig", "narwhals._interchange.dataframe",
    "streamlit.elements.plotly_chart", "streamlit.emojis", "streamlit.material_icon_names",
    "streamlit.components.v2.manifest_scanner",
    "streamlit.runtime.scriptrunner.magic_funcs", "plotly.colors", "plotly.io", "plotly.tools",
    "torch.utils._device", "titans_mini.memory.fast.kernel",
)  # fmt: skip


def imports() -> Iterator[str]:
    """The modules that the app's files import, at their top or in a function, in the order of the files."""
    for path in sorted(HERE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf8"))):
            if isinstance(node, ast.Import):
                yield from (name.name for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield node.module
                yield from (f"{node.module}.{name.name}" for name in node.names)


def load_all() -> None:
    """Imports everything that a page may import; the page itself reports what is not installed."""
    for name in (*LATER, *dict.fromkeys(imports())):
        if _exists(name):
            importlib.import_module(name)
    compiled()  # the token loop; where set-up has not compiled it, this goes on in the background


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module without parts: the name is a function or a class
        return False


@contextlib.asynccontextmanager
async def _begin(app: st.App) -> AsyncIterator[None]:
    """What is done before anybody is answered; last of all, a window of the browser is opened."""
    from titans_course.language import LANGUAGES, catalogue

    load_all()
    for language in LANGUAGES:
        catalogue(language)
    scratch.clear()
    if not st.get_option("server.headless"):
        host, port = st.get_option("browser.serverAddress"), st.get_option("server.port")
        threading.Thread(target=webbrowser.open, args=(f"http://{host}:{port}",), daemon=True).start()
    yield


app = st.App(ENTRY, middleware=[Middleware(Door), Middleware(Packed)], lifespan=_begin)
