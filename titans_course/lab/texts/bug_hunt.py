"""BugHuntLab."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("bug hunt", "找错练习"),
    "question": ("Which check does this patient fail?", "这个“病人”通不过哪一项检查？"),
    "answer=future": ("future", "future 未来"),
    "answer=rows": ("rows", "rows 批次行"),
    "answer=parts": ("parts", "parts 分段"),
    "answer=gradient": ("gradient", "gradient 梯度"),
    "answer=reach": ("reach", "reach 可达"),
    "answer=write": ("write", "write 写入"),
    "answer=closed": ("closed", "closed 闭式解"),
    "answer=none of them": ("none of them", "全部通过"),
    "patient": ("patient", "病人"),
    "patient?": ("a small memory; the control is healthy", "一个小记忆；对照是健康的"),
    "patient=control": ("control", "对照"),
    "look": ("look", "怎么看"),
    "look?": (
        "future: other tokens from here on; rows: the row without its batch; parts: two calls instead of one",
        "未来：此后换成别的词元；批次行：一行脱离批次单独读；分段：分两次调用，而不是一次",
    ),
    "look=future": ("future", "future 未来"),
    "look=rows": ("rows", "rows 批次行"),
    "look=parts": ("parts", "parts 分段"),
    "token": ("token", "词元"),
    "token?": (
        "the first token that is another, or the first of the second call",
        "第一个被换掉的词元，或第二次调用的第一个词元",
    ),
    "moved": (
        "Patient {patient}: tokens that moved and should not have: {tokens}.",
        "病人 {patient}：变了而不该变的词元：{tokens}。",
    ),
    "moved=none": ("none", "无"),
}
