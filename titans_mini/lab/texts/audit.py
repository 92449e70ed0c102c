"""The audit's rules, and what the papers say, in Chinese by their English words."""

RULES: dict[str, str] = dict(
    (
        (
            "Parts: from 0 to 1 as it is (1 token in 100 excepted); some normaliser gives a normal number of writes.",
            "分为两部分：不加处理就在 0 到 1 之间（允许百分之一的词元例外）；某种归一化方法能给出正常的写入数。",
        ),
        (
            "Holds if 0.7 alone is best at both objectives, in part if it is among the best at one.",
            "0.7 在两个目标上都是唯一最好，则成立；在一个目标上属于最好之列，则部分成立。",
        ),
        (
            "Holds if the best tau, ties included, lies in 0.2..0.4 at both objectives, in part if one there ties at "
            "one.",
            "两个目标上最好的 tau（含并列）都在 0.2 到 0.4 之间，则成立；在一个目标上，这一范围内有一个并列最好，则部"
            "分成立。",
        ),
        (
            "Parts: trained gates forget where they do not write; a tied gate recalls as well as the model's own.",
            "分为两部分：训练后的门在不写入处遗忘；绑定的门与模型自己的门召回一样好。",
        ),
        (
            "Parts: learns at each scale; lambda 1e-4, and eta 1e-3, is best or ties, at both objectives.",
            "分为几部分：在每种尺度下都能学习；在两个目标上，lambda 1e-4 以及 eta 1e-3 是最好或并列最好。",
        ),
        (
            "Per objective: the second layer gains in every seed, and more layers gain less than 1%.",
            "对每个目标：第二层在每个种子上都有收益，再加层的收益不到 1%。",
        ),
        (
            "Parts: 0.3% is updatable, a snapshot takes less than 30 MB; with a single memory in the whole model.",
            "分为两部分：可更新的占 0.3%；快照不到 30 MB。整个模型只算一个记忆。",
        ),
        (
            "From one seed nothing. Parts: the claimed order in every seed; MAC better than MAL on average. The "
            "order alone is judged, of small models; the claimed perplexities are of models that are not here.",
            "只有一个种子时不作判定。分为两部分：每个种子都是所说的顺序；MAC 平均好于 MAL。只判定小模型的顺序；所说的"
            "困惑度属于此处没有的模型。",
        ),
        (
            "Parts: MAC recalls more than both others over the gap; MAL takes less time a token than both others.",
            "分为两部分：隔着间隔，MAC 的召回高于另外两种；MAL 每个词元用时少于另外两种。",
        ),
        ("Parts: memory explosion below, hollow memory above.", "分为两部分：过低时记忆爆炸，过高时成为空心记忆。"),
        ("Parts: jitter below, lag above.", "分为两部分：过小时抖动，过大时滞后。"),
        (
            "Parts: bytes grow without decay; forgetting is seen above.",
            "分为两部分：没有衰减时字节数增长；过大时出现遗忘。",
        ),
        (
            "Parts: 80% saved by count, 80% in seconds (a tenth of it allowed for noise), the best setting found or "
            "tied.",
            "分为三部分：按次数节省 80%；按秒数节省 80%（允许一成的噪声）；找到最好的设置或与之并列的。",
        ),
        (
            "Parts: text is in 30..80; so are nine windows in ten; every incident made of new bytes writes more than "
            "80.",
            "分为三部分：文本在 30 到 80 之间；十个窗口中有九个也是；每个由新字节构成的事故都超过 80。",
        ),
        (
            "Parts: the alarm at 100 d fires in the incident; a 760M layer's snapshot is below 30 MB; rollback "
            "within 30 s.",
            "分为三部分：事故中 100 d 处的告警会响；760M 模型一层的快照不到 30 MB；30 秒内回滚。",
        ),
        (
            "Parts: the shadow takes over in every drill with a spoilt memory; in some, and never for a healthy one.",
            "分为两部分：每次记忆受损的演练中影子模型都接管；有些演练中接管，且从不在记忆健康时接管。",
        ),
        (
            "Parts: time is linear, memory constant, the fact recalled; read to 2 million tokens.",
            "分为几部分：时间线性；内存不变；事实能召回；一直读到 200 万个词元。",
        ),
        (
            "Holds if half of an unwritten memory is left after 2M tokens, in part if a hundredth is.",
            "200 万个词元之后，未写入的记忆还剩一半则成立，还剩百分之一则部分成立。",
        ),
        (
            "Parts: two lines change; they make a CNN of three layers; it learns more of DNA than the bases' "
            "frequencies.",
            "分为三部分：只改两行；改出的是三层 CNN；它学到的 DNA 知识多于各碱基的频率。",
        ),
        (
            "Parts: a token that is written, and one that is only read, takes 35% less at 8 and at 4 bits; so does a "
            "large layer read in one of the ways that keep 8 or 4 bits.",
            "分为几部分：8 位和 4 位时，写入的词元与只读的词元用时都少 35%；用一种保持 8 位或 4 位的方式读一个大层，"
            "也少 35%。",
        ),
        (
            "Parts: more reward than the best threshold in every seed; more on average.",
            "分为两部分：每个种子的奖励都高于最好的阈值；平均奖励更高。",
        ),
        (
            "Parts: nine facts in ten outlive the process; a stranger's session knows none but by chance.",
            "分为两部分：十个事实中有九个在进程结束后仍在；陌生人的会话除碰巧外一个也不知道。",
        ),
    )
)
PAPERS: dict[str, str] = dict(
    (
        (
            "surprise S_t has the shape of the weights, not that of a number (eq. 14)",
            "惊讶度 S_t 的形状与权重相同，不是一个数（式 14）",
        ),
        (
            "eta_t is learned for each token, and nothing is weighted by 1 - beta (eq. 14)",
            "eta_t 对每个词元学习得出，没有任何量以 1 - beta 加权（式 14）",
        ),
        ("no threshold; theta_t is learned for each token (eq. 14)", "没有阈值；theta_t 对每个词元学习得出（式 14）"),
        (
            "alpha_t is a gate of its own, learned for each token (eq. 13)",
            "alpha_t 是独立的门，对每个词元学习得出（式 13）",
        ),
        (
            "decay and step are learned for each token, with keys of norm 1 (eq. 13-14)",
            "衰减和步长对每个词元学习得出，键的范数为 1（式 13、14）",
        ),
        (
            "deeper is better, and slower, from 1 to 4 layers (a figure, no numbers); 2 layers and width 4x are MIRAS'",
            "从 1 层到 4 层，越深越好也越慢（只有图，没有数字）；2 层、4 倍宽是 MIRAS 的做法",
        ),
        ("no such count", "没有这样的统计"),
        (
            "no C4; on Wikitext at 760M MAC 19.93, MAG 18.61, MAL 19.07, so MAC is last",
            "没有 C4；760M 模型在 Wikitext 上为 MAC 19.93、MAG 18.61、MAL 19.07，MAC 最后",
        ),
        (
            "needles at 16K: MAC 98.4/97.4/95.2, MAG 97.4/98.6/88.2, MAL 97.8/96.4/90.4; MAL trains fastest (a figure)",
            "16K 的大海捞针：MAC 98.4/97.4/95.2，MAG 97.4/98.6/88.2，MAL 97.8/96.4/90.4；MAL 训练最快（图）",
        ),
        ("no tau", "没有 tau"),
        ("no beta", "没有 beta"),
        (
            "the memory is a fixed set of weights; without forgetting perplexity is 29.04 instead of 27.01",
            "记忆是一组固定的权重；没有遗忘时困惑度为 29.04，而不是 27.01",
        ),
        ("claimed above 2M tokens, with no number printed", "声称超过 200 万个词元，没有给出数字"),
        (
            "no lambda; alpha_t may be 0, so that nothing is lost (eq. 13)",
            "没有 lambda；alpha_t 可以为 0，什么都不丢（式 13）",
        ),
        ("no code was published", "没有公布代码"),
        ("none", "没有涉及"),
    )
)
