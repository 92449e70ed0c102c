"""The timeline of a drill: its gauges over the stream, and all events. Pure functions."""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.messages import Message
from titans_mini.operate.monitor import Event, Limits, named
from titans_mini.operate.shadow import ShadowConfig

from ..language import Say, spoken
from ..studies.drill import NONE, Drill, DrillConfig, Sample, regimes
from .gauges import BAND, Gauge, percent
from .trace import COLOURS, DIVERGED, NO_NAME, TAU, first_named

MAIN, SHADOW = COLOURS["g_write"], COLOURS["g_forget"]
MARKS = {  # action -> its row in the strip, symbol, colour
    "alarm": ("alarm", "triangle-up", DIVERGED),
    "clear": ("alarm", "triangle-down-open", TAU),
    "skip": ("alarm", "x", DIVERGED),
    "snapshot": ("snapshot", "square", COLOURS["memory_norm"]),
    "refused": ("snapshot", "x", DIVERGED),
    "rollback": ("snapshot", "triangle-left", COLOURS["momentum"]),
    "degrade": ("served", "triangle-down", SHADOW),
    "promote": ("served", "triangle-up", MAIN),
}
ALARMS = {"alarm": Message("alarm: {kind}"), "clear": Message("clear: {kind}")}
STRIP = ("alarm", "snapshot", "served")
TITLES = (Message("writes<br>per 1,000"), Message("memory<br>norm"), Message("inner<br>loss"))
COMPARED = (Message("main against<br>shadow"), Message("tokens<br>in a row"))
CURVES = {  # field of a sample -> name of its curve, colour; in the order of the rows
    "writes": (Message("writes"), COLOURS["frequency"]),
    "norm": (Message("norm"), COLOURS["memory_norm"]),
    "loss": (Message("loss"), COLOURS["loss"]),
    "difference": (Message("difference"), MAIN),
    "streak": (Message("streak"), SHADOW),
}
LINES = ("degrade", "promote", "rollback")  # marked through all rows
CLIP = (-1.0, 1.5)  # shown part of the perplexity difference
WIDE = 30.0  # largest over smallest inner loss from which its scale is logarithmic


def timeline_figure(drill: Drill, *, height: int = 620, say: Say = spoken) -> go.Figure:
    """Writes, norm and inner loss over the stream, main against shadow if there is one, and the events.

    The incident is shaded, and so is the time in which the shadow was served. Norms are on a logarithmic scale.
    """
    return draw_timeline(
        drill.samples, drill.events, drill.config, drill.runner.monitor.bounds, end=len(drill.stream), height=height,
        say=say,
    )  # fmt: skip


def draw_timeline(
    samples: Sequence[Sample], events: Sequence[Event], config: DrillConfig, bounds: dict[str, float], *,
    end: int, height: int = 620, say: Say = spoken,
) -> go.Figure:  # fmt: skip
    """As `timeline_figure`, from its parts; `end` is the length of the stream."""
    compared = any(sample.difference is not None for sample in samples)
    titles = [say(title) for title in (TITLES + COMPARED if compared else TITLES)]
    heights = [1.0, 1.2, 1.0, 1.1, 0.7][: len(titles)] + [0.75]
    figure = make_subplots(rows=len(heights), shared_xaxes=True, vertical_spacing=0.025, row_heights=heights)
    places = {MARKS[event.action][0] for event in events} | {"alarm"} | ({"served"} if compared else set())
    strip = tuple(place for place in STRIP if place in places)
    figure.add_traces([*_curves(samples, compared, say), *_strip(events, strip, len(heights), say)])
    losses = [sample.loss for sample in samples if sample.loss] or [1.0]
    axes = _axes(titles, [say(place) for place in strip], wide=max(losses) > WIDE * min(losses))
    shapes, notes = _limits(config.run.limits, bounds, axes, say)
    if compared:
        more = _shadow_limits(config.run.shadow)
        shapes, notes = shapes + more[0], notes + more[1]
    spans, names = _spans(samples, events, config, say)
    span = {f"xaxis{row or ''}": {"range": [-0.01 * end, 1.01 * end]} for row in (0, *range(2, len(heights) + 1))}
    span[f"xaxis{len(heights)}"]["title_text"] = say("token")
    return figure.update_layout(
        {**axes, **span}, shapes=shapes + spans, annotations=notes + names, height=height, showlegend=False,
        margin={"l": 64, "r": 14, "t": 26, "b": 40}, hovermode="x unified", uirevision="keep",
    )  # fmt: skip


def _axes(titles: Sequence[str], strip: Sequence[str], *, wide: bool) -> dict[str, dict]:
    """The y axes; the last one is the strip of events, whose places count from below."""
    power = {"type": "log", "exponentformat": "power", "dtick": 1}
    axes = [{"title": {"text": title, "font_size": 11}, "rangemode": "tozero"} for title in titles]
    axes[1] |= {**power, "rangemode": "normal"}
    axes[2] |= {**power, "rangemode": "normal"} if wide else {}
    if len(axes) > 3:
        axes[3] |= {"tickformat": "+.0%", "range": [CLIP[0] - 0.1, CLIP[1] + 0.1]}
    order = {"type": "category", "categoryorder": "array", "categoryarray": strip[::-1]}
    axes.append({**order, "range": [-0.6, len(strip) - 0.4], "showgrid": True})
    return {f"yaxis{row if row > 1 else ''}": axis for row, axis in enumerate(axes, start=1)}


