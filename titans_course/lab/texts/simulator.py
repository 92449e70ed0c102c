"""SimulatorLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("sliders and the live plot", "滑块和实时的图"),
    # settings
    "scenario": ("scenario", "数据流"),
    "scenario?": ("the stream that is read", "读取的数据流"),
    "scenario=text": ("text", "文本"),
    "scenario=steady": ("steady", "平稳"),
    "scenario=repetition": ("repetition", "重复"),
    "scenario=novelty_burst": ("novelty_burst", "新内容涌入"),
    "scenario=topic_shift": ("topic_shift", "换话题"),
    "scenario=outliers": ("outliers", "离群值"),
    "scenario=noise": ("noise", "噪声"),
    "scenario=silence": ("silence", "静默"),
    "tau": ("tau", "阈值 tau"),
    "tau?": ("threshold: the gate opens where S passes it", "阈值：S 超过它时，写入门打开"),
    "beta": ("beta", "平滑 beta"),
    "beta?": (
        "momentum: the share of S that is kept from token to token; with constant gates, eta_t",
        "平滑系数：S 在每个词元处保留的比例；门固定时即 eta_t",
    ),
    "lam": ("lambda", "衰减 lambda"),
    "lam?": (
        "decay (lambda) of the weights at each token that is not written; with constant gates, alpha_t",
        "衰减：每个未写入的词元处，权重减小的比例；门固定时即 alpha_t",
    ),
    "eta": ("eta", "步长 eta"),
    "eta?": ("step size of a write; with constant gates, theta_t", "一次写入的步长；门固定时即 theta_t"),
    "softness": ("softness", "软化宽度"),
    "softness?": (
        "width of the threshold: small is a switch, large a slope",
        "阈值的宽度：小则像开关，大则像缓坡",
    ),
    "normaliser": ("normaliser", "归一化方法"),
    "normaliser?": ("how raw surprise becomes a number from 0 to 1", "原始惊讶度如何变成 0 到 1 之间的数"),
    "normaliser=excess": ("excess", "excess 高出均值"),
    "normaliser=zsigmoid": ("zsigmoid", "zsigmoid 标准分"),
    "normaliser=running_max": ("running_max", "running_max 除以最大值"),
    "normaliser=fixed": ("fixed", "fixed 固定尺度"),
    "gate": ("gate", "门"),
    "gate?": (
        "surprise: the recipe's gate; constant: the paper's rule with fixed gates",
        "惊讶度：配方的门；固定：论文的规则，门为常数",
    ),
    "gate=surprise": ("surprise", "惊讶度"),
    "gate=constant": ("constant", "固定"),
    "tokens": ("tokens", "词元数"),
    "tokens?": ("length of the run; press Enter to start it", "运行的长度；按回车开始运行"),
    # buttons
    "reset": ("Reset", "重置"),
    "reset?": ("back to the first settings, and the very same curves", "恢复最初的设置，得到完全相同的曲线"),
    "pin": ("Pin as A", "固定为 A"),
    "pin?": ("keep this run in grey behind the next ones", "把这次运行留作灰色背景，与后面的对比"),
    "unpin": ("Unpin A", "移除 A"),
    "unpin?": ("take run A away", "移除运行 A"),
    "show_code": ("Show the code", "显示代码"),
    "show_code?": ("Python that repeats this run", "重现这次运行的 Python 代码"),
    # below the plot
    "token": ("token", "词元"),
    "token?": ("whose numbers the formula shows", "公式中显示哪个词元的数值"),
    "formula?": ("the step with this token's numbers", "代入该词元数值的一步"),
    "reading?": (
        "the text around the token, shaded by surprise, underlined where written",
        "该词元前后的文本：底色越深越惊讶，下划线表示已写入",
    ),
    "code_box?": ("Python that repeats this run", "重现这次运行的 Python 代码"),
    # messages
    "run=now": ("this run: {numbers}", "这次运行：{numbers}"),
    "run=A": ("A: {numbers}", "A：{numbers}"),
    "numbers": (
        "{writes_per_1k:.4g} writes per 1,000 tokens; memory norm {norm_start:.2f} -> {norm_end:.2f}; "
        "inner loss {loss_start:.3f} -> {loss_end:.3f}",
        "每千词元写入数 {writes_per_1k:.4g}；记忆范数 {norm_start:.2f} → {norm_end:.2f}；"
        "内部损失 {loss_start:.3f} → {loss_end:.3f}",
    ),
    "dead": (
        "{numbers}. The memory is dead from token {token} on: its weights are near 0, it cannot learn. Lower lambda.",
        "{numbers}。记忆从词元 {token} 起已死：权重接近 0，无法再学习。请减小 lambda。",
    ),
    "diverged=surprise": (
        "the memory diverged at token {token}: its steps overshoot. Lower eta.",
        "记忆在词元 {token} 处发散：步子迈过了头。请减小 eta。",
    ),
    "diverged=constant": (
        "the memory diverged at token {token}: its steps overshoot. Lower eta or beta.",
        "记忆在词元 {token} 处发散：步子迈过了头。请减小 eta 或 beta。",
    ),
}
