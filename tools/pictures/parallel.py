"""The figures of lessons 04 and 04b that are not in `basics`: paths through a chunk, and what a larger chunk costs."""

import plotly.graph_objects as go

from titans_course.figures import COLOURS
from titans_course.studies.flops import memory_flops, projection_flops
from titans_mini import MemoryConfig

from .maps import Box, _lines, _svg, _words
from .words import curve_figure


def parallel_paths() -> str:
    """The three paths of gradient 0 to the memory after token 2."""
    gradient, momentum, memory = COLOURS["surprise"], COLOURS["momentum"], COLOURS["memory_norm"]
    boxes = {"g0": Box(90, 70, ("gradient 0", "梯度"), gradient, 130)}
    for t, x in enumerate((300, 510, 720)):
        boxes[f"S{t}"] = Box(x, 70, (f"S{'₀₁₂'[t]}", "momentum 动量"), momentum, 124)
        boxes[f"M{t}"] = Box(x, 200, (f"M{'₀₁₂'[t]}", "memory 记忆"), memory, 124)
    arrows = [("g0", "S0"), ("S0", "S1"), ("S1", "S2"), ("M0", "M1"), ("M1", "M2")]
    more = "".join(_lines(f"M{x},97 V170") + _words(x + 24, 138, "× 1", 13) for x in (300, 510, 720))
    labels = ((195, 62, "× θ₀"), (405, 62, "× η₁"), (615, 62, "× η₂"), (405, 192, "× (1−α₁)"), (615, 192, "× (1−α₂)"))
    more += "".join(_words(x, y, label) for x, y, label in labels)
    total = "Coef[2, 0] = θ₀ · ( (1−α₁)(1−α₂) + η₁(1−α₂) + η₁η₂ )"
    return _svg(boxes, arrows, 285, more + _words(430, 268, total, 15))


def map_speed() -> str:
    """What a larger chunk saves, and what it costs."""
    save, cost = COLOURS["g_write"], COLOURS["surprise"]
    boxes = {
        "C": Box(105, 150, ("chunk of C tokens", "one set of weights", "一块 C 个词元"), width=170),
        "products": Box(370, 50, ("fewer products", "17 for C tokens", "矩阵乘积更少"), save, 190),
        "bytes": Box(370, 150, ("fewer bytes to train", "vectors, not matrices", "训练占用更少"), save, 190),
        "stale": Box(370, 250, ("stale gradients", "taken at the chunk's start", "过期的梯度"), cost, 190),
        "time": Box(630, 50, ("time a token", "falls, then rises: C × C", "每词元用时"), save, 200),
        "recall": Box(630, 250, ("recall", "falls with C", "召回下降"), cost, 200),
        "choose": Box(785, 150, ("choose C", "by measuring", "测量后选择"), width=120),
    }
    arrows = [("C", "bytes"), ("bytes", "choose"), ("products", "time"), ("stale", "recall")]
    more = _lines("M170,112 L271,60", "M170,188 L271,240", "M730,60 L775,108", "M730,240 L775,190")
    return _svg(boxes, arrows, 300, more)


def speed_stale() -> go.Figure:
    """One pair read 16 times: the error that is left, by chunk size, for two steps."""
    sizes = (1, 2, 4, 8, 16)
    curves = {f"theta {step}": [abs(1 - 2 * step * c) ** (16 / c) for c in sizes] for step in (0.03, 0.1)}
    figure = curve_figure(curves, x=sizes, x_title="chunk size C", y_title="size of the error after 16 tokens")
    figure.update_xaxes(type="log", tickvals=sizes)
    return figure.add_hline(1, line={"dash": "dot", "color": COLOURS["pinned"], "width": 1})


def speed_length() -> go.Figure:
    """Operations of a token by the length of the text: attention grows, the memory does not."""
    config, lengths = MemoryConfig(dim=64, chunk=16), [2**power for power in range(8, 22)]
    inside = [(memory_flops(config, 1, n) - projection_flops(config, n)) / n for n in lengths]
    curves = {"memory": inside, "attention": [4 * 64 * n / 2 for n in lengths]}
    figure = curve_figure(curves, x=lengths, x_title="tokens", y_title="operations of a token", log=True)
    return figure.update_xaxes(type="log", dtick=1)
