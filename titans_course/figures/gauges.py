"""The gauges of a drill: writes, norm, loss, drift and the shadow's comparison, each against its limits."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from titans_mini.messages import Message
from titans_mini.operate.shadow import ShadowConfig

from ..language import Say, spoken
from ..studies.drill import Drill, Sample
from .trace import COLOURS, DIVERGED, LABELS, NO_NAME, TAU, WARN

CALM, BAND, NOTE = COLOURS["right"], "rgba(46,134,171,0.16)", "rgba(138,146,154,0.18)"


class Gauge(NamedTuple):
    """One number and its limits: amber past a limit, red while an alarm is on."""

    name: str
    value: float | None
    text: str
    low: float | None = None
    high: float | None = None
    top: float = 1.0  # end of the scale
    bottom: float = 0.0
    log: bool = False
    marks: tuple[float, ...] = ()  # limits that are drawn but not checked
    alarm: bool = False

    @property
    def colour(self) -> str:
        """Of the bar."""
        if self.alarm:
            return DIVERGED
        value = self.value
        high, low = (value is not None and limit is not None for limit in (self.high, self.low))
        return WARN if (high and value > self.high) or (low and value < self.low) else CALM


def make_gauges(drill: Drill) -> list[Gauge]:
    """The gauges after the last piece; those of the shadow where something is predicted. Recipe: 5.1, 5.3."""
    sample, runner, active = drill.samples[-1], drill.runner, drill.runner.monitor.active
    bounds = runner.monitor.bounds
    low, high = runner.config.limits.writes
    norm, loss = bounds.get("norm_rise"), bounds.get("loss")
    written = Message("{limit}; 100 d is {bound}", limit=_limit(norm), bound=_short(bounds["norm"]))
    normal = Message("normal {low} to {high}", low=f"{low:g}", high=f"{high:g}")
    gauges = [
        Gauge(
            LABELS["frequency"], sample.writes, normal, low, high, top=max(200.0, 1.5 * high),
            alarm=bool(active.keys() & {"writes_high", "writes_low", "writes_rise"}),
        ),
        Gauge(
            LABELS["memory_norm"], sample.norm, written, None, norm or bounds["norm"],
            top=1e5, bottom=1.0, log=True, marks=(bounds["norm"],),
            alarm=bool(active.keys() & {"norm", "norm_rise", "dead"}),
        ),
        Gauge(
            LABELS["loss"], sample.loss, _limit(loss), None, loss, top=2 * (loss or sample.loss or 1.0),
            alarm="loss" in active,
        ),
        Gauge(
            Message("drift"), sample.drift, _limit(bounds["drift"]), None, bounds["drift"],
            top=2 * bounds["drift"] or 1.0, alarm="drift" in active,
        ),
    ]  # fmt: skip
    if runner.engine.predicts and runner.config.shadow is not None:
        gauges += _shadow_gauges(sample, runner.config.shadow)
    return gauges


def _shadow_gauges(sample: Sample, rule: ShadowConfig) -> list[Gauge]:
    limit = f"{rule.threshold:+.0%}"
    words = Message("limit {limit}", limit=limit)
    if sample.main_bits is not None:
        bits = {"main": f"{sample.main_bits:.2f}", "shadow": f"{sample.shadow_bits:.2f}"}
        words = Message("limit {limit}; {main} to {shadow} bits", limit=limit, **bits)
    top = max(0.5, 2 * rule.threshold)
    if sample.degraded:
        side = Message("back to main at {patience}", patience=rule.patience)
    else:
        side = Message("to the shadow at {patience}", patience=rule.patience)
    against, row = Message("main against shadow"), Message("tokens in a row")
    return [
        Gauge(against, sample.difference, words, None, rule.threshold, top, bottom=-1.0, alarm=sample.degraded),
        Gauge(row, float(sample.streak), side, None, rule.patience, rule.patience),
    ]


def gauges_figure(gauges: Sequence[Gauge], *, height: int | None = None, say: Say = spoken) -> go.Figure:
    """A bar per gauge from the top down, each on a scale of its own, its range shaded and its limits marked."""
    bars = [_bar(gauge) for gauge in gauges]
    places = [-float(row) for row in range(len(gauges))]
    figure = go.Figure(
        go.Bar(
            x=[end - start for start, end in bars], base=[start for start, _ in bars], y=places, orientation="h",
            width=0.34, marker_color=[gauge.colour for gauge in gauges], hovertemplate="%{text}" + NO_NAME,
            text=[f"{say(gauge.name)} {percent(gauge)}" for gauge in gauges], textposition="none",
        )
    )  # fmt: skip
    hidden = {"visible": False, "fixedrange": True}
    return figure.update_layout(
        shapes=[shape for gauge, y in zip(gauges, places, strict=True) for shape in _back(gauge, y)],
        annotations=[_caption(gauge, y, say) for gauge, y in zip(gauges, places, strict=True)],
        xaxis={**hidden, "range": [0, 1]}, yaxis={**hidden, "range": [places[-1] - 0.35, 0.75]}, showlegend=False,
        height=height or 50 * len(gauges) + 10, margin={"l": 6, "r": 6, "t": 4, "b": 4},
    )  # fmt: skip


def _place(gauge: Gauge, value: float) -> float:
    """The place of a value on its scale, from 0 to 1; values outside the scale are clamped."""
    scale = (lambda x: math.log10(max(x, 1e-9))) if gauge.log else float
    start, end = scale(gauge.bottom), scale(gauge.top)
    return min(max((scale(value) - start) / (end - start), 0.0), 1.0)


def _bar(gauge: Gauge) -> tuple[float, float]:
    """(from, to): from 0 if the scale has two signs, else from its beginning."""
    start = _place(gauge, 0.0) if gauge.bottom < 0 else 0.0
    return (start, start) if gauge.value is None else (start, _place(gauge, gauge.value))


def _back(gauge: Gauge, y: float) -> list[dict]:
    """The scale, the normal range and the limits of a gauge at height y."""
    flat = {"type": "rect", "y0": y - 0.2, "y1": y + 0.2, "layer": "below", "line_width": 0}
    shapes = [{**flat, "x0": 0, "x1": 1, "fillcolor": NOTE}]
    if gauge.low is not None and gauge.high is not None:
        shapes.append({**flat, "x0": _place(gauge, gauge.low), "x1": _place(gauge, gauge.high), "fillcolor": BAND})
    for mark in {limit for limit in (gauge.low, gauge.high, *gauge.marks) if limit is not None}:
        line = {"color": TAU if mark in gauge.marks else DIVERGED, "width": 2}
        x = _place(gauge, mark)
        shapes.append({"type": "line", "x0": x, "x1": x, "y0": y - 0.24, "y1": y + 0.24, "line": line})
    return shapes


def _caption(gauge: Gauge, y: float, say: Say) -> dict:
    words = f"<b>{say(gauge.name)}</b>  {percent(gauge)}  <span style='opacity:0.9'>{say(gauge.text)}</span>"
    note = {"xanchor": "left", "yanchor": "bottom", "showarrow": False, "font_size": 12}
    return {**note, "text": words, "x": 0, "y": y + 0.22}


def _limit(value: float | None) -> Message:
    return Message("warming up") if value is None else Message("limit {limit}", limit=_short(value))


def percent(gauge: Gauge) -> str:
    """The value as text: a percentage if the scale has two signs."""
    if gauge.value is None:
        return "–"
    return f"{min(gauge.value, 99.99):+.0%}" if gauge.bottom < 0 else _short(gauge.value)


def _short(value: float) -> str:
    if abs(value) >= 1e6:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
