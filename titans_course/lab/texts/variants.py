"""RecallLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("recall of eight pairs", "八对键值的召回"),
    "question": ("How many of the {pairs} pairs come back?", "{pairs} 对中能答对几对？"),
    "unit": ("pairs", "对"),
    "guess:hint": ("a number 0..8", "0 到 8 之间的数"),
    "variant": ("variant", "变体"),
    "variant?": ("which trained model answers", "由哪个训练好的模型回答"),
    "gap": ("gap", "间隔"),
    "gap?": ("filler tokens between telling and asking", "告知与提问之间的填充词元数"),
    "memory": ("memory", "记忆"),
    "memory?": (
        "on: writes and reads; frozen: reads its start; off: left out",
        "开启：边读边写；冻结：只读初始权重；关闭：完全不用",
    ),
    "memory=on": ("on", "开启"),
    "memory=frozen": ("frozen", "冻结"),
    "memory=off": ("off", "关闭"),
    "seed": ("sequence", "序列编号"),
    "seed?": ("other pairs, other filler", "换一组键值和填充"),
    "told": (
        "{variant}, gap {gap:,}, memory {memory}: {right} of {pairs} right; by guessing {guessed:.2f} on average.",
        "{variant}，间隔 {gap:,}，记忆{memory}：{pairs} 对中答对 {right} 对；瞎猜平均 {guessed:.2f} 对。",
    ),
}
