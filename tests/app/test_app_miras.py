"""The MIRAS page without a browser: pickers, presets, refused pairs, rule B, extremes, links."""

import contextlib
import io

import numpy as np
import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending, lines, open_page  # noqa: E402
from pages import unbroken as sound  # noqa: E402

# isort: split
from miras import controls as own  # noqa: E402
from miras import rules as miras_rules  # noqa: E402
from miras import runs as miras_runs  # noqa: E402

from titans_mini.errors import ConfigError  # noqa: E402
from titans_mini.miras import KNOBS, PRESETS, Combination, MirasConfig, allowed, refused  # noqa: E402
from titans_mini.miras.registry import repairs  # noqa: E402

QUICK = {"length": "60", "hide": "family,members,seeds"}  # which test_app_family looks at


def start(**link: str):
    """The page as a link opens it, over a short stream unless the link says more."""
    return sound(open_page("miras", {**QUICK, **link}))


def pick(app, **choices: str):
    for name, choice in choices.items():
        app.selectbox(key=name).set_value(choice)
    return sound(app.run())


def linked(app) -> dict[str, str]:
    """The link that the page has made of its settings."""
    given = dict(app.query_params.items())
    return {name: value if isinstance(value, str) else value[-1] for name, value in given.items()}


def chosen(app) -> tuple[str, ...]:
    return tuple(app.selectbox(key=name).value for name in miras_rules.KNOB_CONTROLS.values())


def chart(app, name: str = "along") -> dict:
    return chart_ending(app, f"{name}_chart")


def numbers(app) -> list[str]:
    return [metric.value for metric in app.metric]


def picture(app) -> tuple:
    return numbers(app), chart(app), chart(app, "by_age"), app.code[0].value


def test_it_opens_on_a_robust_rule_beside_l2():
    app = start(length="160")
    assert not lines(app) and chosen(app) == ("matrix", "huber", "none", "gd", "constant")
    assert any("bias l2 → huber" in block.value for block in app.markdown)
    recall, below = app.metric[0].value, app.metric[0].delta
    assert float(recall) > 0.95 and float(below.removeprefix("B: ")) < 0.9
    names = [line["name"] for line in chart(app)["data"]]
    assert names[:3] == ["this rule"] * 3 and "outlier" in names and {"theta", "eta", "alpha"} <= set(names)
    assert any("sum r^2 or delta" in block.value for block in app.markdown)


def test_a_preset_fills_the_pickers_and_runs():
    app = start(length="20", versus="nothing")
    for name, preset in PRESETS.items():
        pick(app, preset=name)
        assert not lines(app) and chosen(app) == tuple(preset.config.combination)
        assert app.selectbox(key="preset").value == name
        assert f"MirasConfig.preset('{name}')" in app.code[0].value
        assert all(value != "–" for value in numbers(app))
    assert pick(app, bias="dot").selectbox(key="preset").value == "own"


def test_a_refused_pair_says_why_and_what_is_allowed_and_loses_nothing():
    app = pick(start(), bias="lp")
    app.slider(key="lp_p").set_value(2.5)
    before = picture(sound(app.run()))
    pick(app, retention="kl", algorithm="momentum")
    (line,) = lines(app)
    assert "plain gradients" in line and "algorithm **gd**, **multistep**" in line and "retention **none**" in line
    assert "\n" not in line and picture(app) == before
    assert chosen(app) == ("matrix", "lp", "kl", "momentum", "constant") and app.slider(key="lp_p").value == 2.5
    assert not lines(pick(app, algorithm="gd")) and picture(app) != before
    pick(app, bias="l2")
    assert pick(app, bias="lp").slider(key="lp_p").value == 2.5


def test_what_does_not_fit_is_marked_and_one_click_changes_the_rest():
    app = pick(start(), retention="kl")
    marked = [name for name in app.selectbox(key="algorithm").options if name.endswith("· does not fit")]
    assert marked[0].startswith("momentum") and not [name for name in marked if name.startswith("gd")]
    before = picture(app)
    pick(app, algorithm="momentum")
    assert not app.selectbox(key="bias").options[0].endswith("not fit")  # no other bias would help
    (button,) = [button for button in app.button if button.key.startswith("repair")]
    assert button.label == "Change retention to none as well"  # the algorithm is what was just chosen
    button.click()
    assert not lines(sound(app.run())) and picture(app) != before
    assert chosen(app) == ("matrix", "huber", "none", "momentum", "constant")
    app = start(architecture="mlp", bias="lp", algorithm="implicit")
    app.button(key="repair_0").click()
    assert all("blew up" in line for line in lines(sound(app.run())))


def test_no_choice_is_lost_where_its_label_changes():
    app = pick(start(lang="zh"), bias="dot", algorithm="momentum")
    pick(app, retention="kl")  # marks the algorithm chosen, whose label is no more what it was
    assert chosen(app) == ("matrix", "dot", "kl", "momentum", "constant")
    assert own.chosen(own.PICKERS["algorithm"], app.selectbox(key="algorithm").options[1]) == "momentum"


