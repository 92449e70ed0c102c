"""Pictures of lessons 08 to 10b: a memory in service, kept in files and in few bits, and a gate that is paid."""

import plotly.graph_objects as go
import torch
from torch.nn.functional import normalize

from titans_course.figures import COLOURS
from titans_course.reward import RewardConfig, train_policy
from titans_course.studies.frontiers import round_weights

from .maps import Box, _lines, _svg, _words
from .words import curve_figure, say

MEMORY, WRITE, FADE = COLOURS["memory_norm"], COLOURS["g_write"], COLOURS["g_forget"]
SURPRISE, KEPT, SAID = COLOURS["surprise"], COLOURS["momentum"], COLOURS["loss"]


def operations_objects() -> str:
    """The objects of a drill: what holds what, and what makes another."""
    boxes = {
        "incident": Box(105, 60, ("incident", "poison, or a fault", "事故"), SURPRISE, 160),
        "drill": Box(340, 60, ("Drill", "stream, samples, events", "演练"), width=190),
        "branch": Box(690, 60, ("another Drill", "same past, other incident", "分支"), width=215),
        "runner": Box(340, 190, ("Runner", "feed(piece), rollback()", "运行器"), WRITE, 200),
        "engine": Box(105, 190, ("engine", "read(piece, state)", "引擎"), MEMORY, 165),
        "monitor": Box(570, 190, ("Monitor", "limits, alarms", "监控器"), SURPRISE, 150),
        "snapshots": Box(770, 190, ("Snapshots", "files of states", "快照"), KEPT, 150),
    }
    arrows = [("incident", "drill"), ("drill", "branch"), ("drill", "runner"), ("runner", "engine")]
    arrows += [("runner", "monitor")]
    more = _lines("M410,227 C480,262 700,262 750,229") + _words(510, 50, "branch, play", 13)
    more += _words(362, 132, "holds", 12, anchor="start")
    return _svg(boxes, arrows, 262, more)


def map_sessions() -> str:
    """Two tracks and their comparison; files for snapshots and for the sessions of users."""
    boxes = {
        "stream": Box(90, 130, ("stream", "token by token", "数据流"), width=140),
        "main": Box(290, 60, ("main", "reads and writes", "主模型"), MEMORY, 190),
        "shadow": Box(345, 205, ("shadow", "an older memory, only reads", "影子模型"), FADE, 210),
        "compare": Box(560, 130, ("5% worse, 200 times?", "perplexity of both", "比较"), WRITE, 190),
        "served": Box(770, 130, ("served", "main or shadow", "对外服务"), SAID, 140),
        "file": Box(305, 335, ("snapshot: a file", "state, model, checksum", "快照文件"), KEPT, 190),
        "session": Box(560, 335, ("session", "a file under a user's name", "会话"), KEPT, 210),
        "other": Box(770, 335, ("another process", "reads on", "另一进程"), width=150),
    }
    more = _lines("M160,115 L192,80", "M160,145 L237,190", "M385,75 L462,112", "M450,190 L478,171")
    more += _lines("M215,97 V295", "M345,297 V246") + _words(358, 275, "restored 恢复", anchor="start")
    more += _words(160, 275, "saved 保存")
    arrows = [("compare", "served"), ("file", "session"), ("session", "other")]
    return _svg(boxes, arrows, 385, more)


def sessions_file() -> str:
    """What lies in a snapshot's file, and which damage each part reveals."""
    boxes = {
        "digest": Box(130, 60, ("checksum", "SHA-256 of the rest", "校验和"), SURPRISE, 180),
        "model": Box(345, 60, ("fingerprint", "of the model", "模型指纹"), WRITE, 165),
        "read": Box(530, 60, ("tokens read", "a count", "已读词元数"), width=140),
        "state": Box(735, 60, ("tensors of the state", "weights, momentum, window", "状态张量"), MEMORY, 210),
    }
    notes = ((130, "one bit flipped, or cut off: refused"), (345, "another model: refused"))
    more = "".join(_lines(f"M{x},140 V103") + _words(x, 158, text, 13) for x, text in notes)
    return _svg(boxes, [], 175, more)


