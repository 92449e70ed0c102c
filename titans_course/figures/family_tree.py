"""Figures of the family: the tree in the loop that all members share, and trainings of some seconds. Pure functions."""

from collections.abc import Callable, Mapping

import plotly.graph_objects as go

from titans_mini.messages import Message

from ..language import Say, spoken
from ..studies.family_tree import LOOP, Member, members, spelled
from ..studies.minute import Minute
from ..studies.reading import CHANCE, smooth
from .trace import COLOURS, DASHES, KEEP, NO_NAME, TAU, frame

LINES = ("momentum", "loss", "surprise", "g_write", "frequency", "g_forget")  # colours of the loop's lines
SHADES = dict(zip(LOOP, (COLOURS[name] for name in LINES), strict=True))
RUNS = ("g_write", "surprise", "loss")  # colours of trainings; the last is the control's
HALF, RETURN, FIRST = 0.72, 1.2, 2.2  # half the height of the loop's boxes; heights of the line back and of the members
LEFT, STEP, WIDE = -2.75, 0.16, 0.45  # where names begin, how far a child stands in, and half the width of a cell
AXES = {"seconds": (1, Message("seconds of training")), "steps": (0, Message("steps of training"))}
SMOOTH = 20  # steps over which a loss is a mean


def tree_figure(label: Callable[[str], str] = str, *, height: int = 640, say: Say = spoken) -> go.Figure:
    """The loop above; below it a row for each member, under its parent, with the lines in which the two differ.

    A full cell is the line that makes the member; a dotted one differs as well. `label` makes a name for people.
    """
    rows, last = members(), len(LOOP) - 1
    shapes = [_box(place, 0, HALF, SHADES[knob], True) for place, knob in enumerate(LOOP)]
    for y, one in enumerate(rows):
        changed = {one.line, *one.changes}
        shapes += [_box(x, y + FIRST, 0.42, SHADES[k], k == one.line) for x, k in enumerate(LOOP) if k in changed]
    shapes += [_path(f"M {last} {HALF} L {last} {RETURN} L 0 {RETURN} L 0 {HALF}"), *_branches(rows)]
    figure = go.Figure([_names(rows, label, say), _loop(say), _cells(rows, label, say)])
    bare = {"showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True}
    heads = [f"<b>{say(word)}</b>" for word, _ in LOOP.values()]
    across = {"range": [LEFT, last + 0.55], "tickvals": list(range(len(LOOP))), "ticktext": heads, "side": "top"}
    figure.update_xaxes(**bare, **across)
    figure.update_yaxes(**bare, range=[FIRST + len(rows) - 0.4, -HALF - 0.1], showticklabels=False)
    note = {"x": last / 2, "y": RETURN, "text": say("for the next token"), "showarrow": False, "yshift": -9}
    arrow = {"x": 0, "y": HALF, "ax": 0, "ay": RETURN, "axref": "x", "ayref": "y", "text": "", "arrowhead": 2}
    return figure.update_layout(
        frame(height, left=4, right=4, top=28, bottom=4), shapes=shapes, showlegend=False,
        annotations=[note, {**arrow, "arrowcolor": TAU}],
    )  # fmt: skip


def _box(x: int, y: float, half: float, colour: str, full: bool) -> dict:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    look = {"color": colour, "width": 1.4, "dash": "solid" if full else "dot"}
    fill = f"rgba({red},{green},{blue},{0.28 if full else 0})"
    return {
        "type": "rect",
        "x0": x - WIDE,
        "x1": x + WIDE,
        "y0": y - half,
        "y1": y + half,
        "fillcolor": fill,
        "line": look,
    }


def _path(path: str) -> dict:
    return {"type": "path", "path": path, "line": {"color": TAU, "width": 1.4}}


def _branches(rows: list[Member]) -> list[dict]:
    """A line from each parent down to its last child, with a branch to each of them."""
    places = {one.name: (LEFT + STEP * (one.depth + 0.5), y + FIRST) for y, one in enumerate(rows)}
    found = []
    for one in rows[1:]:
        (x, y), (_, below) = places[one.parent], places[one.name]
        found.append(_path(f"M {x} {y + 0.4} L {x} {below} L {x + 0.7 * STEP} {below}"))
    return found


def _names(rows: list[Member], label: Callable[[str], str], say: Say) -> go.Scatter:
    x, y = [LEFT + STEP * (one.depth + 0.25) for one in rows], [y + FIRST for y in range(len(rows))]
    names = [label(one.name) for one in rows]
    told = [f"{name}: {one.year or say(one.source)}" for name, one in zip(names, rows, strict=True)]
    return _texts(x, y, names, told, 12)


def _loop(say: Say) -> go.Scatter:
    """The lines of the loop, as the first member has them."""
    lines = [spelled(line).replace(" = ", " =<br>") for _, line in LOOP.values()]
    told = [say(word) for word, _ in LOOP.values()]
    return _texts(list(range(len(LOOP))), [0.0] * len(LOOP), lines, told)


def _cells(rows: list[Member], label: Callable[[str], str], say: Say) -> go.Scatter:
    """The choices that differ from the parent's, and the first member's line."""
    x, y, names, told = [], [], [], []
    for row, one in enumerate(rows):
        for place, (knob, (word, _)) in enumerate(LOOP.items()):
            if knob != one.line and knob not in one.changes:
                continue
            before, own = one.changes.get(knob, ("", one.choice))
            x.append(place)
            y.append(row + FIRST)
            names.append(f"<b>{own}</b>" if knob == one.line else own)
            told.append(f"{label(one.name)}, {say(word)}: {before}{' → ' if before else ''}{own}")
    return _texts(x, y, names, told)


def _texts(x: list[float], y: list[float], words: list[str], told: list[str], size: int = 10) -> go.Scatter:
    """Words on the figure, with others for the mouse; those of the names begin at their places."""
    place = "middle right" if size > 10 else "middle center"
    look = {"mode": "text", "textposition": place, "textfont_size": size}
    return go.Scatter(x=x, y=y, text=words, hovertemplate=[text + NO_NAME for text in told], **look)


def minute_figure(
    runs: Mapping[str, Minute], against: str = "seconds", *, height: int = 420, say: Say = spoken
) -> go.Figure:
    """Recall of eight facts above and the loss below, along the training, against a name of AXES.

    `runs`: at most three, under their labels, the control last. The loss is a mean of the last 20 steps.
    """
    figure, (place, title) = go.Figure(), AXES[against]
    for index, (label, run) in enumerate(runs.items()):
        look = {"color": COLOURS[RUNS[index]], "dash": DASHES[index], "width": 2}
        hover = f"{label}: %{{y:.3g}}{NO_NAME}"
        x, y = [point[place] for point in run.points], [point[2] for point in run.points]
        figure.add_scatter(x=x, y=y, name=label, mode="lines+markers", line=look, hovertemplate=hover)
        steps = range(1, run.steps + 1)
        pace = run.seconds / max(1, run.steps)
        x = [step * pace for step in steps] if against == "seconds" else list(steps)
        losses = smooth(run.losses, SMOOTH)
        figure.add_scatter(
            x=x, y=losses, yaxis="y2", name=label, mode="lines", line=look, showlegend=False, hovertemplate=hover
        )
    figure.add_hline(CHANCE, line={"dash": "dot", "width": 1.2, "color": TAU})
    return figure.update_layout(
        **frame(height, left=56, right=16, showlegend=True, **KEEP),
        xaxis={"title_text": say(title), "anchor": "y2"},
        yaxis={"title_text": say("recall"), "domain": [0.55, 1.0], "range": [-0.03, 1.05], "tickformat": ".0%"},
        yaxis2={"title_text": say("loss"), "domain": [0.0, 0.45], "rangemode": "tozero"},
    )
