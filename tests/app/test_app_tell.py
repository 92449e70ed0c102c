"""The card "Tell it, distract it, ask it" and the code in real text, without a browser, on the bundled models."""

import re

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending as chart  # noqa: E402
from pages import lines, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402

from titans_course.studies import telling

REST = "mask,bits,evidence,distance,generation,needle"


def start(**link: str):
    return sound(open_page("variants", {"variant": "mag", "hide": REST, **link}))


def press(app, name: str):
    app.button(key=name).click()
    return sound(app.run())


def table(app) -> list[str]:
    """The rows of the answers, as a screen reader reads them."""
    (html,) = [block.value for block in app.get("html") if "class='told'" in block.value]
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [" ".join(re.sub(r"<[^>]*>", " ", row).split()) for row in rows]


def test_the_kept_answers_are_there_at_once_and_need_no_model(monkeypatch):
    import weights

    monkeypatch.setattr(weights, "_load", None)
    app = start()
    assert table(app) == [
        "saved result locker 9 21 locker 3 7 locker 17 30 locker 28 2",
        "Memory on 21 ✓ right 7 ✓ right 30 ✓ right 2 ✓ right 4 of 4",
        "Memory frozen 12 ✗ wrong 12 ✗ wrong 12 ✗ wrong 12 ✗ wrong 0 of 4",
        "Memory off 12 ✗ wrong 12 ✗ wrong 12 ✗ wrong 12 ✗ wrong 0 of 4",
        "Trained without memory 3.1% right; guessing: 3.1%",
    ]
    app.select_slider(key="tell_gap").set_value(0)
    assert table(sound(app.run()))[1] == "Memory on 21 ✓ right 7 ✓ right 30 ✓ right 12 ✗ wrong 3 of 4"


def test_it_is_asked_live_told_anew_rolled_back_and_reset():
    app = start()
    assert table(press(app, "tell_live"))[0].startswith("measured now")
    right = "Memory on 21 ✓ right 7 ✓ right 30 ✓ right 2 ✓ right 4 of 4"
    assert table(app)[1] == right
    assert app.button(key="tell_anew").label == "Locker 9 is now 26"
    press(app, "tell_anew")
    assert table(app)[0].startswith("measured now locker 9 26")
    assert table(app)[1] == right.replace("21", "26") and app.button(key="tell_anew").label == "Locker 9 is now 31"
    assert table(press(app, "tell_back"))[:2] == [table(app)[0], right] and "rolled back locker 9 21" in table(app)[0]
    assert table(press(app, "tell_back"))[1].endswith("0 of 4")
    assert table(press(app, "tell_reset"))[0].startswith("saved result")


def test_at_most_so_many_states_are_kept():
    app = press(start(), "tell_anew")  # which first tells what is anew for a model that has read it all
    while not app.button(key="tell_anew").disabled:
        press(app, "tell_anew")
    import tell

    assert len(app.session_state["tell_told"].talks) == tell.SNAPSHOTS


def test_ones_own_codes_are_read_at_once_and_belong_to_the_session():
    app = start()
    app.text_input(key="tell_facts").set_value("1=2，30 = 31")
    assert table(sound(app.run()))[:2] == [
        "measured now locker 1 2 locker 30 31",
        "Memory on 2 ✓ right 31 ✓ right 2 of 2",
    ]
    assert table(start())[0].startswith("saved result")
    for text in ("1=32", "1", "1=2 and more", "", "1=1,2=2,3=3,4=4,5=5"):
        app.text_input(key="tell_facts").set_value(text)
        (line,) = lines(sound(app.run()))
        assert "up to 4 lockers" in line and table(app)[0].startswith("saved result")


def test_a_stopped_reading_begins_again_only_when_asked(monkeypatch):
    app, read = start(), telling.tell
    app.text_input(key="tell_facts").set_value("5=6")

    def stopped(*arguments):
        import streamlit as st
        import tell

        tell._stop(("mag", *question))
        st.stop()
        yield

    card = __import__("weights").cards("recall")["mag"]
    question = card["weights_sha256"], ((5, 6),), 1024
    monkeypatch.setattr(telling, "tell", stopped)
    sound(app.run())
    monkeypatch.setattr(telling, "tell", read)
    assert table(sound(app.run()))[0] == "Ask it live to measure locker 5 6"
    assert table(press(app, "tell_live"))[1] == "Memory on 6 ✓ right"


def test_the_link_hides_the_card_and_chinese_has_its_words():
    assert not [block for block in start(hide="tell," + REST).get("html") if "class='told'" in block.value]
    assert table(start(lang="zh"))[1] == "记忆开 21 ✓ 对 7 ✓ 对 30 ✓ 对 2 ✓ 对 4 / 4"


def needles(app) -> list[str]:
    return [row for row in table(app) if not row.startswith("Trained")]


def test_the_code_in_real_text_is_kept_and_can_be_ones_own():
    app = start(hide="tell,mask,bits,evidence,distance,generation")
    kept = telling.kept("needle", "needle-mag", __import__("weights").find("needle", "mag", quiet=True).card)
    first = kept[0]
    assert needles(app)[:2] == [
        f"saved result [{first['name']}= {first['code']}",
        f"Memory on {first['said']['on']} ✓ right",
    ]
    app.text_input(key="needle_code_1").set_value("qzx = 47")
    assert needles(sound(app.run()))[:2] == ["measured now [QZX= 47", "Memory on 47 ✓ right"]
    assert any("[QZX=47]" in block.value for block in app.get("html"))
    app.text_input(key="needle_code_1").set_value("AB=4")
    assert lines(sound(app.run()))[0].startswith("Write three of the letters")
    app.slider(key="needle_text").set_value(2)
    assert needles(sound(app.run()))[0] == f"saved result [{kept[1]['name']}= {kept[1]['code']}"
    assert needles(press(app, "needle_live"))[0].startswith("measured now")


def test_distance_and_generation_open_with_what_was_measured_before():
    app = start(hide="tell,mask,bits,evidence,needle", memory="off")
    drawn = chart(app, "distance_chart")["data"]
    assert [line["name"] for line in drawn] == ["on", "frozen", "off"] and drawn[0]["y"][-1] == 1.0
    assert sum("Kept: measured before" in caption.value for caption in app.caption) == 2
    off = "".join(block.value for block in app.get("html"))
    app.segmented_control(key="memory").set_value("on")
    assert "".join(block.value for block in sound(app.run()).get("html")) != off