def test_a_label_in_place_of_rule_b_changes_nothing():
    app = start()
    before = picture(app)
    app.session_state["versus"] = "pinned: matrix + l2 + none + gd + constant, theta=0.05"
    assert picture(sound(app.run())) == before and not lines(app) and "versus" not in linked(app)


def test_all_that_is_refused_can_be_repaired_by_few_changes():
    free = set(allowed())
    for combination, _ in refused()[::7]:
        found = repairs(combination)
        assert found and len({len(change) for change in found}) == 1
        for change in found:
            repaired = combination._replace(**change)
            assert repaired in free
            assert sum(a != b for a, b in zip(combination, repaired, strict=True)) == len(change)


def test_two_changes_are_named_where_one_does_not_do():
    (line,) = lines(start(architecture="mlp", bias="lp", algorithm="implicit"))
    assert "closed form" in line and "algorithm **gd**" in line
    many = Combination("cnn", "yaad", "privacy", "muon", "surprise")
    link = dict(zip(miras_rules.KNOB_CONTROLS.values(), many, strict=True))
    assert "No single change" in lines(start(**link))[0]


def test_rule_b_is_pinned_chosen_and_taken_away():
    app = start(preset="deltanet")
    app.button(key="pin_rule").click()
    assert any("same as this rule" in block.value for block in sound(app.run()).markdown)
    assert linked(app)["versus"] == "deltanet"
    mine = numbers(app)
    pick(app, preset="ttt_linear")
    assert [metric.delta for metric in app.metric] == [f"B: {value}" for value in mine]
    pick(app, bias="huber")
    sound(app.button(key="pin_rule").click().run())
    spelled = linked(app)["versus"]
    assert spelled.startswith("matrix.huber.none.gd.constant,")
    again = start(**linked(app))
    assert numbers(again) == numbers(app) and chart(again) == chart(app)
    pick(app, versus_choice="nothing")
    assert len(chart(app)["data"]) < len(chart(again)["data"]) and not app.metric[0].delta


@pytest.mark.parametrize("kind", own.KIND.options)
def test_each_stream(kind):
    app = start(kind=kind)
    assert not lines(app) and all(np.isfinite(float(value)) for value in numbers(app)[:2])
    if kind in own.AMOUNTS:
        slider = app.slider(key=own.AMOUNTS[kind].name)
        for end in (slider.min, slider.max):
            sound(app.slider(key=slider.key).set_value(end).run())


def test_overload_holds_more_pairs_than_fit():
    app = start(kind="overload", length="200", bias="l2")
    assert any("24 keys in 8 features" in caption.value for caption in app.caption)
    fits = start(kind="clean", length="200", bias="l2")
    assert float(numbers(app)[1]) > 0.3 > 0.05 > float(numbers(fits)[1])


@pytest.mark.parametrize(
    "link",
    [
        dict(length="1"),
        dict(length="1", pairs="64", kind="clean"),
        dict(features="32", pairs="64"),
        dict(features="4", kind="overload", load="8"),
        dict(write="0", forget="1", retention="adaptive"),
        dict(write="10", bias="dot"),
        dict(retention="privacy", privacy_sigma="1000", write="10"),
        dict(architecture="mlp", depth="4", chunk="64", scale="rms", write="10"),
        dict(architecture="cnn", algorithm="multistep", multistep_steps="16", length="20", versus="nothing"),
    ],
)
def test_ends_of_the_controls(link):
    app = start(**link)
    assert all("blew up" in line for line in lines(app)) and len(app.get("plotly_chart")) == 2


def test_a_memory_that_blows_up_names_cause_and_token_and_is_mended():
    app = start(bias="l2", write="3", versus="nothing", length="240")
    (line,) = lines(app)
    assert "This rule blew up at token" in line and "theta = 3 is too large" in line
    assert numbers(app)[:2] == ["–", "–"]
    token = int(line.split("token ")[1].split("*")[0])
    assert chart(app)["layout"]["shapes"][0]["x0"] == token
    app.button(key="miras_mend").click()
    assert not lines(sound(app.run())) and "–" not in numbers(app)
    piled = start(algorithm="momentum", momentum_eta="1", bias="l2", kind="noise", write="0.5", length="240")
    assert all("blew up" in line for line in lines(piled))


def test_the_code_is_runnable_and_repeats_the_run():
    mine = dict(bias="lp", lp_p="1.5", scale="rms", chunk="4", kind="overload")
    for link in (dict(preset="yaad"), dict(preset="hope"), dict(preset="tnt", global_local_C="8", depth="3"), mine):
        app = start(**link)
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            exec(app.code[0].value, {})
        assert f"{float(told.getvalue()):.2f}" == numbers(app)[0]
        assert sum(line.startswith(("miras =", "memory =")) for line in app.code[0].value.splitlines()) == 2


