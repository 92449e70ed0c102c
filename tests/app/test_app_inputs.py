"""What comes into the simulator page and goes out of it: links, text of one's own, and the code to repeat a run."""

import ast
import contextlib
import io
import re

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import PASTED, TEXTS, lines, picture, sound, start, trace_of  # noqa: E402

# isort: split
import controls  # noqa: E402

LINK = {
    "stream": "outliers",
    "tau": "0.15",
    "lam": "1e-05",
    "gate": "constant",
    "depth": "3",
    "chunk": "8",
    "seed": "4",
}


def test_a_link_sets_the_controls_and_equal_links_give_equal_pictures():
    app = sound(start(**LINK))
    settings = trace_of(app).settings
    assert (settings.scenario, settings.tau, settings.lam, settings.seed) == ("outliers", 0.15, 1e-5, 4)
    assert settings.memory.depth == 3
    assert picture(app) == picture(start(**LINK))


def test_a_link_may_give_a_value_between_two_steps():
    assert trace_of(sound(start(lam="0.00025", tau="0.123"))).settings.lam == 0.00025


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", "7"),
        ("tau", "nan"),
        ("tau", ""),
        ("eta", "-1"),
        ("eta", "inf"),
        ("depth", "2.5"),
        ("tokens", "1e9"),
        ("seed", "9" * 400),
        ("stream", "nowhere"),
        ("gate", "<script>alert(1)</script>"),
        ("normaliser", "![x](http://a.b/c) `$x$` :red[y]"),
        ("colour", "blue"),
    ],
)
def test_a_link_that_cannot_be_used_gives_one_line_and_the_default(name, value):
    app = sound(start(**{name: value, "beta": "0.5"}))
    (line,) = lines(app)
    assert name in line and "\n" not in line and len(line) < 400
    assert "](" not in line and not set("<`$") & set(re.sub(r"\\.", "", line))  # nothing in it acts as Markdown
    settings = trace_of(app).settings
    assert settings.beta == 0.5
    assert settings.tau == 0.3 and settings.eta == 1e-3 and settings.memory.depth == 2
    assert not lines(app.run()) or lines(app) == [line]


def test_a_teacher_hides_controls_and_what_the_link_set_still_holds():
    app = sound(start(hide="eta,softness,more,gallery,code", eta="0.002", depth="3"))
    shown = {widget.key for widget in (*app.slider, *app.select_slider, *app.number_input, *app.selectbox)}
    assert {"tau", "lam"} <= shown and not shown & {"eta", "softness", "depth", "tokens"}
    assert not app.code and "code" not in app.session_state and not app.pills
    assert (trace_of(app).settings.eta, trace_of(app).settings.memory.depth) == (0.002, 3)
    app.button(key="simulator_defaults").click()
    assert trace_of(sound(app.run())).settings.eta == 1e-3
    assert "eta" not in app.query_params


def test_everything_can_be_hidden_but_the_picture():
    from links import NAMES

    app = sound(start(hide=",".join(name for name in NAMES if name != "chart")))
    assert not app.slider and not app.metric


def test_an_unknown_name_to_hide_gives_one_line():
    assert len(lines(sound(start(hide="tau,nonsense")))) == 1


def test_pasted_text_is_run_and_kept_out_of_the_link():
    app = sound(start(stream="paste"))
    app.text_area(key="paste").set_value(PASTED)
    sound(app.run())
    assert trace_of(app).tokens.tobytes().decode() == PASTED
    assert "paste" not in app.query_params


@pytest.mark.parametrize("text", ["", " \n ", "a\0b"])
def test_bad_pasted_text_gives_one_line_and_loses_nothing(text):
    app = start(stream="paste")
    app.text_area(key="paste").set_value(PASTED).run()
    before = picture(app)
    app.text_area(key="paste").set_value(text)
    sound(app.run())
    (line,) = lines(app)
    assert "\n" not in line
    assert picture(app) == before
    app.text_area(key="paste").set_value("Good again. " * 20).run()
    assert not lines(app) and picture(app) != before


