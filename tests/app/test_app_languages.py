"""The app in two languages: pages in Chinese, the link, the switch, and sessions that do not disturb each other."""

import re

import pytest

pytest.importorskip("streamlit.testing.v1")

import pages  # noqa: E402
from pages import lines, open_page, sound, start, trace_of, unbroken  # noqa: E402
from reading import drawn, read, shapes  # noqa: E402
from words import HAN, english  # noqa: E402

# isort: split
import language  # noqa: E402
import streamlit as st  # noqa: E402

from titans_course.studies.gallery import FAILURES  # noqa: E402

CHINESE = pages.TEXTS["zh"]
NAMES = """
tau beta lambda theta eta eta_t alpha softness sqrt g_write g_forget rms unit excess zsigmoid running_max fixed
English Python CSV JSON HTML UTF MB Ctrl Enter Frobenius Transformer RMSNorm titans_mini Trace from_json
MAC MAG MAL LMM numpy top min text conv recall needle mac mag mal lmm cursor gram
"""  # symbols, names, and the name of a mark that nobody sees
ALLOWED = NAMES.split()
LATEX = re.compile(r"\$\$.*?\$\$", re.S)
DIVERGING = {"tau": "0", "eta": "1", "tokens": "300"}
VISITS = {
    "simulator": (None, {"tokens": "300"}, ()),
    "simulator diverged": (None, DIVERGING, ("mend?", "pin")),
    "simulator compared": (
        None,
        {"tokens": "300", "stream": "topic_shift", "gate": "constant", "encoding": "conv-mag"},
        ("pin", "simulator_defaults"),
    ),
    "simulator pasted": (None, {"stream": "paste", "normaliser": "zsigmoid"}, ("pin", "tour_open")),
    "simulator upload": (None, {"stream": "upload", "tokens": "300"}, ()),
    "anatomy": ("anatomy", {"tokens": "60", "depth": "2", "layer": "2"}, ()),
    "anatomy by hand": ("anatomy", {"tokens": "60", "auto": "false", "theta": "1"}, ()),
    "anatomy past": ("anatomy", {"tokens": "60", "token": "90"}, ()),
    "variants mac": ("variants", {"read_bytes": "100"}, ()),
    "variants mag": ("variants", {"variant": "mag", "read_bytes": "2100", "new_bytes": "10"}, ("generate_button",)),
    "variants mal": ("variants", {"variant": "mal", "read_bytes": "100"}, ()),
    "variants lmm": ("variants", {"variant": "lmm", "reading": "paste"}, ()),
}


def visit(name: str, tongue: str):
    """A page in a language, after its buttons were pressed; one whose name ends in ? may be missing."""
    page, link, buttons = VISITS[name]
    app = unbroken(open_page(page, {**link, "lang": tongue}))
    for key in buttons:
        app.button(key=key.rstrip("?")).click()
        unbroken(app.run())
    return app


def words(app) -> list[str]:
    """All that a person reads but for formulas and the text that the memory reads."""
    return [*(LATEX.sub("", text) for text in read(app) if 'class="reading"' not in text), *drawn(app)]


@pytest.mark.parametrize("name", VISITS)
def test_a_page_in_chinese_has_no_english_left_and_the_same_numbers_and_curves(name):
    app, other = visit(name, "zh"), visit(name, "en")
    assert HAN.search(app.markdown[0].value) and len(words(app)) > 30
    assert english(words(app), ALLOWED) == set()
    assert not HAN.search("".join(words(other)).replace("中文", ""))
    if "paste" not in VISITS[name][1].values():  # there each language has a text of its own to begin with
        assert shapes(app) == shapes(other)


@pytest.mark.parametrize("name", FAILURES)
def test_each_failure_is_judged_in_chinese(name):
    app = start(lang="zh", tokens="600")
    app.pills(key="failure").set_value(name)
    assert english(words(sound(app.run())), ALLOWED) == set()


@pytest.mark.parametrize(
    ("link", "part"),
    [
        ({"tau": "7"}, "tau 须为 0 到 1 之间的数"),
        ({"depth": "2.5"}, "深度 须为 1 到 4 之间的整数"),
        ({"gate": "open"}, "gate 须为 surprise, constant 之一"),
        ({"colour": "blue"}, "没有名为 'colour' 的设置"),
        ({"hide": "nonsense"}, "hide='nonsense' 不是任何控件"),
    ],
)
def test_a_link_that_cannot_be_used_is_answered_in_chinese(link, part):
    (line,) = lines(sound(start(lang="zh", **link)))
    assert line.startswith(CHINESE["bad_link"][:8]) and part in line.replace("\\", "")


def test_bad_text_is_answered_in_chinese():
    app = start(lang="zh", stream="paste")
    app.text_area(key="paste").set_value("a\0b").run()
    (line,) = lines(app)
    assert line.startswith("输入无法使用：粘贴的文本是二进制")


def test_a_language_that_does_not_exist_gives_one_line_and_english():
    app = sound(start(lang="xx", tau="0.2"))
    (line,) = lines(app)
    assert "lang must be one of en, zh" in line.replace("\\", "") and app.metric[0].label == "Writes per 1,000"
    assert "lang" not in app.query_params and trace_of(app).settings.tau == 0.2


