"""Hostile links, files and texts: one clear line, nothing lost, no path of the machine, pictures drawn all the same."""

import csv
import math
import re
import tomllib
from html.parser import HTMLParser

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import NAMES, ROOT, curves, lines, open_page, page_of, picture, sound, start, trace_of, unbroken  # noqa: E402

# isort: split
import runs  # noqa: E402
from sources import Source  # noqa: E402
from texts import plain  # noqa: E402

from titans_course.claims import load_results  # noqa: E402
from titans_course.claims.view import to_csv as claims_csv  # noqa: E402
from titans_course.figures.export import to_code, to_html  # noqa: E402
from titans_mini import ConfigError, SimulationConfig, simulate
from titans_mini.data.text import MAX_BYTES  # noqa: E402
from titans_mini.tune.store import to_csv as tuning_csv  # noqa: E402

PAGES = {name: page_of(name) for name in NAMES}
VALUES = (
    "", "nan", "inf", "-1", "1e999", "9" * 10_000, "<script>alert(1)</script>", "\0", "%00", "\u96ea\U0001f642\u202e",
    "a\nb\tc", "\uff11\uff12e3", "0x10", "1_0", "true,false", ",", ",,0.3", "../../etc/passwd", "{tau}", "%s%n",
)  # fmt: skip
LINK = re.compile(r"https?:/|www\.|\w@\w", re.IGNORECASE)  # where Markdown makes a link by itself


def told(app) -> str:
    """All the words of a page."""
    kinds = ("markdown", "caption", "warning", "error", "info", "success", "code", "html")
    return "\n".join(str(element.value) for kind in kinds for element in app.get(kind))


@pytest.mark.parametrize("page", PAGES)
def test_every_control_takes_a_value_in_its_range_or_refuses_in_one_line(page):
    for control in PAGES[page].controls.values():
        for text in VALUES:
            try:
                value = control.read(text[: control.longest])
            except ConfigError as error:
                assert len(str(error)) > 10 and "\n" not in str(error)
                continue
            if control.kind in ("choice", "buttons"):
                assert value in control.options
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, float | int) and control.high > control.low:
                    assert math.isfinite(number) and control.low <= number <= control.high, (control.name, text)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("turn", [0, 7, 13])
def test_a_link_of_nonsense_gives_one_line_and_the_page_as_it_is(page, turn):
    controls = PAGES[page].controls
    link = {name: VALUES[(place + turn) % len(VALUES)] for place, name in enumerate(controls)}
    refused = [name for name, text in link.items() if refuses(controls[name], text)]
    app = unbroken(open_page(page, {**link, "hide": VALUES[turn], "nonsense": VALUES[-turn]}))
    (line,) = [line for line in lines(app) if "link" in line]
    assert "\n" not in line and len(line) < 1500
    assert str(ROOT) not in told(app) and "Traceback" not in told(app)
    values, defaults = app.session_state["kept"][page], {n: c.default for n, c in controls.items()}
    assert all(alike(values[name], defaults[name]) for name in refused if defaults[name] is not None)
    assert app.get("plotly_chart") or curves(app) or page in ("claims", "tuning", "variants", "miras")


def alike(value, default) -> bool:
    return tuple(value) == default if isinstance(default, tuple) else value == default


def refuses(control, text: str) -> bool:
    try:
        control.read(text[: control.longest] + "…" * (len(text) > control.longest))
    except ConfigError:
        return True
    return False


def test_a_name_that_comes_twice_in_a_link_is_no_trouble():
    assert 0 <= trace_of(sound(start(tau=["0.1", "nan"], seed=["1", "2"]))).settings.tau <= 1


def test_a_sudden_end_tells_visitors_no_path():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf8"))
    assert settings["client"]["showErrorDetails"] in ("type", "none")


@pytest.mark.parametrize(
    "text", ["see http://evil.example/a", "HTTPS://e.vil", "www.evil.example", "mail a@evil.example"]
)
def test_text_from_outside_becomes_no_link(text):
    assert not LINK.search(plain(text).replace("\\", ""))
    assert plain(text).replace("\\", "").replace("\u2060", "") == text


def test_text_from_outside_cannot_turn_the_line_round():
    assert plain("a\u202egnp.\u2066exe\x07") == "agnp.exe"


