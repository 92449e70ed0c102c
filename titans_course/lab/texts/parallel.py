"""ParallelLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("coefficients of a chunk", "一个块的系数"),
    "question": (
        "How much of gradient 0 is in the memory after the chunk's last write?",
        "块内最后一次写入之后，梯度 0 还有多少留在记忆里？",
    ),
    "chunk": ("chunk", "块长"),
    "chunk?": ("tokens whose gradients are taken at the same weights", "有多少个词元的梯度取自同一组权重"),
    "theta": ("theta", "步长 theta"),
    "theta?": ("step size of every write", "每次写入的步长"),
    "eta": ("eta", "动量 eta"),
    "eta?": ("momentum that is carried from token to token", "从一个词元带到下一个词元的动量"),
    "alpha": ("alpha", "遗忘 alpha"),
    "alpha?": ("share that is forgotten at every token", "每个词元处遗忘的比例"),
    "odd": ("odd", "例外"),
    "odd?": ("a gate of the middle token alone", "只改中间那个词元的一个门"),
    "odd=none": ("none", "无"),
    "odd=alpha = 1": ("alpha = 1", "alpha = 1"),
    "odd=eta = 0": ("eta = 0", "eta = 0"),
    "odd=theta = 0": ("theta = 0", "theta = 0"),
    "matrix": ("matrix", "矩阵"),
    "matrix?": (
        "Coef = D E diag(theta): gradients in the memory; D: momentum in it; E: gradients in the momentum",
        "Coef = D E diag(theta)：记忆中的梯度；D：记忆中的动量；E：动量中的梯度",
    ),
    "token": ("token", "词元"),
    "token?": ("the row whose numbers stand below the matrix", "矩阵下方显示哪一行的数值"),
    "row": ("Row {token} of {matrix} sums to {sum:.3g}.", "{matrix} 第 {token} 行之和为 {sum:.3g}。"),
    "cost=loop": (
        "token loop, {tokens} tokens of width {width}: {products:,} matrix products, {flops:,} operations, "
        "{bytes:,} bytes kept.",
        "逐词元循环，{tokens} 个宽 {width} 的词元：{products:,} 次矩阵乘法，{flops:,} 次运算，保留 {bytes:,} 字节。",
    ),
    "cost=chunk": (
        "chunk form, {tokens} tokens of width {width}: {products:,} matrix products, {flops:,} operations, "
        "{bytes:,} bytes kept.",
        "分块形式，{tokens} 个宽 {width} 的词元：{products:,} 次矩阵乘法，{flops:,} 次运算，保留 {bytes:,} 字节。",
    ),
}
