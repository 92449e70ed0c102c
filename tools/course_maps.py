"""The map at the head of each lesson: boxes and arrows as SVG, in the colours of `titans_mini.figures`."""

from __future__ import annotations

from typing import NamedTuple

from titans_mini.figures import COLOURS

INK, PAPER = "#22303C", "#F4F6F8"


class Box(NamedTuple):
    """A labelled box with its middle at (x, y)."""

    x: int
    y: int
    lines: tuple[str, ...]
    colour: str = INK
    width: int = 150

    @property
    def high(self) -> int:
        return 22 * len(self.lines) + 10


def map_tour() -> str:
    """How a memory reads one token."""
    boxes = {
        "text": Box(85, 70, ("text", "byte by byte", "文本逐字节"), width=130),
        "pair": Box(270, 70, ("key: where we are", "value: what comes", "键与值"), width=165),
        "memory": Box(480, 70, ("memory M", "a small network", "记忆"), COLOURS["memory_norm"], 150),
        "loss": Box(700, 70, ("error of M(k)", "inner loss", "内部损失"), COLOURS["loss"], 150),
        "surprise": Box(700, 220, ("gradient norm", "surprise 惊喜"), COLOURS["surprise"], 150),
        "smooth": Box(480, 220, ("S: surprise", "smoothed 平滑"), COLOURS["momentum"], 150),
        "gate": Box(270, 220, ("gate: write", "or fade a little", "门控"), COLOURS["g_write"], 150),
    }
    arrows = [("text", "pair"), ("pair", "memory"), ("memory", "loss"), ("loss", "surprise")]
    arrows += [("surprise", "smooth"), ("smooth", "gate"), ("gate", "memory")]
    return _svg(boxes, arrows, 290)


def map_recipe() -> str:
    """The five steps of the recipe, each with its setting."""
    boxes = {
        "1": Box(95, 75, ("1 surprise", "‖grad‖ / √d → 0..1", "惊喜指标"), COLOURS["surprise"]),
        "2": Box(265, 75, ("2 momentum β", "βS + (1−β)·surprise", "动量平滑"), COLOURS["momentum"], 160),
        "3": Box(440, 75, ("3 write gate τ", "σ((S − τ) / softness)", "写入门控"), COLOURS["g_write"], 160),
        "4": Box(610, 75, ("4 forget gate", "1 − g_write", "遗忘门控"), COLOURS["g_forget"], 140),
        "5": Box(770, 75, ("5 update λ, η", "decay, then write", "权重更新"), COLOURS["memory_norm"], 150),
    }
    arrows = [("1", "2"), ("2", "3"), ("3", "4"), ("4", "5")]
    loop = f'<path d="M770,108 V165 H95 V112" fill="none" stroke="{INK}" stroke-width="1.6" marker-end="url(#tip)"/>'
    label = f'<text x="430" y="160" text-anchor="middle" fill="{INK}" font-size="12">next token 下一个词元</text>'
    return _svg(boxes, arrows, 185, loop + label)


def map_memory() -> str:
    """One write of a two-layer memory: up to the prediction, down with the deltas."""
    boxes = {
        "key": Box(85, 70, ("key k", "input of layer 1", "键"), width=140),
        "one": Box(265, 70, ("layer 1: W₁", "silu(W₁ k) = a", "第一层"), COLOURS["memory_norm"], 150),
        "two": Box(450, 70, ("layer 2: W₂", "W₂ a = M(k)", "第二层"), COLOURS["memory_norm"], 150),
        "error": Box(640, 70, ("error M(k) − v", "loss ‖M(k) − v‖²", "误差"), COLOURS["loss"], 160),
        "d2": Box(640, 210, ("δ₂ = 2 · error", "gradient δ₂ aᵀ", "第二层梯度"), COLOURS["surprise"], 160),
        "d1": Box(390, 210, ("δ₁ = W₂ᵀδ₂ × slope", "gradient δ₁ kᵀ", "第一层梯度"), COLOURS["surprise"], 190),
        "step": Box(140, 210, ("write", "W ← W − θ · gradient", "写入"), COLOURS["g_write"], 190),
    }
    arrows = [("key", "one"), ("one", "two"), ("two", "error"), ("error", "d2"), ("d2", "d1"), ("d1", "step")]
    return _svg(boxes, arrows, 275)


def map_momentum() -> str:
    """The two loops of the paper's rule."""
    boxes = {
        "grad": Box(110, 140, ("gradient ∇", "of this token", "梯度"), COLOURS["surprise"], 150),
        "S": Box(390, 140, ("S ← ηS − θ∇", "momentum", "动量"), COLOURS["momentum"], 170),
        "M": Box(690, 140, ("M ← (1 − α)M + S", "memory", "记忆"), COLOURS["memory_norm"], 190),
    }
    loops = [(390, "carries η on 携带"), (690, "keeps 1 − α 保留")]
    words = [(245, "× θ"), (535, "+")]
    line = f'fill="none" stroke="{INK}" stroke-width="1.6" marker-end="url(#tip)"'
    text = f'text-anchor="middle" fill="{INK}" font-size="13"'
    more = "".join(
        f'<path d="M{x + 45},102 C{x + 60},45 {x - 60},45 {x - 45},99" {line}/>'
        f'<text x="{x}" y="46" {text}>{label}</text>'
        for x, label in loops
    )
    more += "".join(f'<text x="{x}" y="130" {text}>{label}</text>' for x, label in words)
    return _svg(boxes, [("grad", "S"), ("S", "M")], 200, more)


