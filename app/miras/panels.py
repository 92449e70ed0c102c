"""What the MIRAS page shows of a run: numbers, curves, the formula, the code and the table of all choices."""

import math

import links
import parts
import streamlit as st
from texts import about, option, plain, quoted, say, speaker, told

from miras import rules as miras_rules
from miras.runs import Run
from titans_course.figures import miras as figures_miras
from titans_mini.miras import KNOBS, Combination, allowed, table
from titans_mini.miras.registry import reason, repairs, single_repairs

WORDS = {"write": "theta", "forget": "alpha", "gating": "gate"}  # controls by the name of what they set


def show(run: Run, other: Run | None, hidden: frozenset[str], stream: dict) -> None:
    """All that the link does not hide."""
    runs = {"this_rule": run} | ({} if other is None else {"B": other})
    _banners(runs)
    if "numbers" not in hidden:
        _numbers(runs)
    if other is not None:
        st.markdown(_difference(run, other))
    _charts(runs, hidden)
    if "formula" not in hidden:
        _formula(run.rule)
    if "code" not in hidden:
        parts.heading("two_lines")
        st.code(miras_rules.to_code(run.rule, stream, stream["seed"]), language="python", wrap_lines=True)
    if "table" not in hidden:
        parts.folded("all_choices", _table, icon="table")


def _banners(runs: dict[str, Run]) -> None:
    for name, run in runs.items():
        if run.ended is None:
            continue
        cause, words = run.cause, say("cause=other")
        if cause is not None:
            kind = "write" if cause.name == "write" else "eta"
            words = say(f"cause={kind}", old=f"{cause.old:g}", new=f"{cause.new:g}")
        st.error(say("blew_up", who=say(f"whose={name}"), token=run.ended, cause=words))
        if cause is not None and name == "this_rule":
            label = say("miras_mend", name=_word(cause.name), new=f"{cause.new:g}")
            parts.button("mend", links.put, {cause.name: cause.new}, key="miras_mend", label=label)


def _numbers(runs: dict[str, Run]) -> None:
    shown = {name: _values(run) for name, run in runs.items()}
    below = {name: say("in_B", value=value) for name, value in shown.get("B", {}).items()}
    parts.numbers(shown["this_rule"], "miras_numbers", below)


def _values(run: Run) -> dict[str, str]:
    start, end = run.norms
    return {
        "end_recall": _short(float(run.answers.end_recall.mean())),
        "end_error": _short(run.answers.end_error),
        "miras_norm": say("arrow", start=_short(start), end=_short(end)),
    }


def _short(value: float) -> str:
    if not math.isfinite(value):
        return say("none")
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}" if abs(value) < 1e6 else f"{value:.1e}"


def _difference(run: Run, other: Run) -> str:
    now, then = miras_rules.to_values(run.rule), miras_rules.to_values(other.rule)
    changes = [
        say("miras_change", name=_word(name), old=_spell(then[name]), new=_spell(now[name]))
        for name in now
        if name in then and now[name] != then[name]  # numbers of unlike choices stand in one of them only
    ]
    return say("miras_differs", changes=", ".join(changes)) if changes else say("miras_same")


def _word(name: str) -> str:
    return plain(option("setting", WORDS.get(name, name)))


def _spell(value: object) -> str:
    if isinstance(value, bool):
        return say(f"clip={value}")
    return f"{value:g}" if isinstance(value, float) else plain(value)


def _charts(runs: dict[str, Run], hidden: frozenset[str]) -> None:
    drawn = {say(name): (run.trace, run.answers) for name, run in runs.items()}

    def curves() -> None:
        parts.heading("along")
        figure = figures_miras.stream_figure(drawn, marked=runs["this_rule"].stream.marked, say=speaker())
        for label, run in runs.items():
            if run.ended is not None:
                figures_miras.mark_blow_up(figure, run.ended, say(label), say=speaker())
        parts.chart(figure, "along")

    def recall() -> None:
        parts.heading("recall_by_age")
        parts.chart(figures_miras.age_figure(drawn, say=speaker()), "by_age")

    parts.beside({"curves": (3, curves), "recall": (2, recall)}, hidden)


def _formula(rule: miras_rules.Rule) -> None:
    parts.heading("the_formula")
    rows = say("head")
    for knob, name in rule.config.combination._asdict().items():
        choice = KNOBS[knob][name]
        number = ""
        if knob in miras_rules.NUMBERED and choice.number is not None:
            number = say("a_number", name=choice.number.name, value=rule.config.number(knob))
        if knob == "gate":
            number = say("gate_numbers", theta=rule.config.theta, alpha=rule.config.alpha)
        words = {"formula": choice.formula.replace("|", "\\|"), "reference": quoted(choice.reference)}
        rows += say("row", knob=say(f"head={knob}"), name=plain(name), number=number, **words)
    st.markdown(rows)


@st.cache_data(show_spinner=False)
def _counts() -> tuple[int, int]:
    return len(allowed()), math.prod(len(choices) for choices in KNOBS.values())


def _table() -> None:
    count, every = _counts()
    st.caption(say("all_choices?", count=count, all=every))
    rows = [_choice(row) for row in table()]
    columns = {name: say(f"column={name}") for name in rows[0]}
    parts.table(rows, "choices", columns, height=420)


def _choice(row: dict[str, str]) -> dict[str, str]:
    """A line of the table, as this session reads it."""
    words = {name: told(row[name]) for name in ("number", "reference")}
    what = about(row["knob"], row["name"], row["what"])
    return row | words | {"knob": option("setting", row["knob"]), "what": what}


def label(knob: str, chosen: Combination, name: str) -> str:
    """A choice's label, which says so where it does not fit the other four, but others of its kind do."""
    word = option(miras_rules.KNOB_CONTROLS[knob], name)
    fitting = [other for other in KNOBS[knob] if reason(chosen._replace(**{knob: other})) is None]
    return say("miras_unfit", name=word) if fitting and name not in fitting else word


def repair_buttons(chosen: Combination, before: Combination) -> None:
    """A button for each single change that makes a refused combination one that is allowed, but not to what is new."""
    new = {knob for knob, name in chosen._asdict().items() if getattr(before, knob) != name}
    single = single_repairs(chosen)
    changes = [{knob: names[0]} for knob, names in single.items() if knob not in new or single.keys() <= new]
    with parts.row("miras_repairs"):
        for number, change in enumerate(changes or repairs(chosen)[:1]):
            words = [say("miras_to", knob=_word(knob), name=plain(name)) for knob, name in change.items()]
            values = {miras_rules.KNOB_CONTROLS[knob]: name for knob, name in change.items()}
            look = {"key": f"repair_{number}", "label": say("miras_repair", changes=say("and").join(words))}
            parts.button("miras_repair", links.put, values, **look)


def allowed_line(values: dict) -> str:
    """Allowed choices in place of a refused combination, as Markdown."""
    chosen = miras_rules.names(values)
    single = single_repairs(chosen)
    if not single:
        pairs = (f"{_word(knob)} **{plain(name)}**" for knob, name in repairs(chosen)[0].items())
        return say("allowed_together", choices=say("and").join(pairs))
    choices = (f"{_word(knob)} {', '.join(f'**{plain(name)}**' for name in names)}" for knob, names in single.items())
    return say("allowed", choices=say("or").join(choices))