def test_links_fill_hide_and_are_mended():
    app = start(preset="yaad", bias="l2", hide="curves,table,gating,bias,nothing,family,members,seeds")
    assert "hide='nothing'" in lines(app)[0].replace("\\", "") and linked(app)["write"] == "0.05"
    assert app.selectbox(key="architecture").value == "residual" and len(app.get("plotly_chart")) == 1
    assert "bias" not in [box.key for box in app.selectbox] and "'residual', 'l2'" in app.code[0].value
    bad = {
        "preset": "nope", "bias": "<b>", "write": "nan", "lp_p": "99", "length": "1e9", "kind": "storm",
        "pairs": "x" * 500, "versus": "matrix.l2.none.gd.constant,theta=nan", "what": "ever",
    }  # fmt: skip
    app = start(**bad)
    (line,) = lines(app)
    assert line.count("\n") == 0 and "…" in line and len(line) < 1500 and len(app.get("plotly_chart")) == 2
    assert chosen(app) == ("matrix", "huber", "none", "gd", "constant")


def test_a_bad_rule_b_is_one_line():
    rule = "matrix.l2.none.gd.constant"
    details = ("", "theta=x", "theta=inf", "chunk=10000000", "depth=9", "clip=1", "dim=4", "scale=huge", "alpha=2")
    texts = ["", "matrix", "a.b.c.d.e", "yaad,theta=1", "matrix.l2.kl.momentum.constant"]
    for text in [*texts, *(f"{rule},{detail}" for detail in details)]:
        with pytest.raises(ConfigError) as error:
            own.VERSUS.read(text)
        assert "\n" not in str(error.value)
    assert "chunk" in lines(start(versus=f"{rule},chunk=10000000"))[0]


def test_rules_come_back_from_their_spelling_and_from_the_controls():
    defaults = {control.name: control.default for control in own.ALL}
    rules = [miras_rules.preset(name) for name in PRESETS] + [own.DEFAULT]
    rules += [miras_rules.make_rule(MirasConfig(*combination)) for combination in allowed()[::97]]
    config = MirasConfig("mlp", "lp", "elastic", "multistep", "learned", 0.3, 0.2, 2.5, 0.1, 7)
    rules.append(miras_rules.make_rule(config, chunk=5, clip=True, scale="rms", depth=3))
    fitting = {combination.algorithm: combination for combination in allowed()}
    whole = [name for (_, name), control in own.NUMBERS.items() if isinstance(control.default, int)]
    most = [MirasConfig(*fitting[name], algorithm_number=KNOBS["algorithm"][name].number.high) for name in whole]
    rules += [miras_rules.make_rule(config, depth=3) for config in most]
    for rule in rules:
        assert miras_rules.read(miras_rules.spell(rule)) == rule
        assert miras_rules.from_values(defaults | miras_rules.to_values(rule)) == rule
        assert len(miras_rules.spell(rule)) < own.VERSUS.longest
    assert len(whole) == 7 and rules[-1].config.architecture == "pair" and rules[-1].depth == 3


def test_reset_repeats_the_first_picture_and_defaults_go_back_to_the_pages_own():
    app = start(preset="moneta", kind="noise")
    first = picture(app)
    pick(app, preset="titans", versus_choice="deltanet")
    app.segmented_control(key="kind").set_value("drift")
    assert picture(sound(app.run())) != first
    app.button(key="miras_reset").click()
    assert picture(sound(app.run())) == first
    sound(app.button(key="miras_defaults").click().run())
    assert chosen(app) == ("matrix", "huber", "none", "gd", "constant")
    assert app.segmented_control(key="kind").value == "outliers" and "versus" not in app.query_params


def test_the_table_lists_every_choice_once_it_is_opened():
    app = start()
    assert not app.dataframe
    app.session_state["all_choices"] = True
    (frame,) = sound(app.run()).dataframe
    assert list(frame.value["name"]) == [name for knob in KNOBS for name in KNOBS[knob]]


def test_a_long_run_says_that_it_runs_and_can_be_stopped(monkeypatch):
    said = []
    monkeypatch.setattr(miras_runs, "WAIT", 0.0)
    monkeypatch.setattr(miras_runs, "BEAT", 0.0)
    monkeypatch.setattr(miras_runs, "say", lambda key, **words: said.append(key) or key)
    before = start(architecture="vector", versus="nothing")
    assert "miras_running" in said and not any(info.value == "miras_running" for info in before.info)
    key = next(iter(before.session_state["miras_runs"]))
    before.session_state["miras_runs"].clear()
    before.session_state[miras_runs.STOPPED] = key  # as the button does
    app = before.run()
    assert not app.exception and app.info[-1].value == "miras_stopped" and not app.get("plotly_chart")
    app.button(key="run_miras").click()
    assert picture(sound(app.run())) == picture(start(architecture="vector", versus="nothing"))
