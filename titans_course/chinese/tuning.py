"""The verdict of a search."""

PHRASES: dict[str, str] = {
    "no setting has a score": "没有任何设置有得分",
    "{setting}: loss {score} at {tokens} tokens": "{setting}：损失 {score}（{tokens} 个词元）",
    "{setting}: recall {score} at {tokens} tokens": "{setting}：召回 {score}（{tokens} 个词元）",
    "tau {tau}, beta {beta}, lam {lam}, eta {eta}, depth {depth}": "tau {tau}，beta {beta}，lambda {lam}，eta {eta}，"
    "深度 {depth}",
    "{mean} +- {spread}": "{mean} ± {spread}",
    "{told}, not finished": "{told}，尚未完成",
    "{told}; one seed: noise unknown": "{told}；只有一个种子：噪声未知",
    "{told}; a tie with {ties} of {others}": "{told}；与其余 {others} 个中的 {ties} 个并列",
    "{told}; ahead by more than the noise": "{told}；领先超过噪声",
    "{told}; the first stage kept {kept} of {cut} that tied": "{told}；第一阶段并列的有 {cut} 个，留下 {kept} 个",
}
