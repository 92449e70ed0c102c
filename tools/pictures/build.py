"""The figures of lesson 02b. A picture is named after its function."""

import plotly.graph_objects as go

from titans_course.figures import COLOURS

from .basics import stored
from .maps import INK, Box, _lines, _svg, _words

MEMORY, WRITE, ERROR, MOMENTUM = (COLOURS[name] for name in ("memory_norm", "g_write", "loss", "momentum"))


def map_build() -> str:
    """The model of the lesson, with the number of the step that builds each part."""
    boxes = {
        "stream": Box(80, 95, ("1 stream", "facts, fillers, question", "数据流"), width=145),
        "pair": Box(275, 95, ("2 k, v, q", "k: of the token before", "投影"), WRITE, 175),
        "memory": Box(490, 95, ("3 write M", "one gradient step", "写入"), MEMORY, 165),
        "read": Box(660, 95, ("5 read", "M q", "读出"), MEMORY, 100),
        "head": Box(795, 95, ("6 head", "loss", "输出头"), ERROR, 105),
        "gates": Box(275, 215, ("4 gates θ, η, α", "of the same token", "门"), WRITE, 175),
        "package": Box(660, 215, ("8 package", "the same outputs", "与本包一致"), MOMENTUM, 150),
    }
    arrows = [("stream", "pair"), ("pair", "memory"), ("memory", "read"), ("read", "head")]
    inner = _lines("M540,56 V22 H440 V54") + _words(490, 16, "inner loop: again for each token 内循环")
    outer = _lines("M795,137 V286 H80 V137", "M275,286 V260", dashes="5 4")
    outer += _words(440, 280, "7 outer loop: backward through all writes 外循环")
    return _svg(boxes, arrows, 300, inner + outer + _lines("M362,205 L452,139", "M100,137 L186,200"))


def build_keys() -> str:
    """A value's key comes from the token before it; the same token later asks."""
    tokens = ("f2", "k3", "v9", "f1", "f0", "f3", "k3")
    boxes = {f"{i} {name}": Box(75 + 100 * i, 45, (name,), _colour(name), 70) for i, name in enumerate(tokens)}
    boxes["M"] = Box(480, 190, ("memory M", "one matrix 一个矩阵"), MEMORY, 190)
    boxes["answer"] = Box(780, 190, ("v9",), ERROR, 70)
    more = _lines("M175,62 C180,150 240,185 382,190", "M275,62 C280,120 320,150 394,164")
    more += _words(92, 118, "key: the token before 键", 13) + _words(330, 110, "value 值", 13)
    more += _lines("M675,62 C672,110 630,140 566,164") + _words(710, 118, "query 查询", 13)
    more += _words(660, 182, "answer 回答", 13)
    return _svg(boxes, [("M", "answer")], 235, more)


def build_loops() -> str:
    """Forward through the writes, and the gradient back through all of them."""
    names = [("M₀", "start 起点"), ("write 1", "M₁"), ("write 2", "M₂"), ("write 3", "M₃"), ("read", "M₃ q₃")]
    boxes = {name[0]: Box(65 + 150 * i, 95, name, MEMORY, 110) for i, name in enumerate(names)}
    boxes["loss"] = Box(806, 95, ("loss", "answer"), ERROR, 75)
    boxes["W"] = Box(365, 225, ("W_K, W_V, gates", "the same for all tokens"), WRITE, 230)
    chain = list(boxes)[:6]
    heads = _words(20, 30, "inner loop, forward: each token changes M · 内循环", 13, anchor="start")
    heads += _words(840, 200, "outer loop, backward (dashed) · 外循环", 13, anchor="end")
    heads += _words(840, 220, "through every write to what made it", 13, anchor="end")
    back = _lines("M806,122 V160 H215 V127", "M665,160 V127", "M515,160 V127", "M365,160 V127", dashes="5 4")
    back += _lines("M365,160 V196", dashes="5 4")
    return _svg(boxes, list(zip(chain, chain[1:], strict=False)), 265, heads + back)


def build_recall() -> go.Figure:
    """The lesson's own figure, as its last run stored it."""
    return stored("02b_build_a_titans")


def _colour(token: str) -> str:
    return {"k": WRITE, "v": ERROR, "f": INK}[token[0]]
