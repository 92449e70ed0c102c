"""FrontiersLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("gate and bits of a memory", "记忆的门与比特数"),
    "question": (
        "What share of the facts is recalled at this setting (0 to 1)?",
        "在这个设置下，能召回多大比例的事实（0 到 1）？",
    ),
    "guess:hint": ("a number 0..1", "0 到 1 之间的数"),
    "bits": ("bits", "比特数"),
    "bits?": (
        "of each number of the memory, which is rounded after every token; 32: not rounded",
        "记忆中每个数的比特数，每个词元之后量化一次；32：不量化",
    ),
    "per": ("per", "缩放范围"),
    "per?": (
        "which numbers share a scale: a row of the matrix, or the whole matrix",
        "哪些数共用一个缩放系数：矩阵的一行，或整个矩阵",
    ),
    "per=row": ("row", "每行"),
    "per=matrix": ("matrix", "整个矩阵"),
    "feature": ("feature", "特征"),
    "feature?": (
        "what is compared with tau; smoothed is the recipe's S",
        "用什么与 tau 比较；“平滑后”就是配方的 S",
    ),
    "feature=surprise": ("surprise", "惊讶度"),
    "feature=smoothed": ("smoothed", "平滑后"),
    "feature=raw": ("raw", "原始值"),
    "tau": ("tau", "阈值 tau"),
    "tau?": ("the gate writes where the feature passes it", "特征超过它时写入"),
    "cost": ("cost", "写入代价"),
    "cost?": ("of one write; recall of all facts is worth 1", "一次写入的代价；召回全部事实得 1"),
    "noise": ("noise", "噪声"),
    "noise?": (
        "length of a noise token's value; a fact's is 1, a filler's 0.3",
        "噪声词元的值的长度；事实为 1，填充为 0.3",
    ),
    "size": ("A memory of {size:,} bytes (32 bits: {full:,}).", "记忆占 {size:,} 字节（32 位时为 {full:,}）。"),
    "earned": (
        "tau {tau:g}: recall {recall:.2f} with {writes:.1f} writes of {told} tokens, reward {reward:.2f}; "
        "nothing written: {silent:.2f}.",
        "tau {tau:g}：召回 {recall:.2f}，{told} 个词元中写入 {writes:.1f} 个，奖励 {reward:.2f}；"
        "什么都不写：{silent:.2f}。",
    ),
    "best": ("Best tau here: {tau:g}, reward {reward:.2f}.", "此处最好的 tau：{tau:g}，奖励 {reward:.2f}。"),
}
