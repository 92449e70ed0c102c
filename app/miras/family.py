"""The family on the MIRAS page: its picture, two members trained for some seconds, and the table of three seeds."""

import json
from functools import cache
from pathlib import Path

import controls
import links
import parts
import shelf
import streamlit as st
from texts import about, option, say, speaker, told

from miras import controls as own
from miras import rules as miras_rules
from titans_course.figures import family_tree as figures_tree
from titans_course.figures.family import family_figure
from titans_course.studies import family
from titans_course.studies.family_tree import LOOP, members, spelled
from titans_course.studies.minute import Minute, train_for

KEPT = 30  # trainings that a session keeps; one takes 20 kB
KEPT_RULES = (family.OFF, "linear_attention", "deltanet", "titans")  # of the kept file, which `tools/kept.py` writes
KEPT_FILE = Path(__file__).with_name("kept.json")
SCORES = ("late", "overwritten", "many")


def show(hidden: frozenset[str]) -> None:
    """All that the link does not hide."""
    if "family" not in hidden:
        _picture()
    if "members" not in hidden:
        _members(hidden)
    if "seeds" not in hidden:
        _seeds()


def _name(rule: str) -> str:
    return say("trained_off") if rule == family.OFF else say(f"preset={rule}")


def _picture() -> None:
    st.header(say("family"), anchor="family", help=say("family?"))
    st.caption(say("family_loop"))
    parts.draw(figures_tree.tree_figure(_name, say=speaker()), "family_tree", say("alt=family"))
    _lines()


def _lines() -> None:
    """Each member's line, as its preset has it."""
    rows = []
    for one in members():
        changed = (told(LOOP[knob][0]) for knob in one.changes if knob != one.line)
        what = told(one.what) if one.line == "chunk" else about(one.line, one.choice, one.what)
        rows.append({
            "member": _name(one.name), "year": str(one.year or ""), "formula": spelled(one.formula), "what": what,
            "line": told(LOOP[one.line][0]), "parent": _name(one.parent) if one.parent else say("none"),
            "also": ", ".join(changed), "reference": told(one.source),
        })  # fmt: skip
    parts.table(rows, "family_table", {name: say(f"family_column={name}") for name in rows[0]}, height=425)


def _members(hidden: frozenset[str]) -> None:
    """Two members and the control, each trained for the same seconds."""
    parts.heading("members")
    st.markdown(say("members_about"))
    places = st.columns(3, gap="medium")
    for place, control in zip(places, own.MEMBERS, strict=False):
        with place:
            controls.show(control, hidden, _name)
    with places[2]:
        seconds = controls.show(own.SECONDS, hidden)
    pair = [links.values()[control.name] for control in own.MEMBERS]
    rules = list(dict.fromkeys((*pair, family.OFF)))
    with parts.row("members_row"):
        asked = parts.button("train_members", icon="play_arrow", type="primary")
        parts.button("stop", key="members_stop", icon="stop")
        parts.button("read_members", _read, *pair, icon="north")
    links.keep()
    if asked:
        with parts.in_one_line():
            _train(rules, seconds)
    _results(rules, seconds, hidden)


def _read(rule: str, versus: str) -> None:
    """Callback: the two members read the stream of this page, as rule and as rule B."""
    links.put(miras_rules.to_values(miras_rules.preset(rule)) | {"versus": versus})


def _train(rules: list[str], seconds: int) -> None:
    """Trains what the session does not have yet, one after the other; after a stop the finished ones stay."""
    bar = st.progress(0.0)
    for place, rule in enumerate(rules):

        def beat(stage: str, share: float, steps: int, place: int = place, rule: str = rule) -> None:
            words = say(f"member={stage}", name=_name(rule), steps=steps)
            bar.progress((place + share) / len(rules), words)

        shelf.fetch("minutes", (rule, seconds), lambda rule=rule, beat=beat: train_for(rule, seconds, beat=beat), KEPT)
    bar.empty()


@cache
def kept() -> dict[str, Minute]:
    """Trainings of a minute, measured before, by rule."""
    return {row["rule"]: Minute(**row) for row in json.loads(KEPT_FILE.read_text("utf8"))}


def _results(rules: list[str], seconds: int, hidden: frozenset[str]) -> None:
    """The session's trainings of these; else those of the kept file, or of its own two, with a line that says so."""
    if all(shelf.holds("minutes", (rule, seconds)) for rule in rules):
        found = {rule: st.session_state["minutes"][rule, seconds] for rule in rules}
    else:
        known = rules if set(rules) <= kept().keys() else [*(control.default for control in own.MEMBERS), family.OFF]
        found = {rule: kept()[rule] for rule in known}
        st.info(say("kept_minute" if known is rules else "kept_minute=own"))
    against = controls.show(own.AXIS, hidden)
    runs = {_name(rule): run for rule, run in found.items()}
    parts.chart(figures_tree.minute_figure(runs, against, say=speaker()), "minute", say("alt=minute"))
    rows = [
        {"member": name, **{score: f"{run.recalled[score]:.0%}" for score in SCORES}, "steps": run.steps,
         "planned": run.planned, "seconds": f"{run.seconds:.0f}"}
        for name, run in runs.items()
    ]  # fmt: skip
    columns = {name: _column(name) for name in SCORES}
    columns |= {name: say(f"family_column={name}") for name in ("member", "steps", "seconds")}
    columns["planned"] = st.column_config.Column(say("family_column=planned"), help=say("family_column=planned?"))
    parts.table(rows, "minute_table", columns)
    st.caption(say("minute_note"))


def _seeds() -> None:
    """The table that comes with the package."""
    parts.heading("three_seeds")
    st.caption(say("three_seeds_about"))
    parts.chart(family_figure(family.kept(), say=speaker()), "seeds", say("alt=seeds"))
    rows = [
        {"member": _name(rule), **{name: cell.replace(" to ", "–") for name, cell in family.as_cells(row).items()}}
        for rule, row in family.kept().items()
    ]
    columns = {"member": say("family_column=member")} | {name: _column(name) for name in family.MEASURES}
    parts.table(rows, "seeds_table", columns, height=38 + 35 * len(rows))


def _column(name: str) -> dict:
    """The column of one of family.MEASURES, with what it is."""
    return st.column_config.TextColumn(option("family", name), help=about("family", name, family.MEASURES[name]))
