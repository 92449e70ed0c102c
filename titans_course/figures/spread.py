"""A figure of an experiment's rows: the mean over seeds as a line, and bars from the lowest seed to the highest."""

from collections.abc import Sequence

import plotly.graph_objects as go

from ..language import Say, spoken
from .anatomy import curve_figure


def spread_figure(
    rows: Sequence[dict],
    column: str,
    *,
    x: str,
    name: str = "",
    x_title: str = "",
    y_title: str = "",
    height: int = 320,
    say: Say = spoken,
) -> go.Figure:
    """`column` holds a `SeedRange`, `x` the place of each row; rows that share `name` make a line (none: one line).

    Names and titles are templates of `say`, or messages.
    """
    groups: dict[str, list[dict]] = {}
    for row in rows:
        label = row[name] if name else column
        groups.setdefault(label if isinstance(label, str) else str(label), []).append(row)
    curves = {label: [row[column].mean for row in group] for label, group in groups.items()}
    figure = curve_figure(curves, x_title=x_title, y_title=y_title, height=height, say=say)
    for curve, group in zip(figure.data, groups.values(), strict=True):
        spreads = [row[column] for row in group]
        up, down = (
            [abs(end - spread.mean) for end, spread in zip(ends, spreads, strict=True)]
            for ends in ([spread.high for spread in spreads], [spread.low for spread in spreads])
        )
        curve.update(x=[row[x] for row in group], error_y={"array": up, "arrayminus": down, "thickness": 1.2})
    return figure
