"""The table of the claims: what the recipe article says, what the papers say, how it is measured and judged.

Papers: Titans = arXiv 2501.00663, MIRAS = arXiv 2504.13173; "none" is said where neither has anything on it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from . import counting, experiments, failures, models, operations, recipe, tuning
from .finding import Figures, Finding, Size

TITANS, MIRAS = "Titans, arXiv 2501.00663", "MIRAS, arXiv 2504.13173"
TRAINING = (
    "for v in mac mag mal; do for s in 1 2; do titans-mini train --task text --variant $v --seed $s --rows 4 "
    "--start-size 2048 --size 2048 --truncate 256 --steps 150 --lr 4e-3 --out runs/text-$v-$s; done; done"
)


@dataclass(frozen=True)
class Claim:
    """One row. `measure` gives figures at a size, `judge` the verdict on figures, whatever they are."""

    key: str
    claim: str
    claim_zh: str
    section: str  # of the article
    papers: str  # what they say, with their figure
    source: str
    measure: Callable[[Size], Figures]
    judge: Callable[[Figures], Finding]
    before: str = ""  # a command to be run first, for a full verdict
    flags: str = ""  # of the command, after the size

    @property
    def rule(self) -> str:
        """How the verdict is reached, in words."""
        return " ".join(inspect.getdoc(self.judge).split())

    @property
    def command(self) -> str:
        """The shell command that measures this row in full."""
        return f"titans-mini claims --only {self.key} --size full{self.flags}"

    def examine(self, size: Size) -> Finding:
        """Measures and judges."""
        return self.judge(self.measure(size))


_ROWS = (
    Claim(
        "surprise",
        "Surprise is the gradient's norm over sqrt(d): one number from 0 to 1.",
        "惊喜值等于梯度范数除以 √d，是一个 0 到 1 之间的数。",
        "2.2",
        "surprise S_t has the shape of the weights, not that of a number (eq. 14)",
        TITANS,
        recipe.measure_surprise,
        recipe.judge_surprise,
    ),
    Claim(
        "beta",
        "Smoothing surprise with beta 0.7 is best.",
        "惊喜值的平滑系数 β = 0.7 最好。",
        "2.2, 3",
        "eta_t is learned for each token, and nothing is weighted by 1 - beta (eq. 14)",
        TITANS,
        tuning.measure_beta,
        tuning.judge_beta,
    ),
    Claim(
        "tau",
        "The write gate wants a threshold tau of 0.2 to 0.4 and a softness of 0.05.",
        "写入门的阈值 τ 应取 0.2～0.4，软化宽度取 0.05。",
        "2.2, 3",
        "no threshold; theta_t is learned for each token (eq. 14)",
        TITANS,
        tuning.measure_tau,
        tuning.judge_tau,
    ),
    Claim(
        "forget",
        "What is not written is forgotten: the forget gate is 1 minus the write gate.",
        "没有写入就遗忘：遗忘门等于 1 减写入门。",
        "2.2",
        "alpha_t is a gate of its own, learned for each token (eq. 13)",
        TITANS,
        models.measure_forget,
        models.judge_forget,
    ),
    Claim(
        "constants",
        "Decay lambda 1e-4 and step eta 1e-3 are the constants to use.",
        "衰减系数 λ = 1e-4、学习率 η = 1e-3 可以直接使用。",
        "2.2, 3",
        "decay and step are learned for each token, with keys of norm 1 (eq. 13-14)",
        TITANS,
        recipe.measure_constants,
        recipe.judge_constants,
    ),
    Claim(
        "depth",
        "A memory of 2 layers is best; deeper ones gain less than 1%.",
        "记忆取 2 层最好，再深收益不到 1%。",
        "2.1, 3",
        "deeper is better, and slower, from 1 to 4 layers (a figure, no numbers); 2 layers and width 4x are MIRAS'",
        f"{TITANS}; {MIRAS}",
        tuning.measure_depth,
        tuning.judge_depth,
    ),
    Claim(
        "share",
        "Only 0.3% of the parameters change, and a snapshot takes less than 30 MB (model of 760M).",
        "只有 0.3% 的参数会被更新，快照不到 30 MB（760M 模型）。",
        "2.1, 5.2",
        "no such count",
        "none",
        counting.measure_share,
        counting.judge_share,
    ),
    Claim(
        "order",
        "Perplexity on C4 at 760M: MAC 8.9, MAG 9.4, MAL 9.7.",
        "760M 模型在 C4 上的困惑度：MAC 8.9、MAG 9.4、MAL 9.7。",
        "2.3",
        "no C4; on Wikitext at 760M MAC 19.93, MAG 18.61, MAL 19.07, so MAC is last",
        TITANS,
        models.measure_order,
        models.judge_order,
        TRAINING,
        " --runs runs",
    ),
    Claim(
        "uses",
        "MAC is for long documents, MAL has the lowest latency, MAG lies between.",
        "MAC 适合很长的文档，MAL 延迟最低，MAG 在两者之间。",
        "2.3",
        "needles at 16K: MAC 98.4/97.4/95.2, MAG 97.4/98.6/88.2, MAL 97.8/96.4/90.4; MAL trains fastest (a figure)",
        TITANS,
        models.measure_uses,
        models.judge_uses,
    ),
    Claim(
        "tau_failures",
        "Too low a tau makes the memory explode, too high a tau leaves it hollow.",
        "τ 太低，记忆会爆炸；τ 太高，记忆是空的。",
        "3",
        "no tau",
        "none",
        failures.measure_tau,
        failures.judge_tau,
    ),
    Claim(
        "beta_failures",
        "Too small a beta makes surprise jitter, too large a beta makes it lag.",
        "β 太小，惊喜值会抖动；β 太大，反应会滞后。",
        "3",
        "no beta",
        "none",
        failures.measure_beta,
        failures.judge_beta,
    ),
    Claim(
        "lambda_failures",
        "Too small a lambda runs out of memory, too large a lambda forgets.",
        "λ 太小，内存会溢出；λ 太大，内容会被遗忘。",
        "3",
        "the memory is a fixed set of weights; without forgetting perplexity is 29.04 instead of 27.01",
        TITANS,
        failures.measure_lambda,
        failures.judge_lambda,
    ),
    Claim(
        "grid",
        "A coarse grid on 10k tokens and the best three on 100k save 80% of the compute.",
        "先在 1 万 token 上跑粗网格，最好的三组再跑 10 万 token，可以省下 80% 的算力。",
        "3",
        "none",
        "none",
        tuning.measure_grid,
        tuning.judge_grid,
    ),
    Claim(
        "writes",
        "30 to 80 writes per 1,000 tokens are normal; a sudden rise means unusual input.",
        "每千 token 写入 30～80 次为正常，突增意味着异常输入。",
        "5.1",
        "none",
        "none",
        recipe.measure_writes,
        recipe.judge_writes,
    ),
    Claim(
        "alarms",
        "Raise an alarm at a norm of 100 d; snapshots below 30 MB; roll back within 30 seconds.",
        "范数超过 100×d 时告警；快照不到 30 MB；30 秒内回滚。",
        "5.1, 5.2",
        "none",
        "none",
        operations.measure_alarms,
        operations.judge_alarms,
    ),
    Claim(
        "shadow",
        "A shadow on the last snapshot takes over after 200 steps of more than 5% higher perplexity.",
        "以上一快照的影子模型为对照；困惑度连续 200 步比它高出 5% 以上时，由影子接管。",
        "5.3",
        "none",
        "none",
        operations.measure_shadow,
        operations.judge_shadow,
    ),
    Claim(
        "linear",
        "Cost stays linear up to 2 million tokens.",
        "直到 200 万 token 成本都保持线性。",
        "6",
        "claimed above 2M tokens, with no number printed",
        TITANS,
        operations.measure_linear,
        operations.judge_linear,
    ),
    Claim(
        "useful",
        "With lambda 1e-4 the memory is still of use at 2 million tokens.",
        "λ = 1e-4 时，记忆在 200 万 token 处仍然有用。",
        "2.2, 6",
        "no lambda; alpha_t may be 0, so that nothing is lost (eq. 13)",
        TITANS,
        recipe.measure_useful,
        recipe.judge_useful,
    ),
    Claim(
        "two_lines",
        "Two changed lines of MIRAS code make the memory a 3-layer CNN for DNA.",
        "MIRAS 只需改动两行代码，记忆就成为处理 DNA 的 3 层 CNN。",
        "4",
        "no code was published",
        MIRAS,
        experiments.measure_two_lines,
        experiments.judge_two_lines,
    ),
    Claim(
        "quantized",
        "Memories in 8 or 4 bits lower the latency by another 35%.",
        "把记忆量化到 8 位或 4 位，延迟再降 35%。",
        "6",
        "none",
        "none",
        experiments.measure_quantized,
        experiments.judge_quantized,
    ),
    Claim(
        "reward",
        "Surprise can be turned into a signal of reinforcement learning.",
        "惊喜值可以改成强化学习的奖励信号。",
        "6",
        "none",
        "none",
        experiments.measure_reward,
        experiments.judge_reward,
    ),
    Claim(
        "sessions",
        "A memory can be kept from one session to the next.",
        "记忆可以跨会话保存。",
        "6",
        "none",
        "none",
        operations.measure_sessions,
        operations.judge_sessions,
    ),
)

CLAIMS: dict[str, Claim] = {row.key: row for row in _ROWS}
