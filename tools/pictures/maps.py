"""The map at the top of each lesson: boxes and arrows as SVG, in the colours of `titans_course.figures`."""

from typing import NamedTuple

from titans_course.figures import COLOURS

from .words import say

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
        "surprise": Box(700, 220, ("gradient norm", "surprise 惊讶度"), COLOURS["surprise"], 150),
        "smooth": Box(480, 220, ("S: surprise", "smoothed 平滑"), COLOURS["momentum"], 150),
        "gate": Box(270, 220, ("gate: write", "or fade a little", "门"), COLOURS["g_write"], 150),
    }
    arrows = [("text", "pair"), ("pair", "memory"), ("memory", "loss"), ("loss", "surprise")]
    arrows += [("surprise", "smooth"), ("smooth", "gate"), ("gate", "memory")]
    return _svg(boxes, arrows, 290)


def map_recipe() -> str:
    """The five steps of the recipe, each with its setting."""
    boxes = {
        "1": Box(95, 75, ("1 surprise", "‖grad‖ / √d → 0..1", "惊讶度"), COLOURS["surprise"]),
        "2": Box(265, 75, ("2 momentum β", "βS + (1−β)·surprise", "动量平滑"), COLOURS["momentum"], 160),
        "3": Box(440, 75, ("3 write gate τ", "σ((S − τ) / softness)", "写入门"), COLOURS["g_write"], 160),
        "4": Box(610, 75, ("4 forget gate", "1 − g_write", "遗忘门"), COLOURS["g_forget"], 140),
        "5": Box(770, 75, ("5 update λ, η", "decay, then write", "权重更新"), COLOURS["memory_norm"], 150),
    }
    arrows = [("1", "2"), ("2", "3"), ("3", "4"), ("4", "5")]
    more = _lines("M770,108 V165 H95 V112") + _words(430, 160, "next token 下一个词元")
    return _svg(boxes, arrows, 185, more)


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
    more = "".join(
        _lines(f"M{x + 45},102 C{x + 60},45 {x - 60},45 {x - 45},99") + _words(x, 46, label, 13) for x, label in loops
    )
    more += "".join(_words(x, 130, label, 13) for x, label in words)
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
    return _svg(boxes, arrows, 396, _lines("M842,300 C862,270 862,150 846,118"))


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
        "gate": Box(275, 220, ("gate", "how large θ, η, α", "门"), COLOURS["g_write"], 150),
    }
    arrows = [("pair", "architecture"), ("architecture", "bias"), ("bias", "gradient"), ("gradient", "algorithm")]
    arrows += [("algorithm", "retention"), ("gate", "retention")]
    return _svg(boxes, arrows, 290, _lines("M470,182 L330,112", "M275,258 V278 H725 V262"))


def map_parallel() -> str:
    """The token loop, one write after the other, and the chunk form, all of a chunk at once."""
    memory, surprise, momentum = COLOURS["memory_norm"], COLOURS["surprise"], COLOURS["momentum"]
    boxes = {
        "M0": Box(100, 60, ("M₀, S₀", "起点"), memory, 150),
        **{f"M{t}": Box(100 + 218 * t, 60, (f"write {t}, read {t}", f"M{'₀₁₂₃'[t]}"), memory, 150) for t in (1, 2, 3)},
        "pairs": Box(100, 190, ("C pairs k, v", "一块的键与值"), width=150),
        "gates": Box(100, 300, ("C gates θ, η, α", "一块的门"), COLOURS["g_write"], 150),
        "once": Box(345, 190, ("one pass: a, δ of C tokens", "at the start weights · 块首权重处"), surprise, 240),
        "coef": Box(345, 300, ("D, E → Coef", "C × C numbers · 系数矩阵"), momentum, 240),
        "reads": Box(690, 190, ("C reads", "each after its own write · 各自写入后读出"), COLOURS["loss"], 280),
        "next": Box(690, 300, ("M, S of the next chunk", "下一块的起点"), memory, 280),
    }
    arrows = [("M0", "M1"), ("M1", "M2"), ("M2", "M3"), ("pairs", "once"), ("gates", "coef")]
    arrows += [("once", "reads"), ("coef", "next"), ("once", "next"), ("coef", "reads")]
    heads = ((18, "token loop · 逐词元循环"), (146, "chunk form · 分块形式"))
    more = "".join(_words(25, y, head, 13, anchor="start") for y, head in heads)
    return _svg(boxes, arrows, 340, more)


