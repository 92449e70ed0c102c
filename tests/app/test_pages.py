"""What all pages do alike: controls have their texts, settings outlive a visit elsewhere, two buttons reset them."""

import re

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import NAMES, TEXTS, lines, open_page, page_of, unbroken  # noqa: E402
from reading import read  # noqa: E402

# isort: split
import parts  # noqa: E402
from streamlit.delta_generator_singletons import context_dg_stack  # noqa: E402
from tuning import runs as tuning_runs  # noqa: E402

from titans_course.studies import duration as tune_time  # noqa: E402

# Page -> a link to it that changes some settings.
LINKS = {
    "simulator": {"tokens": "60", "tau": "0.15", "gate": "constant", "stream": "outliers"},
    "anatomy": {"tokens": "60", "stream": "noise", "layer": "2", "depth": "2", "token": "33", "auto": "false"},
    "variants": {"variant": "mal", "read_bytes": "100", "memory": "off", "window": "50"},
    "miras": {"preset": "moneta", "kind": "noise", "length": "60", "versus": "deltanet"},
    "tuning": {"objective": "recall", "taus": "0.1,0.5"},
    "operations": {"engine": "recipe", "incident": "random_bytes", "stream_tokens": "1000", "at": "600"},
    "claims": {"judged": "holds", "row": "linear"},
}
# Page -> the least number of its widgets.
WIDGETS = dict(zip(NAMES, (21, 21, 16, 19, 13, 30, 6), strict=True))
KINDS = (
    "slider", "select_slider", "selectbox", "multiselect", "number_input", "text_area", "text_input", "file_uploader",
    "toggle", "button", "button_group", "download_button", "metric",
)  # fmt: skip
BLANK = re.compile(r"\{[a-z_]+(:[^{}]*)?\}")
SILENT = {"memories", "row", "played", "searched", "token"}  # controls that stand in the link only


@pytest.fixture(autouse=True)
def known_speed(monkeypatch):
    monkeypatch.setattr(tune_time, "_timed", lambda configs: 0.01 * len(configs))
    tuning_runs._speed.clear()


@pytest.mark.parametrize("page", NAMES)
def test_every_widget_has_help_and_every_text_its_fields(page):
    app = unbroken(open_page(page, LINKS[page]))
    widgets = [widget for kind in KINDS for widget in app.get(kind)]
    assert len(widgets) >= WIDGETS[page]
    assert [widget.proto.label for widget in widgets if not widget.proto.help] == []
    assert [widget.proto.id for widget in widgets if not widget.proto.label] == []
    assert [text for text in read(app) if BLANK.search(text) and "$$" not in text] == []


@pytest.mark.parametrize("page", NAMES)
def test_every_control_has_a_label_and_a_help_text(page):
    names = page_of(page).controls.keys() - SILENT
    assert names and [name for name in names if not {name, f"{name}?"} <= TEXTS["en"].keys()] == []


@pytest.mark.parametrize("page", NAMES)
def test_settings_outlive_a_visit_to_another_page(page):
    app = unbroken(open_page(page, LINKS[page]))
    before, other = app.session_state.kept[page], "claims" if page != "claims" else "tuning"
    app.query_params.clear()  # as a link of the navigation does
    unbroken(app.switch_page(f"app_pages/{other}.py").run())
    app.query_params.clear()
    unbroken(app.switch_page(f"app_pages/{page}.py").run())
    assert app.session_state.kept[page] == before and not lines(app)


@pytest.mark.parametrize("page", NAMES)
def test_defaults_and_reset_set_every_control(page):
    app = unbroken(open_page(page, LINKS[page]))
    first, defaults = app.session_state.kept[page], {n: c.default for n, c in page_of(page).controls.items()}
    found = dict.fromkeys(page_of(page).derived) | {name: None for name, value in defaults.items() if value is None}
    unbroken(app.button(key=f"{page}_defaults").click().run())
    assert {name: _tupled(value) for name, value in app.session_state.kept[page].items()} | found == defaults | found
    unbroken(app.button(key=f"{page}_reset").click().run())
    assert app.session_state.kept[page] == first and not lines(app)


def _tupled(value):
    return tuple(value) if isinstance(value, list) else value  # what a multiselect holds


def test_a_run_cut_short_inside_a_panel_leaves_no_column_open():
    def cut() -> None:
        raise InterruptedError

    before = context_dg_stack.get()
    with pytest.raises(InterruptedError):
        parts.beside({"text": (1, cut), "formula": (1, cut)}, frozenset())
    assert context_dg_stack.get() == before
