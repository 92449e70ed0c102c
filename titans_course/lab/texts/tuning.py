"""TuningLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("two stages of a measured grid", "实测网格的两个阶段"),
    "question": (
        "Place of your pick on the long stream (1: the best)?",
        "你选的设置在长流上排第几（1 为最好）？",
    ),
    "guess:hint": ("a place, from 1", "名次，从 1 起"),
    "pick": ("pick", "选一个"),
    "pick?": (
        "a setting of the short stage, best first: will it stand?",
        "短流阶段的一个设置，最好的在前：它站得住吗？",
    ),
    "settings": ("settings", "设置数"),
    "settings?": (
        "size of the grid: so many settings, drawn once from those measured",
        "网格的大小：从测过的设置中抽取这么多个，只抽一次",
    ),
    "short": ("short", "短流"),
    "short?": ("tokens of the first stage, which runs every setting", "第一阶段的词元数，每个设置都跑"),
    "long": ("long", "长流"),
    "long?": ("tokens of the second stage", "第二阶段的词元数"),
    "keep": ("keep", "留下几个"),
    "keep?": ("settings that go on to the second stage", "进入第二阶段的设置数"),
    "seeds": ("seeds", "种子数"),
    "seeds?": ("runs of each setting", "每个设置运行几次"),
    "view": ("view", "看什么"),
    "view?": (
        "the settings on both streams, or the saving against the size of the grid",
        "各设置在两条流上的得分，或节省随网格大小的变化",
    ),
    "view=who stands": ("who stands", "谁站得住"),
    "view=what it saves": ("what it saves", "节省多少"),
    "saved": (
        "{two_stage:,} token updates instead of {full:,}: {saved:.0%} saved.",
        "词元更新数为 {two_stage:,}，而不是 {full:,}：节省 {saved:.0%}。",
    ),
    "best": (
        "Best on the long stream: {best}. It {kept} the {keep} that go on; the short stage has it in place "
        "{needed} of {count}.",
        "长流上最好的：{best}。它{kept}留下的 {keep} 个；在短流阶段的 {count} 个设置中排第 {needed}。",
    ),
    "kept=yes": ("is among", "属于"),
    "kept=no": ("is not among", "不属于"),
    "places": (
        "Your pick: place {pick}. The short stage's best: place {first}.",
        "你选的：第 {pick} 名。短流阶段最好的：第 {first} 名。",
    ),
    "behind": (
        "Two stages end {behind:.3f} behind the full grid. Rank correlation {correlation:.2f}.",
        "两阶段的结果比完整网格差 {behind:.3f}。等级相关系数 {correlation:.2f}。",
    ),
}
