"""FailureLab; `titans_course.chinese` has the rows themselves."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("failure gallery", "故障图集"),
    "failure": ("failure", "故障"),
    "failure?": ("a row of the article's table", "文章表格中的一行"),
    "row": ("{title} → {claim}?", "{title} → {claim}？"),
    "finding": (
        "{title} -> {claim}: {outcome}. {number}: {value:.3g}, at the default {default:.3g} ({rule})",
        "{title} → {claim}：{outcome}。{number}：{value:.3g}，默认设置下为 {default:.3g}（{rule}）",
    ),
    "why": ("Why: {reason}.", "原因：{reason}。"),
}
