"""What all labs share: the switch of the language, predictions, errors."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("panel", "面板"),
    "run_me": (
        "{name}: run this cell in Jupyter to open the {what}.",
        "{name}：在 Jupyter 中运行此单元，即可打开{what}。",
    ),
    "language?": ("the language of this panel · 本面板的语言", "本面板的语言 · the language of this panel"),
    "message?": ("what happened", "运行情况"),
    "plain_figure": (
        "Without anywidget each change redraws the whole figure. For the live one: {install}",
        "没有 anywidget，每次改动都会重画整张图。要实时更新，请运行：{install}",
    ),
    "error": ("{kind}: {error}", "{kind}：{error}"),
    # predictions
    "asked?": ("the question", "问题"),
    "guess": ("I predict", "我的预测"),
    "guess?": ("then press the button", "写好后按下面的按钮"),
    "guess:hint": ("a number", "一个数"),
    "reveal": ("Show the result", "查看结果"),
    "reveal?": ("opens the plot beside your prediction", "打开图，与你的预测对照"),
    "together": ("You predicted {guess}; this run gives {result}.", "你的预测是{guess}；这次运行的结果是{result}。"),
    "chosen": ("“{answer}”", "“{answer}”"),
    "amount": ("{answer:.4g} {unit}", " {answer:.4g} {unit}"),
}
