"""The claims in Chinese: what the papers say, the rule of a verdict, and the sentence made of the figures."""

from .pairs import read_pairs

# group -> row -> words; the claims themselves are in the audit's table, in both languages.
ABOUT: dict[str, dict[str, str]] = {
    "papers": {
        "surprise": "惊讶度 S_t 与权重同形，不是一个数（式 14）",
        "beta": "eta_t 逐词元学得，没有任何量按 1 - beta 加权（式 14）",
        "tau": "没有阈值；theta_t 逐词元学得（式 14）",
        "forget": "alpha_t 是独立的门，逐词元学得（式 13）",
        "constants": "衰减和步长逐词元学得，键的范数为 1（式 13-14）",
        "depth": "从 1 到 4 层，越深越好，也越慢（只有图，没有数字）；2 层、宽度 4 倍是 MIRAS 的设定",
        "share": "没有这样的统计",
        "order": "没有 C4；760M 模型在 Wikitext 上：MAC 19.93、MAG 18.61、MAL 19.07，MAC 垫底",
        "uses": "16K 大海捞针：MAC 98.4/97.4/95.2，MAG 97.4/98.6/88.2，MAL 97.8/96.4/90.4；MAL 训练最快（只有图）",
        "tau_failures": "没有 tau",
        "beta_failures": "没有 beta",
        "lambda_failures": "记忆是一组固定的权重；不遗忘时困惑度是 29.04，而不是 27.01",
        "grid": "没有涉及",
        "writes": "没有涉及",
        "alarms": "没有涉及",
        "shadow": "没有涉及",
        "linear": "称可超过 200 万词元，未给出数字",
        "useful": "没有 lambda；alpha_t 可以为 0，这样什么都不会丢（式 13）",
        "two_lines": "没有公开代码",
        "quantized": "没有涉及",
        "reward": "没有涉及",
        "sessions": "没有涉及",
    },
    "rule": {
        "surprise": "分两部分：原样就在 0 到 1 之间（每 100 个词元容许 1 个例外）；有某种归一化方法使写入数正常。",
        "beta": "若 0.7 在两个目标上都独自最好，则成立；若在其中一个目标上属于最好之列，则部分成立。",
        "tau": "若两个目标上最好的 tau（含并列）都在 0.2..0.4 之内，则成立；"
        "若在一个目标上，这一范围内有一个与最好的并列，则部分成立。",
        "forget": "分两部分：训练好的门在不写入处遗忘；绑定的门与模型自己的门召回得一样好。",
        "constants": "分几部分：在每种尺度下都能学习；lambda 1e-4 以及 eta 1e-3 在两个目标上最好或并列。",
        "depth": "对每个目标：第二层在每个种子上都有收益，更多层的收益不到 1%。",
        "share": "分两部分：可更新的占 0.3%，快照不到 30 MB；按整个模型只有一个记忆计。",
        "order": "只有一个种子时不作判定。分两部分：每个种子上都是所说的顺序；平均而言 MAC 优于 MAL。"
        "只判定小模型的顺序；所说的困惑度属于这里没有的模型。",
        "uses": "分两部分：隔着间隔，MAC 召回的比另外两种都多；MAL 每个词元的用时比另外两种都少。",
        "tau_failures": "分两部分：过低时记忆爆炸，过高时记忆空心。",
        "beta_failures": "分两部分：过小时抖动，过大时滞后。",
        "lambda_failures": "分两部分：没有衰减时字节数增长；过大时出现遗忘。",
        "grid": "分几部分：按次数节省 80%；按秒数节省 80%（为噪声放宽十分之一）；找到的设置最好或与最好的并列。",
        "writes": "分几部分：文本落在 30..80；十个窗口中有九个也是；每种由新字节构成的事故写入都超过 80。",
        "alarms": "分几部分：100 d 的告警在事故中触发；760M 模型一层的快照不到 30 MB；30 秒内回滚。",
        "shadow": "分两部分：每次记忆受损的演练中影子模型都接管；有些演练中接管，且从不在记忆健康时接管。",
        "linear": "分几部分：时间线性，内存恒定，事实被召回；并且读到 200 万词元。",
        "useful": "200 万词元之后，未再写入的记忆还剩一半则成立，还剩百分之一则部分成立。",
        "two_lines": "分几部分：改动两行；得到三层的 CNN；它学到的 DNA 规律多于碱基频率。",
        "quantized": "分几部分：无论写入还是只读，一个词元在 8 位和 4 位下都少用 35% 的时间；"
        "以某种保持 8 位或 4 位的方式读一个大的层也是如此。",
        "reward": "分两部分：在每个种子上奖励都高于最好的阈值；平均也更高。",
        "sessions": "分两部分：十个事实中有九个在进程结束后仍在；陌生人的会话除碰巧之外一无所知。",
    },
}