@pytest.mark.parametrize(
    ("browser", "link", "expected", "kept"),
    [
        ("zh-CN", {}, "zh", "zh"),
        ("zh", {}, "zh", "zh"),
        ("en-US", {}, "en", None),
        ("fr", {}, "en", None),
        (None, {}, "en", None),
        ("zh-TW", {"lang": "en"}, "en", "en"),
        ("en-GB", {"lang": "zh"}, "zh", "zh"),
    ],
)
def test_the_browser_chooses_where_the_link_does_not(browser, link, expected, kept, monkeypatch):
    monkeypatch.setattr(type(st.context), "locale", property(lambda context: browser))
    app = sound(start(**link))
    assert app.session_state[language.LANGUAGE] == expected
    assert app.query_params.get("lang") == kept


def switch(app, tongue: str):
    app.segmented_control(key=language.SWITCH).set_value(tongue)
    return sound(app.run())


def test_the_switch_changes_the_words_and_nothing_else():
    app = start(stream="repetition", gate="constant", tau="0.2", lam="0.00025", normaliser="fixed", depth="3")
    app.slider(key="beta").set_value(0.4).run()
    app.button(key="pin").click().run()
    app.number_input(key="seed").set_value(5).run()
    before, link, settings = shapes(app), dict(app.query_params), trace_of(app).settings
    sent, numbers = pages.tape(app), pages.numbers(app)
    switch(app, "zh")
    assert app.metric[0].label == CHINESE["writes"] and "记忆范数" in drawn(app)
    assert (shapes(app), trace_of(app).settings, pages.numbers(app)) == (before, settings, numbers)
    assert app.query_params.items() >= {**link, "lang": "zh"}.items()
    assert pages.tape(app)["turn"] == sent["turn"]  # the cursor stays
    switch(app, "en")
    assert (shapes(app), pages.tape(app)) == (before, sent) and not HAN.search("".join(drawn(app)))
    assert app.query_params.items() >= {**link, "lang": "en"}.items()


@pytest.mark.parametrize(
    ("page", "link"),
    [
        ("anatomy", {"tokens": "60", "stream": "noise", "layer": "2", "depth": "2", "token": "33"}),
        ("variants", {"variant": "mal", "read_bytes": "100", "memory": "off"}),
        ("miras", {"preset": "moneta", "kind": "noise", "length": "60"}),
        ("tuning", {"objective": "recall", "taus": "0.1,0.5"}),
        ("operations", {"engine": "recipe", "incident": "random_bytes", "stream_tokens": "1000"}),
        ("claims", {"judged": "holds", "row": "linear"}),
    ],
)
def test_the_switch_keeps_the_settings_of_every_page(page, link):
    app = unbroken(open_page(page, link))
    kept, before, address = app.session_state.kept[page], shapes(app), dict(app.query_params)
    for tongue in ("zh", "en"):
        app.segmented_control(key=language.SWITCH).set_value(tongue)
        unbroken(app.run())
        assert bool(HAN.search(app.markdown[0].value)) == (tongue == "zh") and not lines(app)
        assert app.session_state.kept[page] == kept and shapes(app) == before
        assert app.query_params.items() >= {**address, "lang": tongue}.items()


def test_a_line_about_the_link_follows_the_switch():
    app = start(tau="7")
    assert lines(app)[0].startswith("The link has")
    assert lines(switch(app, "zh"))[0].startswith("链接中")


def test_the_switch_keeps_text_of_ones_own():
    app = start(stream="paste")
    first = trace_of(app)
    assert trace_of(switch(app, "zh")) is first
    app.text_area(key="paste").set_value(pages.PASTED).run()
    assert trace_of(switch(app, "en")).tokens.tobytes().decode() == pages.PASTED


def test_the_language_stays_when_the_page_changes_and_with_what_is_hidden():
    app = start(lang="zh", hide="eta")
    app.query_params.clear()  # as a link of the navigation does
    app.switch_page("app_pages/anatomy.py")
    app.run()
    assert (app.query_params["lang"], app.query_params["hide"]) == ("zh", "eta")
    assert app.markdown[0].value == f"# {CHINESE['anatomy_title']}"


def test_two_sessions_in_two_languages_do_not_influence_each_other():
    first, second = start(lang="zh"), start(lang="en")
    for app, label in ((first, CHINESE["writes"]), (second, "Writes per 1,000"), (first, CHINESE["writes"])):
        app.slider(key="tau").set_value(0.11).run()
        assert app.metric[0].label == label
    switch(second, "zh")
    switch(first, "en")
    assert first.metric[0].label == "Writes per 1,000" and second.metric[0].label == CHINESE["writes"]
    assert shapes(first) == shapes(second)


def test_every_chart_goes_through_the_one_place_that_translates():
    drawing = [path.name for path in pages.ENTRY.parent.rglob("*.py") if "st.plotly_chart(" in path.read_text("utf8")]
    assert drawing == ["parts.py"]
