"""The failure gallery in Chinese: what is said to fail, how that is told, and why it comes so."""

from .pairs import read_pairs

_RULES = """
seen if the norm at least doubles
=> 范数至少翻倍即为已出现

seen if fewer than 1 token in 1,000 is written
=> 每千词元写入不到 1 个即为已出现

seen if S varies at least twice as much as at the default
=> S 的变动至少是默认设置的两倍即为已出现

seen if the gate opens at least 10 tokens later than at the default
=> 写入门比默认设置至少晚 10 个词元打开即为已出现

cannot happen
=> 不可能发生

seen if less than half of the default's recall is left
=> 剩下的召回不到默认设置的一半即为已出现
"""

_REASONS = """
every token is written, but a write is driven by the error that is left: as the memory learns, its steps shrink,
and the norm does not run away
=> 每个词元都写入，但推动写入的是剩下的误差：记忆学会之后步子变小，范数不会失控

smoothed surprise hardly ever passes the threshold, so what the text teaches is not kept
=> 平滑后的惊讶度几乎从不超过阈值，文本教的东西没有留下

without smoothing S is the surprise of the single token
=> 没有平滑时，S 就是单个词元的惊讶度

S averages over about 1 / (1 - beta) tokens and passes the threshold that much later
=> S 大约对 1 / (1 - beta) 个词元取平均，超过阈值也就晚了这么多

the memory is a fixed set of weights: its size in bytes is the same after every token; only its norm can grow
=> 记忆是一组固定的权重：每个词元之后占用的字节数都相同，能增长的只有范数

decay acts on every token that is not written, which is nearly all of them; weights near zero get no gradient, so
the memory cannot come back
=> 每个未写入的词元都会衰减，而几乎所有词元都未写入；接近零的权重得不到梯度，记忆无法恢复

the weights fade towards their start weights, which still get a gradient: what is old is lost, and the memory goes on
learning
=> 权重向初始权重衰减，而初始权重仍有梯度：旧内容丢失，记忆继续学习
"""

PHRASES: dict[str, str] = {
    "tau too low": "tau 太低",
    "tau too high": "tau 太高",
    "beta too small": "beta 太小",
    "beta too large": "beta 太大",
    "lambda too small": "lambda 太小",
    "lambda too large": "lambda 太大",
    "lambda too large, decay to the start": "lambda 太大，向初始权重衰减",
    "memory explosion": "记忆爆炸",
    "hollow memory": "空洞记忆",
    "jitter": "抖动",
    "lag": "滞后",
    "out of memory": "内存溢出",
    "forgetting": "遗忘",
    "memory norm at the end over the start": "结束时与开始时的记忆范数之比",
    "writes per 1,000 tokens": "每千词元写入数",
    "total variation of S per 1,000 tokens": "S 每千词元的总变差",
    "tokens from the new topic until the write gate opens": "从新话题开始到写入门打开的词元数",
    "recall of the first tenth of the text at the end": "结束时对文本前十分之一的召回",
    "seen": "已出现",
    "dead": "已死",
    "not seen": "未出现",
    "not possible": "不可能",
    **read_pairs(_RULES),
    **read_pairs(_REASONS),
}
