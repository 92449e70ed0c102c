"""Chinese strings of the page Anatomy."""

TEXTS: dict[str, str] = {
    "anatomy": "剖析",
    "anatomy_title": "拆解一个词元",
    "anatomy_more": "归一化、尺度与运行",
    "anatomy_token?": "要拆解的词元，以及读到它之前的记忆。可拖动或步进。",
    "anatomy_past": "本次运行没有词元 {token} 的数值：显示的是最后一个有数值的词元 {last}。",
    "anatomy_end": "本次运行从词元 {token} 起没有数值，滑块到它之前为止。",
    "anatomy_overflow": "theta = {theta} 时，这次写入超出数值范围：写入后的损失无法得知。"
    "请减小 theta，或选更早的词元。",
    "dim": "记忆的宽度",
    "dim?": "键与值的长度。取得小，每个数才能显示为看得清的一格。",
    "auto": "由门决定",
    "auto?": "开：由惊讶度决定 theta 与 alpha，与运行中相同。关：由两个滑块决定，只影响这个词元；之前的运行不变。",
    "theta": "手动 theta · 写入大小",
    "theta?": "这次写入沿梯度反方向把权重移动多远。0 为不写；过大则越过目标。",
    "alpha": "手动 alpha · 衰减",
    "alpha?": "这一步减去全部权重的比例。0 全部保留；1 全部遗忘。",
    "layer": "层",
    "layer?": "显示哪个权重矩阵。第一层接收键，最后一层给出预测。",
    "raw": "原始惊讶度",
    "raw?": "梯度范数除以宽度的平方根。一层的范数等于两个因子的范数之积。",
    "theta_now": "theta",
    "theta_now?": "这次写入的大小。由门决定时：eta 乘 g_write。",
    "alpha_now": "alpha",
    "alpha_now?": "这一步的衰减。由门决定时：lambda 乘 g_forget。",
    "loss_now": "这对键值的损失",
    "loss_now?": "M(k) 与 v 的平方误差，相对于值的大小，写入前与写入后。",
    "norm_now": "记忆范数",
    "norm_now?": "全部权重的大小（Frobenius 范数），这一步之前与之后。",
    "arrow_end": "→ {end}",
    "gate_says": "门：{value}",
    "infinite": "∞",
    "guide=vectors": "键、值、记忆的回答，以及回答差多少。红：大于 0；蓝：小于 0；透明：0。",
    "guide=maps": "梯度是竖排的 δ 乘横排的 a：各行只差一个倍数。变化是它的 theta 倍取反，再减去 W 的 alpha 倍。"
    "在第 1 层，a 就是 k；在最后一层，δ 是误差的两倍。",
    "guide=curve": "写入这对键值能有多好：太小作用不大，太大越过目标。",
    "guide": "**试一试**\n"
    "- 关掉门，移动 theta：深度为 1 时，某个写入大小使损失为 0，两倍的写入又让它回到原处。\n"
    "- 把 theta 设为 0、alpha 设为 0.3：所有权重变淡，什么也没学到。\n"
    "- 打开门，步进到没有下划线的词元：theta 接近 0，W 不变。\n"
    "- 把深度设为 2：最后一层的 δ 仍是误差的两倍；第一层的 δ 是它经最后一层权重传回来的结果。",
    "alt=vectors": "键、值、预测与误差，画成一格一格的长条",
    "alt=gradient": "这一层的梯度热图，边上是它的两个因子",
    "alt=before": "写入前这一层的权重热图",
    "alt=change": "这一层权重变化的热图",
    "alt=after": "写入后这一层的权重热图",
    "alt=curve": "写入后的损失随 theta 的变化，并标出这次写入",
}