BAD_NAMES = [
    "x" * 300 + ".txt",
    "<img src=x onerror=alert(1)>.txt",
    "../../etc/passwd",
    "a|b*c_[d](http://e.f) `g` $h$",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_file_with_a_hostile_name_is_read_and_refused_like_any_other(name):
    app = start(stream="upload")
    app.file_uploader(key="upload").set_value((name, b"a\0b", "text/plain"))
    (line,) = lines(sound(app.run()))
    assert "binary" in line and len(line) < 400 and not LINK.search(line.replace("\\", ""))
    assert not set("<`$|*") & set(re.sub(r"\\.", "", line))
    app.file_uploader(key="upload").set_value((name, b"some words " * 20, "text/html"))
    assert not lines(sound(app.run())) and bytes(trace_of(app).tokens[:4]) == b"some"


KINDS = {
    "one line": "word " * 200_000,
    "right to left": "\u05e9\u05dc\u05d5\u05dd \u202e\u0645\u0631\u062d\u0628\u0627 " * 20,
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467\U0001f1ea\U0001f1fa\u2764\ufe0f" * 20,
    "markup": "</div></script><img src=x onerror=alert(1)><style>*{display:none}</style>&lt;{}%s" * 5,
    "signs": "\x01\x1b[31m\x7f\ufffd\ufeff\u2028\r\r\n\t" * 20,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", ["paste", "upload"])
def test_text_of_any_kind_is_read_as_text(kind, way):
    app, text = start(stream=way), KINDS[kind]
    if way == "paste":
        text = text[:20_000]  # no more can be pasted; test_app_inputs shows what is said then
        app.text_area(key="paste").set_value(text)
    else:
        app.file_uploader(key="upload").set_value(("a.txt", text.encode("utf-8-sig"), "text/plain"))
    assert not lines(sound(app.run()))
    assert trace_of(app).tokens.tobytes() == re.sub("\r+\n", "\n", text).encode()[:120]
    shown = "".join(block.value for block in app.get("html") if not block.value.startswith("<script>"))
    assert "<img" not in shown and "</script" not in shown


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("text", ["Plain words.", "\u96ea\u96ea\u96ea"])
def test_other_encodings_are_refused_and_nothing_is_lost(encoding, text):
    app = start(stream="upload")
    before = picture(app)
    app.file_uploader(key="upload").set_value(("a.txt", text.encode(encoding), "text/plain"))
    (line,) = lines(sound(app.run()))
    assert "UTF" in line and picture(app) == before


def test_the_texts_that_a_session_holds_are_bounded(monkeypatch):
    state = {}
    monkeypatch.setattr(runs.st, "session_state", state, raising=False)
    long = "a" * (MAX_BYTES - 1)
    for number in range(4):
        runs.get_run(SimulationConfig(tokens=4), Source("text", long[number:], "a.txt", str(number)))
        assert sum(len(run.source.text) for run in state["runs"].values()) <= MAX_BYTES
    assert len(state["runs"]) == 1


HOSTILE = "</script><img src=x onerror=alert(1)>&lt;{}\"'\n=1+1\n@SUM(A1)\n"


class Tags(HTMLParser):
    """The tags of a page, and those of their attributes that run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.handlers = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.handlers += [name for name, value in attrs if name.startswith("on") or "script:" in (value or "")]


def test_the_page_to_take_away_holds_hostile_text_as_text():
    trace = simulate(SimulationConfig(tokens=60), HOSTILE)
    hostile, harmless = (
        Tags(to_html(trace, code=to_code(trace.settings, text, file)))
        for text, file in ((HOSTILE, "</pre><script>alert(1)</script>"), ("a", None))
    )
    assert hostile.tags == harmless.tags and "img" not in hostile.tags and not hostile.handlers


def test_no_cell_of_a_table_to_take_away_is_a_formula():
    line = {"stage": "final", "mean": -0.5, "tie": True}
    tables = [simulate(SimulationConfig(tokens=60), HOSTILE).to_csv(), tuning_csv([line]), claims_csv(load_results())]
    for table in tables:
        cells = [cell for row in csv.reader(table.splitlines()) for cell in row]
        assert len(cells) > 5
        assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r") and not is_number(cell)] == []


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