# A measured sentence, then its Chinese counterpart; `{name}` stands for its numbers, which stay.
_SENTENCES = """
tokens above 1: {rms} with keys of norm sqrt(d), {unit} with unit keys; largest {most_rms} and {most_unit}; writes
per 1,000 tokens by normaliser: {writes}
=> 大于 1 的词元：键的范数为 √d 时占 {rms}，单位键时占 {unit}；最大值 {most_rms} 和 {most_unit}；
各归一化方法的每千词元写入数：{writes}

loss: best {name} {loss}; {claimed} has {here}; recall: best {again} {recall}; {same} has {there}
=> 损失：最好的 {name} 是 {loss}；{claimed} 得 {here}。召回：最好的 {again} 是 {recall}；{same} 得 {there}

{told}; loss at softness {a}: {at_a}, {b}: {at_b}, {c}: {at_c}
=> {told}。各软化宽度的损失：{a} 为 {at_a}，{b} 为 {at_b}，{c} 为 {at_c}

{value}, ahead by more than the noise
=> {value}，领先超过噪声

{value}, a tie with {others}
=> {value}，与 {others} 并列

four trained models, free to choose, forget a share {share} of the memory at a token that they do not write; after
{gap} tokens they recall {own}, and {tied} once forgetting is tied to writing at lambda {lam}, which they were not
trained with
=> 四个训练好的模型可以自由选择：在不写入的词元处遗忘记忆的比例为 {share}；隔 {gap} 个词元之后召回 {own}；
把遗忘与写入绑定（lambda {lam}，训练时并非如此）之后为 {tied}

writes at eta {eta} take away {rms} of the loss with keys of norm sqrt(d) and {unit} with unit keys; best lambda
{lam_loss} by loss and {lam_recall} by recall, best eta {eta_loss} and {eta_recall} of those tried
=> eta {eta} 的写入在键的范数为 √d 时减去损失的 {rms}，单位键时减去 {unit}；在试过的值中，
最好的 lambda 按损失为 {lam_loss}、按召回为 {lam_recall}，最好的 eta 分别为 {eta_loss} 和 {eta_recall}

a second layer changes the loss by {loss} and recall by {recall} points, the best of 3 and 4 layers against 2 the
loss by {more_loss} and recall by {more_recall} points
=> 第二层使损失变化 {loss}、召回变化 {recall} 个百分点；3 层和 4 层中较好的与 2 层相比，损失变化 {more_loss}、
召回变化 {more_recall} 个百分点

counted at width {width}: one memory has {weights} weights, {share} of {model}, and {size} MB in float32; one in
each of {layers} layers {all_share} and {all_size} MB; {claimed} would be one memory of width {fits}, with
{fit_size} MB
=> 按宽度 {width} 统计：一个记忆有 {weights} 个权重，占 {model} 的 {share}，float32 下为 {size} MB；
{layers} 层每层一个则为 {all_share} 和 {all_size} MB；{claimed} 相当于一个宽度 {fits} 的记忆，{fit_size} MB

the perplexities at 760M cannot be run here; models of {size} parameters on text, bits per byte: {first},
{second}, {third}, {fourth}; judged is the order over {seeds} seeds
=> 这里无法跑 760M 的困惑度；{size} 参数的模型在文本上的每字节比特数：{first}，{second}，{third}，{fourth}；
按 {seeds} 个种子判定顺序

the perplexities at 760M cannot be run here; models of {size} parameters on text, bits per byte: {first},
{second}, {third}, {fourth}; of one seed, so the noise is unknown and no order is proved
=> 这里无法跑 760M 的困惑度；{size} 参数的模型在文本上的每字节比特数：{first}，{second}，{third}，{fourth}；
只有一个种子，噪声未知，无法证明任何顺序

recall after {gap} tokens: MAC {mac}, MAG {mag}, MAL {mal}; time of one token over MAL's: MAC {mac_step}, MAG
{mag_step}; of a passage of {length}: MAC {mac_all}, MAG {mag_all}
=> 隔 {gap} 个词元之后的召回：MAC {mac}、MAG {mag}、MAL {mal}；一个词元的用时与 MAL 之比：MAC {mac_step}、
MAG {mag_step}；一段 {length} 个词元：MAC {mac_all}、MAG {mag_all}

tau {low}: memory norm at the end over the start {norm}, at the default {norm_default}, so memory explosion was
seen in {seen_low} of the runs; tau {high}: writes per 1,000 tokens {writes}, at the default {writes_default}, so
hollow memory was seen in {seen_high} of the runs
=> tau {low}：结束时与开始时的记忆范数之比 {norm}，默认设置为 {norm_default}，{seen_low} 的运行出现记忆爆炸；
tau {high}：每千词元写入数 {writes}，默认设置为 {writes_default}，{seen_high} 的运行出现空心记忆

beta {low}: total variation of S per 1,000 tokens {jitter}, at the default {jitter_default}, so jitter was seen in
{seen_low} of the runs; beta {high}: tokens from the new topic until the write gate opens {lag}, at the default
{lag_default}, so lag was seen in {seen_high} of the runs
=> beta {low}：S 每千词元的总变差 {jitter}，默认设置为 {jitter_default}，{seen_low} 的运行出现抖动；
beta {high}：从新话题到写入门打开的词元数 {lag}，默认设置为 {lag_default}，{seen_high} 的运行出现滞后

without decay the memory has {before} bytes before and {after} after {tokens} tokens, while its norm grows to
{norm} times the start (at the default {norm_default}); lam {lam}: recall of the first tenth of the text at the
end {recall}, at the default {recall_default}, so forgetting was seen in {seen} of the runs
=> 没有衰减时，记忆读 {tokens} 个词元之前为 {before} 字节，之后为 {after} 字节，而范数增长到开始时的 {norm} 倍
（默认设置为 {norm_default}）；lambda {lam}：结束时对文本前十分之一的召回 {recall}，默认设置为 {recall_default}，
{seen} 的运行出现遗忘

at {short} and {long} tokens {settings} settings save {saved} of the updates, and any grid below {needed} settings
less than {claimed}; at {here_short} and {here_long} tokens {time} of the time was saved, and the setting found is
number {place} of the full grid, {behind} behind, {noise} the noise of the best
=> 取 {short} 和 {long} 个词元时，{settings} 个设置节省 {saved} 的更新，
少于 {needed} 个设置的网格都不到 {claimed}；取 {here_short} 和 {here_long} 个词元时，节省了 {time} 的时间，
找到的设置在完整网格中排第 {place}，相差 {behind}，{noise}

text writes {high} of 1,000 tokens at tau {tau} and {low} at {lower}; {normal} of {windows} windows of 1,000
tokens are within {range}; in incidents: random bytes {random}, repeated string {repeated}, flickering
{flickering}
=> 文本在 tau {tau} 时每 1,000 个词元写入 {high} 次，在 {lower} 时写入 {low} 次；
{windows} 个 1,000 词元的窗口中有 {normal} 个落在 {range}；事故中：随机字节 {random}，重复的一行 {repeated}，
夹杂随机字节 {flickering}

a memory whose norm is {clean} in clean text has {faulty} after a matrix was scaled by {factor}, against a limit
of {limit}: the alarm fired in {fired} of the drills, a calibrated one in {calibrated}; one memory of width {wide}
is {size} MB; at width {width} a snapshot with momentum took {snapshot} MB and {seconds} s, the way back {back} s
=> 一个在干净文本中范数为 {clean} 的记忆，在某个矩阵乘以 {factor} 之后为 {faulty}，而界限是 {limit}：
告警在 {fired} 的演练中触发，校准的告警在 {calibrated} 中触发；宽度 {wide} 的一个记忆为 {size} MB；
宽度 {width} 时，含动量的快照用了 {snapshot} MB 和 {seconds} 秒，回滚用了 {back} 秒

the shadow took over in {first} of the drills whose memory is scaled by {factor} before each piece and in {second}
at {larger}, and in {healthy} with a healthy one; perplexity against the shadow's: healthy {fine}, spoilt {worse}
and {worst}
=> 每段之前把记忆乘以 {factor} 时，影子模型在 {first} 的演练中接管，乘以 {larger} 时为 {second}，
记忆健康时为 {healthy}；困惑度与影子模型相比：健康时 {fine}，损坏时 {worse} 和 {worst}

{larger}, after {tokens} tokens
=> {larger}（{tokens} 个词元之后）

log time rises by {slope} for each 1 of log tokens up to {tokens}, peak memory to {ratio} times that of {base}
tokens; {share} of what was told at the start was recalled
=> 直到 {tokens} 个词元，词元数的对数每增加 1，时间的对数增加 {slope}；峰值内存为 {base} 个词元时的 {ratio} 倍；
开头所述的内容召回了 {share}

half of what is not written again is gone after {life} tokens (by formula {formula}) and {left} of it is left
after 2 million; half would be left at lambda {lam}, and a trained gate that closes fully recalled {recall} after
{gap} tokens
=> 不再写入的内容在 {life} 个词元之后只剩一半（按公式 {formula}），200 万个词元之后剩 {left}；
lambda 为 {lam} 时才会剩一半；而一个能完全关闭的学习门在 {gap} 个词元之后召回 {recall}

in this project, not in code of the authors: {changed} of {lines} lines make the memory a CNN of {layers} layers;
bits per base of held-out DNA {cnn}, before the change {mlp}, by frequencies alone {frequencies}; training took
{times} times as long, and whether weeks become days cannot be tested here
=> 在本项目中（不是作者的代码）：{lines} 行中改 {changed} 行，记忆就成为 {layers} 层的 CNN；
留出 DNA 的每碱基比特数为 {cnn}，改动前为 {mlp}，仅凭频率为 {frequencies}；训练用时为原来的 {times} 倍，
数周能否变为数天在此无法检验

change of the time of one token, written and only read: int8 {on8} and {read8} ({bytes8} of the bytes, {recall8}
recalled); int4 {on4} and {read4} ({bytes4} of the bytes, {recall4} recalled); of reading one layer of width
{width}: bf16 {bf16}, int8, restored {int8}, int4, restored {int4}, int8, bf16 kernel {kernel}
=> 一个词元用时的变化（写入与只读）：int8 {on8} 与 {read8}（字节数为 {bytes8}，召回 {recall8}）；
int4 {on4} 与 {read4}（字节数为 {bytes4}，召回 {recall4}）；读一个宽度 {width} 的层：bf16 {bf16}，
int8 还原 {int8}，int4 还原 {int4}，int8 用 bf16 内核 {kernel}

reward of a gate trained for {rounds} rounds {policy}, of the best fixed threshold {tau}; they recall
{recall_policy} and {recall_tau} of the facts
=> 训练 {rounds} 轮的门的奖励为 {policy}，最好的固定阈值为 {tau}；
两者分别召回 {recall_policy} 和 {recall_tau} 的事实

told in one process and asked in another, the same user's session recalls {kept} of the facts, a stranger's
{stranger}
=> 在一个进程中讲述，在另一个进程中提问：同一用户的会话召回 {kept} 的事实，陌生人的会话召回 {stranger}
"""

PHRASES: dict[str, str] = read_pairs(_SENTENCES) | {
    "{mean} ({low} to {high})": "{mean}（{low} 至 {high}）",
    "{mean} (every seed)": "{mean}（各种子相同）",
    "{mean} (one seed)": "{mean}（一个种子）",
    "within": "在最好者的噪声之内",
    "beyond": "超出最好者的噪声",
    "{system}, {count} cores, {versions}": "{system}，{count} 核，{versions}",
    "{row} was not measured: {reason}": "{row} 没有测成：{reason}",
    "no message": "没有说明原因",
}
