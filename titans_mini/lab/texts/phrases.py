"""Chinese for sentences that the rest of the package says in English, by their English words.

`PHRASES` has whole sentences: the failure gallery, what the MIRAS registry refuses, the audit (see `audit`) and errors.
`PATTERNS` has those that hold names and numbers, as regular expressions.
"""

from __future__ import annotations

from .audit import PAPERS, RULES

GALLERY: dict[str, str] = dict(
    (
        ("tau too low", "tau 太低"),
        ("memory explosion", "记忆爆炸"),
        ("memory norm at the end over the start", "结束时与开始时的记忆范数之比"),
        ("seen if the norm at least doubles", "范数至少翻倍即为出现"),
        (
            "every token is written, but a write is driven by the error that is left: as the memory learns, its "
            "steps shrink, and the norm does not run away",
            "每个词元都写入，但推动写入的是剩下的误差：记忆学得越多，步子越小，范数不会失控",
        ),
        ("tau too high", "tau 太高"),
        ("hollow memory", "空心记忆"),
        ("writes per 1,000 tokens", "每千词元写入数"),
        ("seen if fewer than 1 token in 1,000 is written", "每 1,000 个词元写入不到 1 个即为出现"),
        (
            "smoothed surprise hardly ever passes the threshold, so what the text teaches is not kept",
            "平滑后的惊讶度几乎从不超过阈值，文本中的内容留不下来",
        ),
        ("beta too small", "beta 太小"),
        ("jitter", "抖动"),
        ("total variation of S per 1,000 tokens", "每 1,000 个词元中 S 的总变差"),
        ("seen if S varies at least twice as much as at the default", "S 的变动至少是默认设置的两倍即为出现"),
        ("without smoothing S is the surprise of the single token", "没有平滑，S 就是单个词元的惊讶度"),
        ("beta too large", "beta 太大"),
        ("lag", "滞后"),
        ("tokens from the new topic until the write gate opens", "新话题开始后，到写入门打开为止的词元数"),
        (
            "seen if the gate opens at least 10 tokens later than at the default",
            "门比默认设置至少晚 10 个词元打开即为出现",
        ),
        (
            "S averages over about 1 / (1 - beta) tokens and passes the threshold that much later",
            "S 大约在 1 / (1 - beta) 个词元上取平均，也就晚这么多才超过阈值",
        ),
        ("lambda too small", "lambda 太小"),
        ("out of memory", "内存溢出"),
        ("cannot happen", "不可能发生"),
        (
            "the memory is a fixed set of weights: its size in bytes is the same after every token; only its norm "
            "can grow",
            "记忆是一组固定的权重：每个词元之后占的字节数都一样，能增长的只有范数",
        ),
        ("lambda too large", "lambda 太大"),
        ("forgetting", "遗忘"),
        ("recall of the first tenth of the text at the end", "结束时对文本前十分之一的召回"),
        ("seen if less than half of the default's recall is left", "剩下的召回不到默认设置的一半即为出现"),
        (
            "decay acts on every token that is not written, which is nearly all of them",
            "每个未写入的词元都会衰减，而几乎所有词元都未写入",
        ),
        ("seen", "出现"),
        ("not seen", "未出现"),
        ("not possible", "不可能"),
    )
)
REFUSALS: dict[str, str] = dict(
    (
        (
            "algorithm implicit is a closed form, known for architecture matrix with bias l2 alone",
            "算法 implicit 是闭式解，只适用于架构 matrix 加偏置 l2",
        ),
        (
            "algorithm implicit solves for a memory that decays: retention none, decay or adaptive",
            "算法 implicit 针对会衰减的记忆求解：保留方式须为 none、decay 或 adaptive",
        ),
        (
            "algorithm gated_delta starts from the decayed memory: retention decay or adaptive",
            "算法 gated_delta 从衰减后的记忆出发：保留方式须为 decay 或 adaptive",
        ),
        (
            "algorithm muon orthogonalises matrices: architecture matrix, mlp or residual",
            "算法 muon 把矩阵正交化：架构须为 matrix、mlp 或 residual",
        ),
        (
            "retention lq, lq_mirror, kl or sigmoid solves for plain gradients: algorithm gd or multistep",
            "保留方式 lq、lq_mirror、kl 或 sigmoid 针对原始梯度求解：算法须为 gd 或 multistep",
        ),
        (
            "retention elastic follows a step of one size for all weights: algorithm gd, momentum or multistep",
            "保留方式 elastic 要求所有权重的步长相同：算法须为 gd、momentum 或 multistep",
        ),
        (
            "retention privacy pays for each look at a token: algorithm gd, momentum, adam, rmsprop or muon",
            "保留方式 privacy 每看一次词元都有代价：算法须为 gd、momentum、adam、rmsprop 或 muon",
        ),
        (
            "retention privacy hides a token's gradient, which a gate that looks at the token would betray: gate "
            "constant",
            "保留方式 privacy 隐藏词元的梯度，而看词元的门会泄露它：门须为 constant",
        ),
        (
            "bias yaad learns its threshold from the token, as gate learned does its numbers: gate learned",
            "偏置 yaad 从词元学习阈值，与 learned 门学习数值一样：门须为 learned",
        ),
    )
)
ASKING: dict[str, str] = dict(
    (("choose one of the answers first; a wrong one costs nothing", "请先选一个答案；选错没有任何损失"),)
)
PHRASES: dict[str, str] = {**GALLERY, **REFUSALS, **RULES, **PAPERS, **ASKING}
PATTERNS: dict[str, str] = dict(
    (
        (
            r"prediction must be a number such as 25 or 0.4, not (?P<entry>.+)",
            "预测必须是一个数，例如 25 或 0.4，而不是 {entry}",
        ),
        (
            r"prediction must be none, or an alarm and tokens such as loss 300, not (?P<entry>.+)",
            "预测必须是 none，或告警名加词元数，例如 loss 300，而不是 {entry}",
        ),
        (
            r"long must be more than short, (?P<short>\d+) tokens, not (?P<long>\d+)",
            "长流必须比短流（{short} 个词元）长，不能是 {long}",
        ),
        (
            r"(?P<name>.+) must be a number from (?P<low>\S+) to (?P<high>\S+), not (?P<value>.+)",
            "{name} 必须是 {low} 到 {high} 之间的数，而不是 {value}",
        ),
        (
            r"(?P<name>.+) must be a whole number from (?P<low>\S+) to (?P<high>\S+), not (?P<value>.+)",
            "{name} 必须是 {low} 到 {high} 之间的整数，而不是 {value}",
        ),
    )
)
