"""ClaimsLab; the audit has its claims in both languages, `titans_course.chinese` the rest of its words."""

TEXTS: dict[str, tuple[str, str]] = {
    "what": ("audit", "主张审查"),
    "question": ("What did the measurement make of this claim?", "测量对这条主张的判定是什么？"),
    "answer=holds": ("holds", "成立"),
    "answer=holds in part": ("holds in part", "部分成立"),
    "answer=does not hold": ("does not hold", "不成立"),
    "answer=cannot be tested here": ("cannot be tested here", "此处无法检验"),
    "claim": ("claim", "主张"),
    "claim?": ("a row of the audit, by its key", "审查表中的一行，按名称选"),
    "row": ("{key}: {claim}", "{key}：{claim}"),
    "words?": (
        "what the papers say, in what section the claim is made, and its Chinese text",
        "论文怎么说，主张出自哪一节，以及它的英文",
    ),
    "papers": (
        "The article's own words: {other}<br>The English above is our translation. Section {section} of the article "
        "(0: its opening). The papers: {papers}.",
        "以上是文章原文。我们的英译：{other}<br>文章第 {section} 节（0：开头）。论文：{papers}。",
    ),
    "source": ("{papers} ({source})", "{papers}（{source}）"),
    "missing": ("not measured yet; the command that does it:", "尚未测量；运行以下命令即可："),
    "judged": ("{verdict}: {told}.", "{verdict}。实测：{told}。"),
    "reading": ("{number}. {means}: {verdict}; {told}.", "{number}. {means}：{verdict}。实测：{told}。"),
    "ways": (
        "{verdict}. The sentence can be read in several ways, each with its own verdict:",
        "{verdict}。这句话可以有几种读法，各有判定：",
    ),
    "reading_rule": ("Rule of reading {number}: {rule}", "读法 {number} 的规则：{rule}"),
    "rule": ("Rule: {rule}", "规则：{rule}"),
    "measured": ("{size} size, {seconds:.0f} s; {command} --again", "{size}规模，{seconds:.0f} 秒；{command} --again"),
    "size=full": ("full", "完整"),
    "size=small": ("small", "小"),
}
