"""The figures of lesson 06c: the model that reads bases, and what counting reaches."""

import plotly.graph_objects as go

from titans_course.figures import COLOURS
from titans_course.studies.next_base import markov_bits
from titans_mini.training.tasks import dna_bases

from .maps import Box, _lines, _svg, _words
from .words import curve_figure


def map_dna() -> str:
    """The model of the lesson, the two lines that change, and the counting beside it."""
    memory, loss = COLOURS["memory_norm"], COLOURS["loss"]
    boxes = {
        "bases": Box(90, 70, ("bases", "A C G T", "碱基"), width=120),
        "embed": Box(265, 70, ("embedding", "8 numbers each", "嵌入"), width=140),
        "memory": Box(470, 70, ("memory", "writes while it reads", "记忆"), memory, 175),
        "head": Box(670, 70, ("head", "shares of four bases", "输出头"), width=160),
        "bits": Box(790, 215, ("bits", "per base", "比特"), loss, 110),
        "swap": Box(470, 215, ("two lines", "MLP → CNN, θ", "两行"), COLOURS["g_write"], 175),
        "count": Box(175, 215, ("counting", "what followed k bases", "计数"), COLOURS["frequency"], 190),
    }
    arrows = [("bases", "embed"), ("embed", "memory"), ("memory", "head"), ("swap", "memory")]
    more = _lines("M90,108 L140,172", "M720,108 L775,172", "M175,258 V280 H790 V260")
    return _svg(boxes, arrows, 300, more + _words(560, 274, "the baseline 基线"))


def dna_orders() -> go.Figure:
    """Bits per base of phage lambda's last tenth, over the number of bases that a counting model looks at."""
    train, test, orders = dna_bases(), dna_bases(held_out=True), range(7)
    curves = {"counting": [markov_bits(train, test, k) for k in orders], "a guess": [2.0] * len(orders)}
    return curve_figure(curves, x=orders, x_title="bases before", y_title="bits per base")
