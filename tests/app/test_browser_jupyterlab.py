"""The notebooks in a real JupyterLab in Chromium: every lesson opens whole, and a lab's slider moves its figure."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from lessons import FILES, ROOT, cells, tool

pytest.importorskip("playwright")

from browsing import browser, free_port, require_chromium  # noqa: E402

pytestmark = pytest.mark.browser
SETTINGS = {  # every cell is drawn, seen or not; no question about news
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false"},
}
# JupyterLab's own, where a notebook closes before its kernel has answered.
EARLY = re.compile(r"Canceled future for \w+ message before replies were done")
TROUBLE = ("Error displaying widget", "model not found", "Error creating widget", "JavaScript output is disabled")
OPEN = "path => { window.jupyterapp.commands.execute('docmanager:open', { path }); }"
CLOSE = """async () => {
    const panel = window.jupyterapp.shell.currentWidget;
    await panel.sessionContext.ready;
    await panel.sessionContext.shutdown();
    panel.dispose();
}"""
SHOWN = """() => {
    const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
    const images = [...panel.querySelectorAll('.jp-RenderedMarkdown img')];
    return [images.filter(image => image.complete && image.naturalWidth > 100).length,
            panel.querySelectorAll('.jp-OutputArea .js-plotly-plot .main-svg:first-child').length];
}"""


@pytest.fixture(scope="module")
def jupyterlab(tmp_path_factory):
    """The address of a JupyterLab that serves the lessons, and `lab.ipynb` with one lab."""
    require_chromium("the notebooks are not tested in JupyterLab")
    folder = tmp_path_factory.mktemp("jupyter")
    port = free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    command += ["--IdentityProvider.token=", "--expose-app-in-browser", f"--ServerApp.root_dir={fill(folder)}"]
    homes = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    homes["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, env={**os.environ, **homes}, stdout=log, stderr=log) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(300):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api"):
                    break
                time.sleep(0.2)
            yield address
        finally:
            server.terminate()


def fill(folder):
    """Writes the settings and the notebooks; returns the folder to serve."""
    for name, settings in SETTINGS.items():
        path = folder / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings), encoding="utf8")
    work = folder / "work"
    shutil.copytree(ROOT / "notebooks" / "images", work / "images")
    for file in FILES:
        shutil.copy(file, work)
    ask = "from titans_course.lab import predict\nguess = predict('ab')", "guess.reveal('b')"
    for name, sources in {
        "lab": ("from titans_course.lab import SimulatorLab\nSimulatorLab(tokens=300)",),
        "ask": ask,
    }.items():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        tool("notebooks").normalise(notebook)
        nbformat.write(notebook, work / f"{name}.ipynb")
    return work


@pytest.fixture(scope="module")
def page(jupyterlab):
    """A page of a JupyterLab that is ready; `page.errors` grows by what goes wrong in it."""
    with browser() as chromium:
        opened = chromium.new_page(viewport={"width": 1200, "height": 1400})
        opened.set_default_timeout(60_000)
        opened.errors = []
        opened.on("pageerror", lambda error: None if EARLY.search(str(error)) else opened.errors.append(str(error)))
        opened.goto(f"{jupyterlab}/lab/tree/lab.ipynb")
        opened.wait_for_selector("text=/Python 3.*Idle/")  # a cell run before that asks for a kernel
        yield opened


def test_slider_moved_by_keyboard_changes_the_figure(page):
    page.click(".jp-Notebook .jp-CodeCell .jp-InputArea-editor")
    page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".jupyter-widgets .js-plotly-plot .scatterlayer")
    state = "(() => { const p = document.querySelector('.js-plotly-plot'); return [p.layout.shapes[0].y0, "
    state += "Array.from(p.data[2].y).reduce((a, b) => a + b)]; })()"
    tau, written = page.evaluate(state)
    assert tau == pytest.approx(0.3)
    page.locator(".widget-slider .noUi-handle").first.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.js-plotly-plot').layout.shapes[0].y0 < 0.21")
    assert page.evaluate(state)[1] > written


def test_the_switch_of_the_language_keeps_slider_and_picture(page):
    lines = "[...document.querySelectorAll('.scatterlayer path.js-line')].map(e => e.getAttribute('d')).join()"
    before, tau = page.evaluate(lines), page.locator(".widget-readout").first.inner_text()
    page.get_by_role("button", name="中文").click()
    page.locator(".widget-label", has_text="阈值 tau").wait_for()
    page.get_by_role("button", name="显示代码").wait_for()  # labels change one after the other
    assert (page.evaluate(lines), page.locator(".widget-readout").first.inner_text()) == (before, tau)
    assert page.errors == []


def test_a_prediction_keeps_the_cells_below_it_closed_until_it_is_answered(page):
    page.evaluate(OPEN, "ask.ipynb")
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    panel.locator(".jp-CodeCell").nth(1).wait_for()
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.ready")
    cells, said = panel.locator(".jp-CodeCell"), panel.locator(".jp-OutputArea-output")
    cells.nth(0).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Shift+Enter")
    for entry, reply in {"x": "choose one of a, b", "a": "(a, b): a"}.items():
        panel.locator(".jp-Stdin-input:focus").wait_for()
        assert said.filter(has_text="measured").count() == 0
        page.keyboard.type(entry)
        page.keyboard.press("Enter")
        said.filter(has_text=reply).wait_for()
    cells.nth(1).locator(".jp-InputArea-editor").click()
    page.keyboard.press("Shift+Enter")
    said.filter(has_text="not yet: you predicted a, measured b").wait_for()
    assert page.errors == []
    page.evaluate(CLOSE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_lesson_opens_whole(page, path):
    """Its heading, its saved pictures and its saved figures are there, and nothing complains."""
    source = "\n".join(cell.source for cell in cells(path, "markdown"))
    plots = [output for cell in cells(path, "code") for output in cell.outputs if is_plot(output)]
    page.evaluate(OPEN, path.name)
    panel = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    heading = next(line for line in source.splitlines() if line.startswith("# "))
    panel.locator("h1", has_text=heading.removeprefix("# ")).wait_for()
    wanted = [source.count("](images/"), len(plots)]
    page.wait_for_function(f"wanted => String(({SHOWN})()) === String(wanted)", arg=wanted)
    assert not any(trouble in panel.inner_text() for trouble in TROUBLE)
    assert page.locator(".jp-Dialog").all_inner_texts() == [] and page.errors == []
    page.evaluate(CLOSE)


def is_plot(output) -> bool:
    return "application/vnd.plotly.v1+json" in output.get("data", {})