def map_variants() -> str:
    """The same memory and attention, wired as MAL, MAG and MAC."""
    memory, attention = COLOURS["memory_norm"], COLOURS["loss"]
    boxes = {
        "mal x": Box(103, 32, ("MAL: x",), width=110),
        "mal M": Box(103, 130, ("memory", "write, then read: m", "记忆"), memory, 165),
        "mal A": Box(103, 255, ("attention: y", "to [P | window of x + m]", "注意力"), attention, 185),
        "mal y": Box(103, 368, ("y + m",), width=110),
        "mag x": Box(355, 32, ("MAG: x",), width=110),
        "mag A": Box(280, 190, ("attention: y", "to [P | window]", "注意力"), attention, 130),
        "mag M": Box(430, 190, ("memory", "write, then read: m", "记忆"), memory, 150),
        "mag y": Box(355, 368, ("norm(y) · silu(norm(m))",), width=215),
        "mac x": Box(640, 32, ("MAC: x",), width=110),
        "mac h": Box(757, 105, ("memory: h", "as before the segment"), memory, 165),
        "mac A": Box(640, 200, ("attention: y", "x + attention to [P | h | segment]", "注意力"), attention, 230),
        "mac M": Box(757, 300, ("memory", "write y, then read: m"), memory, 165),
        "mac y": Box(640, 368, ("norm(y) · silu(norm(m))",), width=215),
    }
    arrows = [("mal x", "mal M"), ("mal M", "mal A"), ("mal A", "mal y"), ("mag x", "mag A"), ("mag x", "mag M")]
    arrows += [("mag A", "mag y"), ("mag M", "mag y"), ("mac x", "mac h"), ("mac x", "mac A"), ("mac h", "mac A")]
    arrows += [("mac A", "mac M"), ("mac A", "mac y"), ("mac M", "mac y")]
    loop = f'<path d="M842,300 C862,270 862,150 846,118" fill="none" stroke="{INK}" stroke-width="1.6" '
    return _svg(boxes, arrows, 396, loop + 'marker-end="url(#tip)"/>')


def map_miras() -> str:
    """A write, with the knob that decides each part of it."""
    memory, bias, keep = COLOURS["memory_norm"], COLOURS["loss"], COLOURS["g_forget"]
    boxes = {
        "pair": Box(85, 70, ("pair k, v", "of this token", "键与值"), width=130),
        "architecture": Box(275, 70, ("1 architecture", "M(k): matrix, MLP, CNN", "记忆结构"), memory, 185),
        "bias": Box(495, 70, ("2 attentional bias", "inner loss of M(k), v", "注意偏置"), bias, 175),
        "gradient": Box(725, 70, ("gradient", "in the weights", "梯度"), COLOURS["surprise"], 150),
        "algorithm": Box(725, 220, ("4 algorithm", "gradient → update u", "记忆算法"), COLOURS["momentum"], 165),
        "retention": Box(495, 220, ("3 retention", "old W and u → new W", "保留方式"), keep, 175),
        "gate": Box(275, 220, ("gate", "how large θ, η, α", "门控"), COLOURS["g_write"], 150),
    }
    arrows = [("pair", "architecture"), ("architecture", "bias"), ("bias", "gradient"), ("gradient", "algorithm")]
    arrows += [("algorithm", "retention"), ("gate", "retention")]
    line = f'fill="none" stroke="{INK}" stroke-width="1.6" marker-end="url(#tip)"'
    back = f'<path d="M470,182 L330,112" {line}/><path d="M275,258 V278 H725 V262" {line}/>'
    return _svg(boxes, arrows, 290, back)


def _svg(boxes: dict[str, Box], arrows: list[tuple[str, str]], height: int, more: str = "") -> str:
    tip = f'<path d="M0,0 L8,4 L0,8 z" fill="{INK}"/>'
    marker = f'<marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">{tip}</marker>'
    drawn = [_arrow(boxes[a], boxes[b]) for a, b in arrows] + [_box(box) for box in boxes.values()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" '
        f"font-family=\"'DejaVu Sans','Noto Sans CJK SC',sans-serif\"><defs>{marker}</defs>{more}{''.join(drawn)}</svg>"
    )


def _box(box: Box) -> str:
    high = box.high
    rows = [
        f'<text x="{box.x}" y="{box.y - high // 2 + 22 + 21 * i}" text-anchor="middle" fill="{INK}" '
        f'font-size="{14 if i == 0 else 12}" font-weight="{600 if i == 0 else 400}">{line}</text>'
        for i, line in enumerate(box.lines)
    ]
    return (
        f'<rect x="{box.x - box.width // 2}" y="{box.y - high // 2}" width="{box.width}" height="{high}" rx="8" '
        f'fill="{PAPER}" stroke="{box.colour}" stroke-width="3"/>' + "".join(rows)
    )


def _arrow(a: Box, b: Box) -> str:
    """A straight line from edge to edge: level boxes left or right, boxes below each other up or down."""
    if a.y == b.y:
        way = 1 if b.x > a.x else -1
        start, end = (a.x + way * a.width // 2, a.y), (b.x - way * (b.width // 2 + 3), b.y)
    else:
        way = 1 if b.y > a.y else -1
        start, end = (a.x, a.y + way * a.high // 2), (b.x - (b.x - a.x) // 5, b.y - way * (b.high // 2 + 3))
    return (
        f'<line x1="{start[0]}" y1="{start[1]}" x2="{end[0]}" y2="{end[1]}" stroke="{INK}" stroke-width="1.6" '
        'marker-end="url(#tip)"/>'
    )