def map_frontiers() -> str:
    """A memory that writes in floats, rests in few bits, and is carried from session to session."""
    boxes = {
        "told": Box(95, 70, ("session 1", "eight facts", "第一次会话"), width=140),
        "memory": Box(320, 70, ("memory M", "writes in 32-bit floats", "记忆"), MEMORY, 190),
        "codes": Box(575, 70, ("8 or 4 bits", "w ≈ code × scale", "量化"), KEPT, 165),
        "file": Box(775, 70, ("kept", "bytes a user", "保存"), width=130),
        "next": Box(320, 200, ("session 2, 3, ... 8", "new values for old keys", "后续会话"), width=190),
        "answer": Box(575, 200, ("questions", "which age is known best?", "提问"), SAID, 190),
    }
    arrows = [("told", "memory"), ("memory", "codes"), ("codes", "file"), ("next", "answer")]
    more = _lines("M775,108 V250 H320 V240", "M320,162 V110") + _words(660, 268, "restored 恢复", 12)
    return _svg(boxes, arrows, 280, more)


def map_reward() -> str:
    """A gate that decides, a memory that answers, a reward that trains the gate."""
    boxes = {
        "token": Box(90, 70, ("token", "five numbers", "词元"), SURPRISE, 130),
        "gate": Box(280, 70, ("gate", "fixed τ, or a policy π", "门：阈值或策略"), WRITE, 170),
        "memory": Box(500, 70, ("memory M", "a write costs", "记忆"), MEMORY, 150),
        "answer": Box(725, 70, ("eight questions", "right answers", "提问"), SAID, 165),
        "reward": Box(725, 205, ("reward R", "share right − cost × writes", "奖励"), KEPT, 210),
        "worth": Box(400, 205, ("R − mean R", "better than usual?", "相对平均值"), KEPT, 170),
    }
    arrows = [("token", "gate"), ("gate", "memory"), ("memory", "answer"), ("answer", "reward"), ("reward", "worth")]
    more = _lines("M312,205 H235 V110", dashes="5 4") + _words(130, 190, "likelier, or less likely", 12)
    return _svg(boxes, arrows, 255, more + _words(130, 208, "更可能，或更不可能", 12))


def frontiers_writes() -> go.Figure:
    """What is left of an error over small and large steps, for floats and for few bits."""
    steps, curves = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002), {}
    k, v = normalize(torch.randn(2, 16, generator=torch.Generator().manual_seed(1)).double(), dim=-1)
    start = torch.randn(16, 16, generator=torch.Generator().manual_seed(2)).double() / 4
    for bits in (32, 8, 6, 4):
        left = []
        for theta in steps:
            M = round_weights(start, bits)
            for _ in range(round(2 / theta)):
                M = round_weights(M - theta * 2 * torch.outer(M @ k - v, k), bits)
            left.append(((M @ k - v).norm() / (start @ k - v).norm()).item())
        curves[say("{count} bits", count=bits)] = left
    figure = curve_figure(curves, x=steps, x_title="step θ; θ × writes = 2", y_title="error left")
    return figure.update_xaxes(type="log", autorange="reversed", tickvals=steps)


def reward_training() -> go.Figure:
    """Mean return over the rounds of training, at three costs of a write, three seeds each."""
    colours, figure = (FADE, WRITE, SURPRISE), go.Figure()
    for cost, colour in zip((0.0, 0.02, 0.05), colours, strict=True):
        for seed in range(3):
            _, returns = train_policy(RewardConfig(cost=cost), rounds=60, seed=seed)
            line = go.Scatter(y=returns, mode="lines", name=say("cost {cost:g}", cost=cost), showlegend=seed == 0)
            figure.add_trace(line.update(line={"color": colour, "width": 1.8}, legendgroup=f"{cost}"))
    figure.update_xaxes(title_text=say("round of 64 episodes")).update_yaxes(title_text=say("mean return"))
    return figure.update_layout(height=360, margin={"l": 70, "r": 20, "t": 36, "b": 44})
