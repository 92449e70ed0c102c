"""MIRAS in Chinese: each choice and preset by its name, why choices do not go together, and where a rule is from."""

from .pairs import read_pairs

# group -> name -> words; a group is a knob, or the presets.
ABOUT: dict[str, dict[str, str]] = {
    "architecture": {
        "vector": "每个特征一个权重",
        "matrix": "一个矩阵",
        "mlp": "由 1 到 4 个矩阵组成的 MLP",
        "residual": "键加上归一化的 MLP",
        "cnn": "沿特征的 3 层卷积",
    },
    "bias": {
        "dot": "相似度，永不满足",
        "l2": "距离的平方",
        "lp": "每个距离的幂",
        "huber": "近处平方，远处线性，逐特征",
        "huber_norm": "近处平方，远处线性，按范数：裁剪误差",
        "switch": "||r|| <= delta 时用 l2，否则为 delta 乘 l1",
        "yaad": "同 switch，其 delta 由词元学得",
        "shift": "值最多偏移 delta 时的最坏情形",
        "probability": "分布之间的距离",
    },
    "retention": {
        "none": "全部保留",
        "decay": "每个词元遗忘同样的比例",
        "adaptive": "遗忘的比例由门决定",
        "lq": "保存累加和 A，并按其 q 范数缩放",
        "lq_mirror": "同上，但保留幂次：取 ||A||_q^2 / 2 的斜率，使写入总是向下",
        "kl": "每个切片的权重分享固定的总量",
        "sigmoid": "权重保持在 0 和 1 之间（一种 Bregman 散度）",
        "elastic": "先遗忘，再把每个权重向零拉一个定量：稀疏记忆",
        "privacy": "把每个词元的梯度裁剪到 C，再加高斯噪声",
    },
    "algorithm": {
        "gd": "梯度下降",
        "momentum": "会延续的梯度",
        "gated_delta": "从衰减后的记忆做梯度下降",
        "implicit": "梯度取在步子终点的一步：任何 theta 都稳定",
        "multistep": "每个词元走几步",
        "adam": "每个权重的步子一样大",
        "rmsprop": "同上，但不平均梯度",
        "muon": "每个方向的步子一样大",
    },
    "gate": {"constant": "每个词元都相同", "learned": "由词元学得", "surprise": "由惊讶度打开"},
    "preset": {
        "linear_attention": "加上 v k^T",
        "retnet": "在衰减的记忆上加 v k^T",
        "deltanet": "替换该键原来的内容",
        "gated_deltanet": "先衰减，再替换",
        "ttt_linear": "用小批量梯度的 DeltaNet；论文还加 x + LN",
        "ttt_mlp": "同上，内部是一个 MLP",
        "titans": "动量和遗忘，都可学习",
        "titans_recipe": "惊讶时才写入",
        "moneta": "(p, q) = (3, 4)",
        "yaad": "对离群值稳健",
        "memora": "权重是分布",
        "atlas": "Muon；不含其过去词元的窗口和多项式键",
    },
}

# Why choices do not go together.
_REFUSALS = """
algorithm implicit is a closed form, known for architecture matrix with bias l2 alone
=> 算法 implicit 是闭式解，只适用于架构 matrix 配偏置 l2

algorithm implicit solves for a memory that decays: retention none, decay or adaptive
=> 算法 implicit 求解的是会衰减的记忆：保留取 none、decay 或 adaptive

algorithm gated_delta starts from the decayed memory: retention decay or adaptive
=> 算法 gated_delta 从衰减后的记忆出发：保留取 decay 或 adaptive

algorithm muon orthogonalises matrices: architecture matrix, mlp or residual
=> 算法 muon 把矩阵正交化：架构取 matrix、mlp 或 residual

retention lq, lq_mirror, kl or sigmoid solves for plain gradients: algorithm gd or multistep
=> 保留 lq、lq_mirror、kl 或 sigmoid 针对普通梯度求解：算法取 gd 或 multistep

retention elastic follows a step of one size for all weights: algorithm gd, momentum or multistep
=> 保留 elastic 要求所有权重的步长相同：算法取 gd、momentum 或 multistep

retention privacy pays for each look at a token: algorithm gd, momentum, adam, rmsprop or muon
=> 保留 privacy 每看一次词元都要付出代价：算法取 gd、momentum、adam、rmsprop 或 muon

retention privacy hides a token's gradient, which a gate that looks at the token would betray: gate constant
=> 保留 privacy 要隐藏词元的梯度，而看词元的门会泄露它：门取 constant

bias yaad learns its threshold from the token, as gate learned does its numbers: gate learned
=> 偏置 yaad 从词元学得阈值，正如门 learned 学得其数值：门取 learned
"""

PHRASES: dict[str, str] = read_pairs(_REFUSALS) | {
    "{name} = {default} ({low} to {high})": "{name} = {default}（{low} 至 {high}）",
    "linear attention": "线性注意力",
    "linear attention, DeltaNet": "线性注意力、DeltaNet",
    "linear RNNs with a vector state": "以向量为状态的线性 RNN",
    "Titans, section {section}": "Titans，第 {section} 节",
    "Titans eq. {number}": "Titans，式 {number}",
    "mirror descent": "镜像下降",
    "Recipe: {section}": "配方：{section}",
    "Recipe: {section}; {source}": "配方：{section}；{source}",
}
