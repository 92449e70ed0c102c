"""The rows on what the memory is for and how it is run: sections 0, 1, 4, 5 and 6 of the article."""

from __future__ import annotations

from . import body, experiments, headlines, operations, precision, recipe, retrieval, robust
from .claim import MIRAS, TITANS, Claim, Way

OPENING = (
    Claim(
        "babilong",
        "on extreme-length tasks such as BABILong, higher accuracy with less than a tenth of GPT-4's parameters",
        "在 BABILong 等极端长度任务上,以不到 GPT-4 十分之一的参数量拿下更高准确率。",
        "0",
        "curves without numbers, of small models fine-tuned on the task beside large ones that were not",
        TITANS,
        headlines.measure_babilong,
        headlines.judge_babilong,
    ),
    Claim(
        "open_source",
        "Google also open-sourced the MIRAS framework",
        "Google 同时开源了 MIRAS 框架",
        "0",
        "no code was published",
        MIRAS,
        headlines.measure_open_source,
        headlines.judge_open_source,
    ),
    Claim(
        "rag",
        "When a task needs causal reasoning across 100,000 tokens, retrieval error is amplified exponentially",
        "当任务需要跨 10 万 token 做因果推理时,检索误差会指数级放大。",
        "1",
        "none",
        "none",
        retrieval.measure_rag,
        retrieval.judge_rag,
        readings={
            "length": Way(
                "the error of one look-up grows exponentially with the number of facts kept",
                "Holds if each tenfold length multiplies the error by more than the one before it did.",
            ),
            "chain": Way(
                "reasoning is a chain of look-ups, and the share of chains without an error falls exponentially",
                "Holds if a chain is right as often as one look-up to the power of its steps, within 0.1.",
            ),
            "memory": Way(
                "a memory inside the model errs less than a search over the same keys",
                "Parts: it errs less where every token is a fact, at the longest stream; and over filler.",
            ),
        },
    ),
    Claim(
        "frozen_body",
        "it can keep rewriting its own long-term memory during inference, while the main weights stay frozen, which "
        "avoids catastrophic forgetting",
        "推理阶段就能持续改写自己的长期记忆,而主体权重保持冻结,避免灾难性遗忘。",
        "1",
        "true by construction of every memory made of fast weights; what the memory itself forgets is not counted",
        TITANS,
        body.measure_frozen_body,
        body.judge_frozen_body,
        readings={
            "body": Way(
                "no outer weight changes while a model reads", "Holds if every weight stays the same bit for bit."
            ),
            "facts": Way(
                "what the memory holds outlives other facts",
                "Holds if no model recalls fewer of its first facts after further ones, 2 points excepted.",
            ),
            "skill": Way(
                "what the model can do outlives other text",
                "Holds if text costs at most 0.02 bits per byte more after random bytes.",
            ),
        },
    ),
)
BUILDING = (
    Claim(
        "yaad",
        "YAAD uses Huber and is more robust to single outliers",
        "YAAD 用 Huber,对单点异常更鲁棒",
        "4",
        "figures of models of 340M and more, single runs; no count of outliers",
        MIRAS,
        robust.measure_yaad,
        robust.judge_yaad,
        readings={
            name: Way(
                means, "Parts: Yaad loses less recall than every rival; with outliers it recalls more than every rival."
            )
            for name, means in (
                ("one", "one outlier, as the last token of a clean stream, no gradient clipped"),
                ("tenth", "a tenth of the values are outliers, no gradient clipped"),
                ("huber", "the same, and the only rival is Yaad with the squared error in the place of Huber's"),
                (
                    "clipped",
                    "a tenth of the values are outliers, and each memory has the clip of its preset: 1, Yaad none",
                ),
            )
        },
    ),
    Claim(
        "moneta",
        "MONETA uses a generalised norm, its memory boundary is harder",
        "MONETA 用广义范数,记忆边界更硬",
        "4",
        "no boundary is defined; (p, q) = (3, 4)",
        MIRAS,
        robust.measure_moneta,
        robust.judge_moneta,
        readings={
            "rivals": Way(
                "in a crowded memory a pair is either kept or lost, more clearly than in the other memories",
                "Holds if Moneta leaves fewer pairs between kept (recall 0.9) and lost (0.1) than every rival.",
            ),
            "norm": Way(
                "the same, and the only rival is Moneta with the squared error",
                "Holds if Moneta leaves fewer pairs between kept and lost than with the squared error.",
            ),
            "outliers": Way(
                "the boundary keeps outliers out",
                "Holds if Moneta recalls more than every rival where a tenth of the values are outliers.",
            ),
        },
    ),
    Claim(
        "two_lines",
        "in the MIRAS code, change two lines to make the memory module a 3-layer CNN for long DNA sequences; an "
        "experiment takes days instead of weeks",
        "在 MIRAS 代码里改两行即可把记忆模块换成 3 层 CNN,用于 DNA 长序列,实验周期从周降到天。",
        "4",
        "no code was published",
        MIRAS,
        experiments.measure_two_lines,
        experiments.judge_two_lines,
        readings={
            "swap": Way(
                "two changed lines make the memory a CNN of three layers, which is of use for DNA",
                "Parts: two lines change; they make a CNN of three layers; it learns more of DNA than the bases' "
                "frequencies.",
            ),
            "days": Way(
                "an experiment takes days instead of weeks",
                "Cannot be tested here: it takes the authors' code and the record of an experiment.",
            ),
        },
    ),
)
RUNNING = (
    Claim(
        "writes",
        "f_write = times that g_write>0.5 per 1k tokens; normal range 30~80; sudden rise → input may be abnormal",
        "f_write = 每 1k token 的 g_write>0.5 次数 正常区间 30~80;突增→可能异常输入",
        "5.1",
        "none",
        "none",
        recipe.measure_writes,
        recipe.judge_writes,
    ),
    Claim(
        "alarms",
        "‖m_t‖₂ > threshold (100×d by experience) triggers a snapshot and an alarm … (only 0.3% of the parameters, "
        "< 30 MB) … roll back to the last snapshot within 30 seconds",
        "‖m_t‖₂> 阈值(经验取 100×d)触发快照 + 告警 … (仅 0.3% 参数,< 30 MB) … 30 秒内回滚到上一快照",
        "5.1, 5.2",
        "none",
        "none",
        operations.measure_alarms,
        operations.judge_alarms,
    ),
    Claim(
        "shadow",
        "the main model uses the updated memory, the shadow model the last snapshot … perplexity more than 5% apart "
        "for 200 steps in a row → automatic fallback",
        "主模型用更新后记忆,影子模型用上一快照 … 连续 200 步 perplexity 差值 > 5% 自动降级",
        "5.3",
        "none",
        "none",
        operations.measure_shadow,
        operations.judge_shadow,
    ),
    Claim(
        "linear",
        "keeps linear complexity at a scale of 2M tokens",
        "就能在 2M token 尺度保持线性复杂度",
        "6",
        "claimed above 2M tokens, with no number printed",
        TITANS,
        operations.measure_linear,
        operations.judge_linear,
    ),
    Claim(
        "precision",
        "keeps linear complexity at a scale of 2M tokens, and does not sacrifice precision",
        "就能在 2M token 尺度保持线性复杂度,同时不牺牲精度。",
        "6",
        "no number at 2M tokens; needles to 16K",
        TITANS,
        precision.measure_precision,
        precision.judge_precision,
        readings={
            "recall": Way(
                "facts are recalled as well from far away as from near",
                "Holds if no model recalls less over the long distance, 2 points excepted.",
            ),
            "no_loss": Way(
                "text is predicted as well after a long context as after a short one",
                "Holds if no text model is worse after its longest context than after its best, 0.02 bits excepted.",
            ),
            "use": Way(
                "a long context is put to use: it makes text easier to predict",
                "Holds if it saves every text model more bits than twice the standard error.",
            ),
        },
    ),
    Claim(
        "useful",
        "λ=1e-4 is the decay coefficient … a context window of 2 million tokens",
        "λ=1e-4 为衰减系数 … 把上下文窗口推到 200 万 token",
        "0, 2.2",
        "no lambda; alpha_t may be 0, so that nothing is lost (eq. 13)",
        TITANS,
        recipe.measure_useful,
        recipe.judge_useful,
    ),
    Claim(
        "reward",
        "turn the surprise score into a signal of reinforcement learning, so that memory optimises the task's reward",
        "把惊喜指标改成强化学习信号,让记忆直接优化下游任务奖励",
        "6",
        "none",
        "none",
        experiments.measure_reward,
        experiments.judge_reward,
    ),
    Claim(
        "quantized",
        "compress the memory MLP to 8 or 4 bits; already tried internally, inference latency falls by another 35%",
        "用 8-bit/4-bit 量化压缩记忆 MLP,已在内部实验,推理延迟再降 35%",
        "6",
        "none",
        "none",
        experiments.measure_quantized,
        experiments.judge_quantized,
    ),
    Claim(
        "sessions",
        'persistence across sessions, for an agent that "remembers once and benefits for life"',
        "跨会话持久化,实现「一次记忆,终身受用」的 Agent",
        "6",
        "none",
        "none",
        operations.measure_sessions,
        operations.judge_sessions,
    ),
)