def _curves(samples: Sequence[Sample], compared: bool, say: Say) -> list[go.Scatter]:
    tokens = [sample.token for sample in samples]
    curves = []
    for row, (name, (title, colour)) in enumerate(list(CURVES.items())[: 5 if compared else 3], start=1):
        values = np.array([_number(getattr(sample, name)) for sample in samples])
        said = [percent(Gauge("", None if math.isnan(v) else v, "", bottom=-float(row == 4))) for v in values]
        shown = np.clip(values, *CLIP) if name == "difference" else values
        line = go.Scatter(x=tokens, y=shown.astype(np.float32), mode="lines", name=say(title), text=said)
        line.update(line={"color": colour, "width": 1.8}, hovertemplate=say(title) + " %{text}" + NO_NAME)
        curves.append(line.update(_axis_of(row)))
    return curves


def _axis_of(row: int) -> dict[str, str]:
    """The axes of a row."""
    return {"xaxis": f"x{row if row > 1 else ''}", "yaxis": f"y{row if row > 1 else ''}"}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _limits(limits: Limits, bounds: dict[str, float], axes: dict[str, dict], say: Say) -> tuple[list[dict], list[dict]]:
    """(shapes, notes): the range of writes, and the limits of norm and inner loss."""
    low, high = limits.writes
    band = {"type": "rect", "xref": "x domain", "x0": 0, "x1": 1, "yref": "y", "y0": low, "y1": high}
    shapes, notes = [{**band, "fillcolor": BAND, "line_width": 0}], []
    for name, row, colour, words in (
        ("norm", 2, TAU, "100 d"), ("norm_rise", 2, DIVERGED, say("calibrated")),
        ("loss", 3, DIVERGED, say("calibrated")),
    ):  # fmt: skip
        if name in bounds:
            shapes.append(_limit(bounds[name], row, colour))
            log = axes[f"yaxis{row}"].get("type") == "log"
            notes.append(_word(words, math.log10(max(bounds[name], 1e-9)) if log else bounds[name], row))
    return shapes, notes


def _shadow_limits(rule: ShadowConfig) -> tuple[list[dict], list[dict]]:
    """(shapes, notes) of the shadow's rule."""
    words = ((f"{rule.threshold:+.0%}", rule.threshold, 4), (f"{rule.patience}", rule.patience, 5))
    return [_limit(y, row, DIVERGED) for _, y, row in words], [_word(*word) for word in words]


def _limit(y: float, row: int, colour: str) -> dict:
    line = {"color": colour, "width": 1.4, "dash": "dot"}
    return {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "yref": f"y{row}", "y0": y, "y1": y, "line": line}


def _word(text: str, y: float, row: int) -> dict:
    """A word at the right end of a limit's line."""
    note = {"xref": "x domain", "x": 1, "xanchor": "right", "yanchor": "bottom", "showarrow": False, "font_size": 10}
    return {**note, "text": text, "yref": f"y{row}", "y": y}


def _strip(events: Sequence[Event], strip: Sequence[str], row: int, say: Say) -> list[go.Scatter]:
    """The last row: a mark for each event."""
    drawn = []
    for action, (place, symbol, colour) in MARKS.items():
        mine = [event for event in events if event.action == action]
        if not mine or place not in strip:
            continue
        colours = [DIVERGED if action == "snapshot" and event.kind == "alarm" else colour for event in mine]
        marks = go.Scatter(x=[event.token for event in mine], y=[say(place)] * len(mine), mode="markers")
        marks.update(marker={"symbol": symbol, "size": 9, "color": colours}, name=say(action))
        marks.update(text=[_tell(event, say) for event in mine], hovertemplate="%{text}" + NO_NAME, **_axis_of(row))
        drawn.append(marks)
    if not drawn:  # an axis without a curve is not drawn
        drawn = [go.Scatter(x=[None], y=[say(strip[0])], name=say("none"), hoverinfo="skip", **_axis_of(row))]
    return drawn


def _tell(event: Event, say: Say) -> str:
    if event.action in ALARMS:
        return say(ALARMS[event.action], kind=Message(named(event.kind)))
    return say(event.action)


def _spans(
    samples: Sequence[Sample], events: Sequence[Event], config: DrillConfig, say: Say
) -> tuple[list[dict], list[dict]]:
    """(shapes, notes) through all rows: incident, a series' changes, the shadow's time, changes of the served track."""
    upright = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1}
    shade = {"type": "rect", **upright, "line_width": 0, "layer": "below", "opacity": 0.13}
    note = {"xref": "x", "yref": "paper", "y": 1, "xanchor": "left", "showarrow": False, "font_size": 11}
    shapes, notes = [], []
    if config.incident != NONE:
        shapes.append({**shade, "x0": config.at, "x1": config.end, "fillcolor": COLOURS["surprise"]})
        notes.append({**note, "x": config.at, "yanchor": "bottom", "text": say(config.incident.replace("_", " "))})
    red = {**shade, "fillcolor": COLOURS["surprise"], "line_width": 1, "line_color": COLOURS["surprise"]}
    found = regimes(config)
    shapes += [{**red, "x0": event.start, "x1": event.end} for event in found]
    notes += [{**note, "x": event.start, "yanchor": "top", "text": say(event.name)} for event in first_named(found)]
    shapes += [{**shade, "x0": start, "x1": end, "fillcolor": SHADOW} for start, end in _degraded(samples)]
    for event in events:
        if event.action in LINES:
            line = {"color": MARKS[event.action][2], "width": 1.4, "dash": "dash"}
            shapes.append({"type": "line", **upright, "x0": event.token, "x1": event.token, "line": line})
    return shapes, notes


def _degraded(samples: Sequence[Sample]) -> list[tuple[int, int]]:
    """(first, last) token of each stretch in which the shadow was served."""
    spans: list[tuple[int, int]] = []
    for before, sample in zip(samples, samples[1:], strict=False):
        if before.degraded:
            first = spans.pop()[0] if spans and spans[-1][1] == before.token else before.token
            spans.append((first, sample.token))
    return spans
