"""DrillLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("drill of a memory's alarms", "记忆告警演练"),
    "question": (
        "Which alarm is the first, after how many tokens? ({alarms})",
        "最先响的是哪个告警，在多少个词元之后？（{alarms}）",
    ),
    "guess?": ("an alarm and tokens, then press the button", "告警名加词元数，写好后按下面的按钮"),
    "guess:hint": ("loss 300, or none", "loss 300，或 none"),
    "alarm": ("{alarm} after {tokens} tokens", "{alarm}，在 {tokens} 个词元之后"),
    "alarm=none": ("none", "没有告警"),
    "engine": ("engine", "引擎"),
    "engine?": (
        "language: text-mag with its shadow; recipe: the recipe's memory alone, which has none",
        "语言模型：text-mag，旁有影子模型；配方：只有配方的记忆，没有影子模型",
    ),
    "engine=language": ("language", "语言模型"),
    "engine=recipe": ("recipe", "配方"),
    "incident": ("incident", "事故"),
    "incident?": (
        "poison in the stream, or a fault of the memory's own",
        "流中的污染，或记忆自身的故障",
    ),
    "incident=none": ("none", "无"),
    "incident=random_bytes": ("random_bytes", "随机字节"),
    "incident=repeated_string": ("repeated_string", "反复的一行"),
    "incident=flickering": ("flickering", "一行夹杂随机字节"),
    "incident=scaled_weight": ("scaled_weight", "矩阵被放大"),
    "incident=broken_weight": ("broken_weight", "权重变成 NaN"),
    "incident=zero_weights": ("zero_weights", "权重归零"),
    "duration": ("duration", "持续"),
    "duration?": ("tokens that it lasts", "事故持续多少个词元"),
    "factor": ("factor", "倍数"),
    "factor?": (
        "of scaled_weight: the last matrix times this, before each 100 tokens",
        "用于“矩阵被放大”：每 100 个词元之前，最后一个矩阵乘以该数",
    ),
    "times": ("times", "均值倍数"),
    "times?": (
        "norm and inner loss alarm at this many times their mean in the warm-up",
        "范数和内部损失达到预热均值的这么多倍时告警",
    ),
    "hold": ("hold", "超出多久"),
    "hold?": (
        "tokens for which the range of 30 to 80 writes must be left",
        "写入数离开 30 到 80 这一范围多少个词元才告警",
    ),
    "worse": ("worse", "差多少"),
    "worse?": (
        "main's perplexity above the shadow's, for 200 tokens in a row",
        "主模型的困惑度须比影子模型高出的比例，连续 200 个词元",
    ),
    "first": ("First alarm: {alarm}.", "最先的告警：{alarm}。"),
    "then": ("Tokens after the incident: {events}.", "事故之后的词元数：{events}。"),
    "back": ("rolled back at token {token:,}", "在词元 {token:,} 处回滚"),
    "norm=far": (
        "Largest norm {peak:,.0f}: it never came near the recipe's 100 d = {bound:,.0f}.",
        "最大范数 {peak:,.0f}：远未接近配方的 100 d = {bound:,.0f}。",
    ),
    "norm=reached": (
        "Largest norm {peak:,.0f}: it reached the recipe's 100 d = {bound:,.0f}.",
        "最大范数 {peak:,.0f}：达到了配方的 100 d = {bound:,.0f}。",
    ),
    "norm=below": (
        "Largest norm {peak:,.0f}: it did not reach the recipe's 100 d = {bound:,.0f}.",
        "最大范数 {peak:,.0f}：没有达到配方的 100 d = {bound:,.0f}。",
    ),
}
