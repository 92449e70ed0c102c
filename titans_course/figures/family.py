"""A figure of the table of rules: a row for each rule, the mean over seeds as a mark, a bar from lowest to highest."""

from collections.abc import Mapping

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from titans_mini.messages import Message

from ..language import Say, spoken
from ..studies.family import OFF
from .trace import COLOURS, NO_NAME, frame

WITHOUT = Message("without memory")
PANELS = (  # title, and measure -> its name, colour and mark
    (
        Message("share right"),
        {
            "late": (Message("late facts"), "surprise", "circle"),
            "overwritten": (Message("overwritten facts"), "g_write", "diamond"),
            "many": (Message("32 facts"), "g_forget", "square"),
        },
    ),
    (Message("likeness despite outliers"), {"noisy": (Message("likeness"), "right", "circle")}),
    (Message("bits a byte of text"), {"bits": (Message("bits"), "loss", "circle")}),
    (Message("time of a step (without: 1)"), {"seconds": (Message("time"), "frequency", "circle")}),
)


def family_figure(table: Mapping[str, Mapping[str, list[float]]], *, height: int = 0, say: Say = spoken) -> go.Figure:
    """`table` is that of `studies.family.kept()`, rule -> measure -> one number a seed; higher rules recall more."""
    rules = sorted(table, key=lambda rule: sum(map(sum, (table[rule][name] for name in PANELS[0][1]))))
    titles = [str(say(title)) for title, _ in PANELS]
    figure = make_subplots(1, len(PANELS), shared_yaxes=True, horizontal_spacing=0.03, subplot_titles=titles)
    figure.update_annotations(font_size=12)
    labels = [str(say(WITHOUT)) if rule == OFF else rule for rule in rules]
    for column, (_, measures) in enumerate(PANELS, start=1):
        for name, (label, colour, symbol) in measures.items():
            shown = [i for i, rule in enumerate(rules) if name in table[rule]]
            values = [table[rules[i]][name] for i in shown]
            means = [sum(each) / len(each) for each in values]
            spread = {"array": [max(each) - mean for each, mean in zip(values, means, strict=True)],
                      "arrayminus": [mean - min(each) for each, mean in zip(values, means, strict=True)]}  # fmt: skip
            marks = go.Scatter(
                x=means, y=[labels[i] for i in shown], mode="markers", name=str(say(label)), showlegend=column == 1,
                marker={"color": COLOURS[colour], "symbol": symbol, "size": 8}, error_x=spread | {"thickness": 1.2},
                hovertemplate="%{y}: %{x:.3g}" + NO_NAME,
            )  # fmt: skip
            figure.add_trace(marks, 1, column)
    figure.update_yaxes(categoryorder="array", categoryarray=labels, showgrid=True)
    figure.update_xaxes(range=[-0.03, 1.03], tickformat=".0%", col=1)
    figure.update_xaxes(range=[-0.03, 1.03], col=2)
    figure.update_layout(frame(height or 104 + 24 * len(rules), left=120, top=70))
    return figure.update_layout(legend={"yref": "container", "y": 0.99, "yanchor": "top"})  # above the titles