def map_operations() -> str:
    """Two tracks, what watches them, and the ways back."""
    memory, write, forget = COLOURS["memory_norm"], COLOURS["g_write"], COLOURS["g_forget"]
    boxes = {
        "stream": Box(90, 150, ("stream", "token by token", "数据流"), width=140),
        "main": Box(310, 70, ("main memory", "reads and writes", "主记忆"), memory, 170),
        "shadow": Box(310, 235, ("shadow", "reads the last snapshot", "影子模型"), forget, 190),
        "monitor": Box(560, 70, ("monitor", "writes, norm, loss, drift", "监控与告警"), COLOURS["surprise"], 200),
        "snapshots": Box(790, 150, ("snapshots", "whole, checked", "快照"), COLOURS["momentum"], 130),
        "compare": Box(560, 235, ("5% worse, 200 tokens?", "perplexity of both", "比较"), write, 200),
    }
    arrows = [("main", "monitor"), ("shadow", "compare")]
    more = _lines(
        "M160,135 L222,85",
        "M160,165 L212,220",
        "M660,85 C720,90 755,100 765,110",
        "M370,108 L470,194",
        "M800,112 C800,10 700,12 560,12 C430,12 340,12 320,29",
        "M800,188 C800,300 700,302 560,302 C430,302 340,302 320,276",
    )
    more += _words(735, 62, "rollback 回滚")
    more += _words(738, 222, "the last healthy") + _words(738, 239, "最近的健康快照")
    return _svg(boxes, arrows, 325, more)


def map_tuning() -> str:
    """The two stages, and the full grid that judges them."""
    memory, write, surprise = COLOURS["memory_norm"], COLOURS["g_write"], COLOURS["surprise"]
    boxes = {
        "grid": Box(90, 75, ("n settings", "τ, β, λ, depth", "网格"), width=140),
        "short": Box(280, 75, ("short stage", "all n on T₁ tokens", "短阶段"), write, 165),
        "keep": Box(465, 75, ("ranking", "the best k continue", "排名取前 k"), COLOURS["momentum"], 145),
        "long": Box(645, 75, ("long stage", "k on T₂ tokens", "长阶段"), write, 145),
        "best": Box(795, 75, ("best, or tie", "over seeds", "最佳或并列"), memory, 115),
        "full": Box(280, 210, ("full grid", "all n on T₂ tokens", "完整网格"), COLOURS["loss"], 165),
        "judge": Box(645, 210, ("which place? how far behind?", "does the order hold?", "排序一致吗"), surprise, 265),
    }
    arrows = [("grid", "short"), ("short", "keep"), ("keep", "long"), ("long", "best"), ("full", "judge")]
    more = _lines("M90,113 V210 H194", "M795,113 V210 H782", "M480,113 L560,169")
    return _svg(boxes, arrows, 265, more)


def map_bug_hunt() -> str:
    """A patient, seven checks, a diagnosis, a repaired line; and the test of the test."""
    memory, check, wrong = COLOURS["memory_norm"], COLOURS["g_write"], COLOURS["surprise"]
    boxes = {
        "patient": Box(95, 70, ("patient A..G", "runs, looks right", "病人"), memory, 145),
        "checks": Box(310, 70, ("seven checks", "10 lines at most", "七项性质检查"), check, 170),
        "pattern": Box(530, 70, ("pattern", "which of them fail", "失败的模式"), wrong, 160),
        "line": Box(750, 70, ("faulty line", "one of some twenty", "出错的一行"), wrong, 160),
        "control": Box(95, 220, ("control", "healthy: passes all", "健康对照"), memory, 150),
        "test": Box(310, 220, ("can a check fail?", "equal rows cannot", "检查的检查"), COLOURS["momentum"], 170),
        "repaired": Box(750, 220, ("repaired", "all checks again", "修复后重查"), memory, 160),
    }
    arrows = [("patient", "checks"), ("checks", "pattern"), ("pattern", "line"), ("line", "repaired")]
    arrows += [("test", "checks")]
    return _svg(boxes, arrows, 275, _lines("M670,220 H520 L398,112", "M120,182 L225,112"))


