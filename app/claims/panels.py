"""What the Claims page shows: counts, downloads, and each row with its papers, figures, rule and command."""

from collections.abc import Mapping

import parts
import streamlit as st
from texts import about, language, plain, quoted, say

from claims import controls as own
from claims import runs as claims_runs
from titans_course.claims import CLAIMS, Finding, Reading
from titans_course.claims import view as views
from titans_course.claims.report import Result, to_json
from titans_course.language import DEFAULT

COLOURS = {"holds": "green", "part": "orange", "fails": "red", "untested": "violet", "missing": "gray"}
FILE = "titans_mini_claims"
HEADS = ("value", "low", "high", "seeds")
LONG = 1000  # characters of a sentence that are shown


def counts(results: Mapping[str, Result]) -> None:
    """How many rows have each verdict."""
    with st.container(horizontal=True, gap="medium", key="claims_counts"):
        for verdict, count in views.counts(results).items():
            name = own.NAMES[verdict]
            parts.number(f"judged={name}", count, about=f"count={name}?")


def downloads(results: dict[str, Result]) -> None:
    """The audit as files."""
    files = {
        "claims_csv": (f"{FILE}.csv", "text/csv", lambda: views.to_csv(results)),
        "claims_json": (f"{FILE}.json", "application/json", lambda: to_json(results)),
    }
    with parts.row("claims_downloads"):
        parts.downloads(files, title=None, note="claims_link")


def label(key: str, result: Result | None, hidden: frozenset[str]) -> str:
    """The head of a row: its verdict as a badge, and the claim; only the claim where verdicts are hidden."""
    if "verdicts" in hidden:
        return _claim(key)
    words = _badge(views.MISSING if result is None else result.finding.verdict)
    if result is not None and result.size != "full":
        words["verdict"] += say("claims_small", size=say(f"size={result.size}"))
    return say("claims_row", claim=_claim(key), **words)


def _claim(key: str) -> str:
    """The claim in the session's language."""
    claim = CLAIMS[key]
    return plain(claim.claim if language() == DEFAULT else claim.claim_zh, LONG)


def _badge(verdict: str) -> dict[str, str]:
    """The words that draw a verdict as a badge."""
    name = own.NAMES[verdict]
    return {"colour": COLOURS[name], "verdict": say(f"judged={name}")}


def row(key: str, result: Result | None, hidden: frozenset[str]) -> None:
    """All of an open row that the link does not hide."""
    claim, here = CLAIMS[key], claims_runs.small().get(key)
    st.markdown(say("claims_words", words=plain(claim.claim_zh, LONG)))
    st.caption(say("claims_section", section=claim.section))
    _words(key, result, hidden)
    if "measure" not in hidden and here is not None:
        _small(key, here, hidden, alone=result is None)
    if "figures" not in hidden and (result or here):
        _head("claims_figures")
        _table(key, result and result.finding, None if here is None or "measure" in hidden else here.finding)
    if "rule" not in hidden:
        _head("claims_rule")
        rules = [plain(about("reading_rule", f"{key}.{name}", way.rule), LONG) for name, way in claim.ways.items()]
        whole = plain(about("rule", key, claim.rule), LONG)
        shared = len(set(rules)) == 1  # one for all readings
        st.markdown(f"{whole}\n\n{rules[0]}" if shared else _listed([whole], rules))
    if "command" not in hidden:
        _head("claims_command")
        commands = [claim.before, claim.command] if claim.before else [claim.command]
        st.code("\n".join(commands), language="bash", wrap_lines=True)
        if result is not None:
            st.caption(_made("claims_machine", result))
    if "measure" not in hidden:
        _measure(key)


def _head(name: str) -> None:
    st.markdown(f"**{say(name)}**", help=say(f"{name}?"))


def _listed(head: list[str], points: list[str]) -> str:
    """Markdown: the head, then the points as a numbered list."""
    return "\n".join([*head, "", *(f"{number}. {point}" for number, point in enumerate(points, 1))])


def _words(key: str, result: Result | None, hidden: frozenset[str]) -> None:
    """The papers and the measurement: side by side, or the second below the first where it is a list of readings."""
    if CLAIMS[key].ways:
        left = right = st.container()
    else:
        left, right = st.columns(2, gap="medium")
    if "papers" not in hidden:
        with left:
            _head("claims_papers")
            st.markdown(_papers(key))
    if "measured" not in hidden:
        with right:
            _head("claims_measured")
            st.markdown(say("claims_missing") if result is None else _told(key, result, hidden))


def _told(key: str, result: Result, hidden: frozenset[str]) -> str:
    """The measurement in one sentence, or in one for each way of reading the claim, under its verdict."""
    readings = result.finding.readings
    if not readings:
        return say("claims_told", told=quoted(result.finding.told, LONG))
    return _listed([say("claims_ways")], [_reading(key, reading, hidden) for reading in readings])


def _reading(key: str, reading: Reading, hidden: frozenset[str]) -> str:
    means = plain(about("reading", f"{key}.{reading.name}", CLAIMS[key].ways[reading.name].means), LONG)
    words = {"means": means, "told": quoted(reading.told, LONG)}
    if "verdicts" in hidden:
        return say("claims_reading=hidden", **words)
    return say("claims_reading", **words, **_badge(reading.verdict))


def _papers(key: str) -> str:
    claim = CLAIMS[key]
    papers = plain(about("papers", key, claim.papers), LONG)
    if claim.source != "none":
        return say("claims_source", papers=papers, source=plain(claim.source))
    return say("claims_source=none" if claim.papers == "none" else "claims_source=own", papers=papers)


def _small(key: str, here: Result, hidden: frozenset[str], *, alone: bool) -> None:
    """What was measured in this session."""
    words = _told(key, here, hidden)
    st.markdown(words if "verdicts" in hidden else say("small_told", told=words, **_badge(here.finding.verdict)))
    st.caption(_made("small_note=alone" if alone else "small_note", here))


def _made(key: str, result: Result) -> str:
    return say(key, size=say(f"size={result.size}"), seconds=result.seconds, machine=quoted(result.machine))


def _table(key: str, full: Finding | None, here: Finding | None) -> None:
    """The figures of the full measurement, and beside them those of this session."""
    tables = {"claims_column={head}": full, "claims_column=here_{head}": here}
    rows = {form: views.figure_rows(finding) for form, finding in tables.items() if finding is not None}
    ways = views.readings_of(full or here)
    lines = [
        {say("claims_column=figure"): views.label(key, figure, language())}
        | ({say("claims_column=reading"): ways.get(figure, "")} if ways else {})
        | {
            say(form.format(head=head)): table.get(figure, {}).get(head, "")
            for form, table in rows.items()
            for head in HEADS
        }
        | {say("claims_column=key"): figure}
        for figure in dict.fromkeys(name for table in rows.values() for name in table)
    ]
    parts.table(lines, f"figures_{key}")


def _measure(key: str) -> None:
    """The button, and the measurement itself, which another click ends."""
    with parts.row("measure_row"):
        asked = parts.button("claims_measure", key=f"measure_{key}", icon="science")
        parts.button("stop", key=f"stop_{key}", help=say("stop_measure?"), icon="stop")
    if asked:
        claims_runs.measure(key)
