"""Contents of the text models' cards: a table with the controls, bits by length of context, and second readings.

Nothing is computed here, so it is shown at once; the page marks it as measured before.
"""

import parts
import streamlit as st
import weights
from texts import plain, say, speaker

from titans_course.figures.evidence import context_figure, second_reading_figure
from titans_course.studies import evidence
from titans_mini.models.model import MODES


def show(variant: str) -> None:
    """The panel of one variant, from its card and those of the controls."""
    cards = weights.cards("text")
    card = cards.get(variant)
    if card is None:
        st.info(say("kept_nothing", variant=variant.upper()))
        return
    controls = {name: trained.card for name, trained in weights.controls().items()}
    st.caption(say("kept", variant=variant))
    _table(cards, controls)
    if not controls:
        st.info(say("no_controls"))
    for entry, draw, tell in (
        ("context", context_figure, _context_lines),
        ("second_reading", second_reading_figure, _reading_lines),
    ):
        series = evidence.series_of(card, controls, entry)
        title = say(f"kept_{entry}")
        st.markdown(f"### {title}", help=say(f"kept_{entry}?"))
        if not series:
            st.caption(say("not_in_card", name=plain(f"text-{variant}"), entry=title))
            continue
        parts.chart(draw(series, say=speaker()), entry)
        st.markdown(" ".join(tell(card, series)))
    for entry in ("swap", "return"):
        st.markdown(" ".join(_saved_lines(entry, evidence.series_of(card, controls, entry))))
    _half_life(card)


def _table(cards: dict[str, dict], controls: dict[str, dict]) -> None:
    """Every text model and every control, with its training and its bits."""
    rows = [{"name": row["name"].upper(), **_cells(row)} for row in evidence.table(cards)]
    rows += [{"name": say(f"control={row['name']}"), **_cells(row)} for row in evidence.table(controls)]
    columns = _columns("evidence", ("name", "steps", "seconds", *MODES))
    parts.table(rows, "evidence", columns)


def recall() -> None:
    """The table of all recall models: their accuracy over a gap, and when facts come late, in groups or again."""
    cards = weights.cards("recall")
    controls = weights.recall_control()
    rows = [{**row, "name": row["name"].upper()} for row in evidence.recall_table(cards)]
    rows += [{**row, "name": say(f"control={row['name']}")} for row in evidence.recall_table(controls)]
    known = [row for row in rows if any(row[column] is not None for column in evidence.RECALLED)]
    if known:
        shown = [{"name": row["name"], **{c: _spell(row[c], ".1%") for c in evidence.RECALLED}} for row in known]
        columns = _columns("recall", ("name", *evidence.RECALLED))
        st.caption(say("recall_kept"))
        parts.table(shown, "recall_table", columns)


def _columns(table: str, names: tuple[str, ...]) -> dict:
    """The heads of a table; the first column is wide enough for what a control is called."""
    wide = {"name": 250}
    return {name: st.column_config.Column(say(f"{table}={name}"), width=wide.get(name)) for name in names}


def _spell(value: float | None, form: str) -> str:
    """A cell as text, so that what was not measured is a dash and not an empty number."""
    return "–" if value is None else format(value, form)


def _cells(row: dict) -> dict:
    bits = {mode: _spell(row[mode], ".3f") for mode in MODES}
    seconds = "–" if row["seconds"] is None else f"{row['seconds']:,.0f} s"
    return {"steps": _spell(row["steps"], ","), "seconds": seconds, **bits}


def _context_lines(card: dict, series: dict[str, list[dict]]) -> list[str]:
    """The gain from context beyond attention's reach, for the model with its memory on and for each control."""
    lines = []
    for name, rows in series.items():
        gain = evidence.context_gain(rows, evidence.reach(card))
        if name not in ("frozen", "off") and gain is not None:
            longest = max(row["context"] for row in rows)
            lines.append(_line(f"context_gain={gain.sign}", name, gain, long=longest))
    return lines


def _reading_lines(card: dict, series: dict[str, list[dict]]) -> list[str]:
    """The bits that a second reading saves, for the model with its memory on and for each control."""
    lines = []
    for name, rows in series.items():
        gains = evidence.saved_gains(rows)
        if name not in ("frozen", "off") and any(gain.sign for gain in gains):
            parts = say("comma").join(_line(f"reading_gain={gain.sign}", name, gain) for gain in gains)
            lines.append(say("reading_gains", who=say(f"whom={name}"), gains=parts))
        elif name not in ("frozen", "off"):
            lines.append(say("reading_none", who=say(f"whom={name}")))
    return lines


def _saved_lines(entry: str, series: dict[str, list[dict]]) -> list[str]:
    """The bits that an own past saves, or the return of a passage, for the model with its memory on and the others."""
    told = [(name, evidence.saved_gains(rows)[0]) for name, rows in series.items() if name not in ("frozen", "off")]
    return [_line(f"{entry}_gain={gain.sign}", name, gain) for name, gain in told]


def _line(key: str, name: str, gain: evidence.Gain, **more: object) -> str:
    shown = round(gain.value, 3) + 0.0  # no -0.000
    words = {"size": gain.size, "value": shown, "amount": abs(gain.value), "error": 2 * (gain.error or 0)}
    return say(key, who=say(f"whom={name}"), **words, **more)


def _half_life(card: dict) -> None:
    rows = [row for row in card.get("half_life") or () if row["memory"] == "on"]
    if rows:
        st.markdown(say("half_life", layers=say("comma").join(map(_life, rows))))


def _life(row: dict) -> str:
    """How long a layer's memory of a fact lasts; beyond the longest gap measured there is no number for it."""
    if row["half_life"] is None:
        return say("half_life_beyond", layer=row["layer"], count=row["beyond"])
    return say("half_life_layer", layer=row["layer"], count=row["half_life"])
