"""The family on the MIRAS page: its picture, two members that a visitor trains, kept results, the table of seeds."""

import json

import pytest

pytest.importorskip("streamlit.testing.v1")

from pages import chart_ending, lines, open_page, unbroken  # noqa: E402

# isort: split
from miras import family as miras_family  # noqa: E402

from titans_course.studies import family  # noqa: E402
from titans_course.studies.family_tree import TREE  # noqa: E402
from titans_course.studies.minute import Minute  # noqa: E402
from titans_mini.errors import ConfigError  # noqa: E402
from titans_mini.miras import PRESETS  # noqa: E402

QUICK = {"length": "20", "versus": "nothing", "train_seconds": "2"}


def start(**link: str):
    return unbroken(open_page("miras", {**QUICK, **link}))


def table(app, column: str):
    (found,) = [frame.value for frame in app.dataframe if column in frame.value]
    return found


def names(app) -> list[str]:
    return [line["name"] for line in chart_ending(app, "minute_chart")["data"] if line.get("showlegend", True)]


def test_it_opens_with_the_picture_a_kept_minute_and_the_table_of_seeds():
    app = start(train_seconds="60")
    assert not lines(app) and "minutes" not in app.session_state
    assert "RWKV-7" in json.dumps(chart_ending(app, "family_tree"), ensure_ascii=False)
    assert list(table(app, "formula")["member"])[:2] == ["Linear attention", "RetNet"]
    assert names(app) == ["Linear attention", "Titans", "without memory"]
    assert any(info.value.startswith("Kept: trained before") for info in app.info)
    shown, kept = table(app, "planned"), miras_family.kept()
    assert list(shown["steps"]) == [kept[rule].steps for rule in ("linear_attention", "titans", family.OFF)]
    assert len(table(app, "bits")) == len(family.kept()) and chart_ending(app, "seeds_chart")["data"]


def test_two_members_are_picked_trained_and_compared_beside_the_control(monkeypatch):
    said, real = [], miras_family.say
    monkeypatch.setattr(miras_family, "say", lambda key, **words: said.append((key, words)) or real(key, **words))
    app = start()
    app.selectbox(key="member_a").set_value("deltanet")
    app.selectbox(key="member_b").set_value("ttt_linear")
    unbroken(app.run())
    assert any("has not trained" in info.value for info in app.info)
    app.button(key="train_members").click()
    unbroken(app.run(timeout=120))
    assert not lines(app) and not app.info and names(app) == ["DeltaNet", "TTT-Linear", "without memory"]
    made = app.session_state["minutes"]
    assert [rule for rule, _ in made] == ["deltanet", "ttt_linear", family.OFF]
    assert (
        list(table(app, "planned")["steps"]) == [run.steps for run in made.values()]
        and min(r.steps for r in made.values()) > 0
    )
    steps = {rule: [] for rule in ("DeltaNet", "TTT-Linear", "without memory")}
    for key, words in said:
        if key == "member=training":
            steps[words["name"]].append(words["steps"])
    assert all(counts == sorted(counts) and counts[-1] > 0 for counts in steps.values())
    monkeypatch.setattr(miras_family, "train_for", None)  # the session has all three
    app.button(key="train_members").click()
    assert names(unbroken(app.run())) == ["DeltaNet", "TTT-Linear", "without memory"]
    app.segmented_control(key="train_axis").set_value("steps")
    drawn = chart_ending(unbroken(app.run()), "minute_chart")
    assert drawn["data"][0]["x"][-1] == made["deltanet", 2].steps
    app.selectbox(key="member_b").set_value("linear_attention")  # which the kept file has, with DeltaNet
    assert names(unbroken(app.run()))[1] == "Linear attention" and app.info[-1].value.startswith("Kept: trained")


def test_what_was_finished_before_an_end_is_kept(monkeypatch):
    done = Minute(
        "deltanet", 2, 2, 0.1, (4.0, 3.9), ((0, 0.0, 0.0), (2, 0.1, 0.1)), dict.fromkeys(miras_family.SCORES, 0.0)
    )

    def train(rule, seconds, beat):
        beat("training", 0.5, 1)
        if rule == family.OFF:
            raise ConfigError("training diverged in step {step}; choose a smaller lr", step=2)
        return done

    monkeypatch.setattr(miras_family, "train_for", train)
    app = start(member_a="deltanet", member_b="mesa")
    app.button(key="train_members").click()
    (line,) = lines(unbroken(app.run()))
    assert "diverged in step 2" in line and [rule for rule, _ in app.session_state["minutes"]] == ["deltanet", "mesa"]
    assert names(app) == ["Linear attention", "Titans", "without memory"]  # the kept ones


def test_both_members_read_the_stream_of_the_page():
    app = start(member_a="mamba2", member_b="gla")
    app.button(key="read_members").click()
    unbroken(app.run())
    assert app.selectbox(key="preset").value == "mamba2" and app.query_params["versus"] in ("gla", ["gla"])
    assert any("gate" in block.value and "channels" in block.value for block in app.markdown)


def test_a_link_sets_the_members_and_hides_the_family():
    app = start(member_a="yaad", member_b="hope", hide="family,seeds")
    assert app.selectbox(key="member_a").value == "yaad" and app.selectbox(key="member_b").value == "hope"
    assert not [c for c in app.get("plotly_chart") if c.proto.id.endswith(("family_tree", "seeds_chart"))]
    assert len(app.selectbox(key="member_a").options) == len(TREE) == len(PRESETS)
    assert "member_a" in lines(start(member_a="nobody"))[0].replace("\\", "")


@pytest.mark.parametrize("rule", miras_family.KEPT_RULES)
def test_the_first_steps_of_a_kept_minute_are_measured_again(rule):
    kept, losses = miras_family.kept()[rule], []

    def each(trainer) -> int:
        losses[:] = trainer.losses
        return 3 * (trainer.step < 3)

    family.trained(rule, 0, family.RECALL, kept.planned, each)
    assert losses == pytest.approx(kept.losses[:3], abs=2e-3)
    assert kept.steps == len(kept.losses) <= kept.planned and kept.seconds <= 61


def test_the_kept_minute_shows_members_that_learned_and_a_control_that_did_not():
    kept = miras_family.kept()
    assert kept[family.OFF].points[-1][2] < 0.1 < 0.3 < min(kept[rule].points[-1][2] for rule in ("titans", "deltanet"))