BAD_FILES = {
    "empty.txt": b"",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "utf16.txt": "Hello".encode("utf-16"),
    "latin1.txt": "caf\xe9 \xe9t\xe9".encode("latin-1"),
    "long.txt": b"a" * 10_000_001,
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_gives_one_line_that_names_it_and_loses_nothing(name):
    app = start(stream="upload")
    before = picture(app)
    app.file_uploader(key="upload").set_value((name, BAD_FILES[name], "text/plain"))
    sound(app.run())
    (line,) = lines(app)
    assert name.split(".")[0] in line
    assert picture(app) == before


def test_a_text_that_is_cut_says_so_and_a_button_reads_more():
    app = start(stream="upload")
    app.file_uploader(key="upload").set_value(("a.txt", b"word " * 3000, "text/plain")).run()
    assert any("first 120 of 15,000 bytes" in block.value for block in app.markdown)
    app.button(key="cut_more").click()
    assert len(trace_of(sound(app.run()))) == 10_000
    assert any("first 10,000 of 15,000 bytes" in block.value for block in app.markdown)
    assert "cut_more" not in {button.key for button in app.button}
    assert not any("bytes of your text" in block.value for block in start(stream="story").markdown)


def test_a_chinese_file_of_another_encoding_is_answered_with_advice():
    app = start(stream="upload")
    app.file_uploader(key="upload").set_value(("gbk.txt", "猫坐在垫子上。".encode("gbk"), "text/plain"))
    (line,) = lines(sound(app.run()))
    assert "save the file as UTF-8" in line


def test_a_line_end_of_windows_is_one_byte_in_the_app_and_in_the_code_that_repeats_the_run(tmp_path, monkeypatch):
    app, data = start(stream="upload"), b"one\r\ntwo\r\n" * 20
    app.file_uploader(key="upload").set_value(("a.txt", data, "text/plain")).run()
    assert trace_of(app).tokens.tobytes() == data.replace(b"\r\n", b"\n")[:120]
    (tmp_path / "a.txt").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    assert run_code(shown_code(app)) == without_time(trace_of(app).summary())


def test_what_a_link_does_not_hold_is_said_only_then():
    def told(app):
        return [block.value for block in app.caption if "address bar" in block.value]

    app = start(stream="paste")
    assert len(lines(app)) == 1  # as after a reload, which loses the text
    app.text_area(key="paste").set_value(PASTED)
    assert told(sound(app.run())) == [TEXTS["en"]["link_lacks"].format(what="your own text")] and not lines(app)
    app.button(key="pin").click().run()
    assert told(app) == [TEXTS["en"]["link_lacks"].format(what="your own text and run A")]
    app.selectbox(key="stream").set_value("noise").run()
    app.button(key="unpin").click()
    assert told(sound(app.run())) == [TEXTS["en"]["link"]]
    app.selectbox(key="stream").set_value("paste")
    assert not lines(app.run())  # who chooses it here has lost nothing


@pytest.mark.parametrize(
    "link",
    [LINK, {"stream": "story"}, {"stream": "paste"}, {"tau": "0.1", "lam": "0.01", "softness": "0.2", "scale": "unit"}],
)
def test_the_code_that_is_shown_repeats_the_run(link):
    app = start(**link)
    if link.get("stream") == "paste":
        app.text_area(key="paste").set_value(PASTED).run()
    assert run_code(shown_code(app)) == without_time(trace_of(app).summary())


def test_the_code_for_a_file_reads_that_file(tmp_path, monkeypatch):
    app = start(stream="upload")
    app.file_uploader(key="upload").set_value(("it's mine.txt", PASTED.encode(), "text/plain")).run()
    (tmp_path / "it's mine.txt").write_bytes(PASTED.encode())
    monkeypatch.chdir(tmp_path)
    assert run_code(shown_code(app)) == without_time(trace_of(app).summary())


def shown_code(app) -> str:
    """The code panel's text, once it is opened."""
    assert not app.code
    app.session_state["code"] = True
    return app.run().code[0].value


def run_code(code: str) -> dict:
    """What the code prints, as a dict without the compute time."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "shown", "exec"), {})  # noqa: S102
    return without_time(ast.literal_eval(printed.getvalue()))


def without_time(summary: dict) -> dict:
    return {name: value for name, value in summary.items() if name != "seconds"}


def test_a_pasted_text_that_is_too_long_is_one_line_and_the_last_picture_stays():
    app = start(stream="paste")
    before = picture(app)
    app.text_area(key="paste").set_value("a" * 20_001)
    (line,) = lines(sound(app.run()))
    assert "20,001" in line and "20,000" in line and "\n" not in line and picture(app) == before
    app.text_area(key="paste").set_value("ab" * 10_000)
    assert not lines(sound(app.run())) and trace_of(app).tokens[:2].tolist() == [97, 98]


def test_a_choice_that_comes_back_as_a_label_is_the_default():
    control = controls.CONTROLS["normaliser"]
    assert controls.one_of(control, "pinned: something else") == control.default
    assert controls.one_of(control, control.options[1]) == control.options[1]


def test_values_beyond_a_widgets_range_are_brought_into_it(monkeypatch):
    monkeypatch.setitem(controls.WIDGETS, "number", lambda control, **more: 10**9)
    monkeypatch.setitem(controls.WIDGETS, "slider", lambda control, **more: -3.0)
    assert controls.show(controls.CONTROLS["tokens"], frozenset()) == controls.MAX_TOKENS
    assert controls.show(controls.CONTROLS["tau"], frozenset()) == 0