def map_claims() -> str:
    """A claim, the rule that is written first, four ways to figures, one of four verdicts."""
    ways, rule, verdict = COLOURS["g_write"], COLOURS["momentum"], COLOURS["memory_norm"]
    boxes = {
        "claim": Box(90, 165, ("claim", "a sentence", "主张"), width=130),
        "question": Box(265, 165, ("question", "can come out wrong", "可推翻的命题"), COLOURS["surprise"], 160),
        "paper": Box(475, 45, ("by paper 查论文", "what is printed"), ways, 160),
        "count": Box(475, 125, ("by count 计数", "weights, bytes"), ways, 160),
        "form": Box(475, 205, ("by closed form 闭式解", "half-life"), ways, 200),
        "measure": Box(475, 285, ("by measurement 测量", "mean and spread"), ways, 200),
        "figures": Box(670, 165, ("figures", "over seeds", "数字"), COLOURS["loss"], 115),
        "verdict": Box(790, 285, ("verdict", "one of four", "判定"), verdict, 120),
        "rule": Box(790, 45, ("rule", "written first", "规则"), rule, 120),
    }
    more = "".join(
        _lines(
            f"M345,165 L{475 - boxes[name].width // 2 - 3},{boxes[name].y}",
            f"M{475 + boxes[name].width // 2},{boxes[name].y} L609,165",
        )
        for name in ("paper", "count", "form", "measure")
    )
    more += _lines("M790,83 V243", "M727,185 L760,243")
    return _svg(boxes, [("claim", "question")], 330, more)


def _svg(boxes: dict[str, Box], arrows: list[tuple[str, str]], height: int, more: str = "") -> str:
    """The whole map; `more` holds what is neither a box nor a straight arrow between two of them."""
    tip = f'<path d="M0,0 L8,4 L0,8 z" fill="{INK}"/>'
    marker = f'<marker id="tip" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">{tip}</marker>'
    drawn = [_arrow(boxes[a], boxes[b]) for a, b in arrows] + [_box(box) for box in boxes.values()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" '
        f"font-family=\"'DejaVu Sans','Noto Sans CJK SC',sans-serif\"><defs>{marker}</defs>{more}{''.join(drawn)}</svg>"
    )


def _lines(*paths: str, dashes: str = "none") -> str:
    """Bent or curved arrows, each given as the `d` of an SVG path."""
    style = f'fill="none" stroke="{INK}" stroke-width="1.6" stroke-dasharray="{dashes}" marker-end="url(#tip)"'
    return "".join(f'<path d="{path}" {style}/>' for path in paths)


def _words(x: int, y: int, text: str, size: int = 12, *, anchor: str = "middle", weight: int = 400) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}" font-size="{size}" '
        f'font-weight="{weight}">{say(text)}</text>'
    )


def _box(box: Box) -> str:
    """The box and its lines; the first line is larger and bold.

    Where a line is said in Chinese, the line that repeats it in Chinese is left out and the others move down.
    """
    top = box.y - box.high // 2
    first, *rest = box.lines
    if any(say(line) != line for line in box.lines):
        rest = [line for line in rest if not line[0] >= "\u4e00"]
    begin = top + 22 + 21 * (len(box.lines) - 1 - len(rest)) // 2
    rows = [_words(box.x, begin, first, 14, weight=600)]
    rows += [_words(box.x, begin + 21 * i, line) for i, line in enumerate(rest, start=1)]
    return (
        f'<rect x="{box.x - box.width // 2}" y="{top}" width="{box.width}" height="{box.high}" rx="8" '
        f'fill="{PAPER}" stroke="{box.colour}" stroke-width="3"/>' + "".join(rows)
    )


def _arrow(a: Box, b: Box) -> str:
    """A straight line from edge to edge: boxes at the same height left or right, others up or down."""
    if a.y == b.y:
        way = 1 if b.x > a.x else -1
        start, end = (a.x + way * a.width // 2, a.y), (b.x - way * (b.width // 2 + 3), b.y)
    else:
        way = 1 if b.y > a.y else -1
        start, end = (a.x, a.y + way * a.high // 2), (b.x - (b.x - a.x) // 5, b.y - way * (b.high // 2 + 3))
    return _lines(f"M{start[0]},{start[1]} L{end[0]},{end[1]}")
