"""What was measured of the claims, in Chinese: the sentences that are made of the figures."""

from .pairs import read_pairs

# A measured sentence, then its Chinese counterpart; `{name}` stands for its numbers, which stay.
_SENTENCES = """
with {keys}: {share} of the tokens lie above {one}, the largest at {most}
=> {keys}时：{share} 的词元大于 {one}，最大为 {most}

writes per 1,000 tokens by normaliser: {writes}
=> 各归一化方法每 1,000 个词元的写入数：{writes}

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

with {keys}: writes at eta {eta} take away {share} of the loss
=> {keys}时：eta {eta} 的写入减去损失的 {share}

best {name} of those tried: {loss} by loss, {recall} by recall
=> 试过的值中最好的 {name}：按损失为 {loss}，按召回为 {recall}

a second layer changes the loss by {loss} and recall by {recall} points, the best of 3 and 4 layers against 2 the
loss by {more_loss} and recall by {more_recall} points
=> 第二层使损失变化 {loss}、召回变化 {recall} 个百分点；3 层和 4 层中较好的与 2 层相比，损失变化 {more_loss}、
召回变化 {more_recall} 个百分点

{memories} memory, heads: {heads}, width {width}: {weights} weights, {share} of {model}, {size} MB in float32
=> {memories} 个记忆，{heads} 个头，宽度 {width}：{weights} 个权重，占 {model} 的 {share}，float32 下为 {size} MB

{memories} memories, heads: {heads}, width {width}: {weights} weights, {share} of {model}, {size} MB in float32
=> {memories} 个记忆，各 {heads} 个头，宽度 {width}：{weights} 个权重，占 {model} 的 {share}，float32 下为 {size} MB

models of {size} cannot be trained here; the paper prints nothing on C4, and on Wikitext at that size {figures}
=> 这里无法训练 {size} 的模型；论文没有 C4 的数字，在 Wikitext 上同样大小为 {figures}

small models on text, bits per byte, best first: {first}, {second}, {third}; over {seeds} seeds
=> 小模型在文本上的每字节比特数，由好到差：{first}，{second}，{third}；{seeds} 个种子

small models on text, bits per byte, best first: {first}, {second}, {third}; not every variant has a second seed,
so the noise is unknown
=> 小模型在文本上的每字节比特数，由好到差：{first}，{second}，{third}；并非每个变体都有第二个种子，噪声未知

trained without memory over the {control}: {bits} bits per byte, {more} against the best variant
=> 不带记忆训练{control}：每字节 {bits} 比特，与最好的变体相差 {more}

no model was trained without memory over the {control}
=> 没有不带记忆训练{control}的模型

{where}, recall after {gap} more tokens: MAC {mac}, MAG {mag}, MAL {mal}
=> {where}，再隔 {gap} 个词元之后的召回：MAC {mac}、MAG {mag}、MAL {mal}

time of one token over MAL's: MAC {mac}, MAG {mag}; of a passage of {length}: MAC {mac_all}, MAG {mag_all}
=> 一个词元的用时与 MAL 之比：MAC {mac}、MAG {mag}；一段 {length} 个词元：MAC {mac_all}、MAG {mag_all}

recall → recall with the memory's part of the keys and values at {zero}: {variants}
=> 召回 → 把键和值中来自记忆的部分置为 {zero} 之后的召回：{variants}

tau {low}: memory norm at the end over the start {norm}, at the default {norm_default}, so memory explosion was
seen in {seen_low} of the runs; tau {high}: writes per 1,000 tokens {writes}, at the default {writes_default}, so
hollow memory was seen in {seen_high} of the runs
=> tau {low}：结束时与开始时的记忆范数之比 {norm}，默认设置为 {norm_default}，{seen_low} 的运行出现记忆爆炸；
tau {high}：每千词元写入数 {writes}，默认设置为 {writes_default}，{seen_high} 的运行出现空洞记忆

beta {low}: total variation of S per 1,000 tokens {jitter}, at the default {jitter_default}, so jitter was seen in
{seen_low} of the runs; beta {high}: tokens from the new topic until the write gate opens {lag}, at the default
{lag_default}, so lag was seen in {seen_high} of the runs
=> beta {low}：S 每千词元的总变差 {jitter}，默认设置为 {jitter_default}，{seen_low} 的运行出现抖动；
beta {high}：从新话题到写入门打开的词元数 {lag}，默认设置为 {lag_default}，{seen_high} 的运行出现滞后

without decay the memory has {before} bytes before and {after} after {tokens} tokens, while its norm grows to
{norm} times the start (at the default {norm_default}); at lam {upper} its recall of the first tenth of the text is
{recall_upper} (at the default {recall_default}), so a living memory was seen to forget in {seen} of the runs; at lam
{large} the recall is {recall_large}, and the memory was dead in {dead} of the runs
=> 没有衰减时，记忆读 {tokens} 个词元之前为 {before} 字节，之后为 {after} 字节，而范数增长到开始时的 {norm} 倍
（默认设置为 {norm_default}）；lambda {upper} 时对文本前十分之一的召回为 {recall_upper}（默认设置为 {recall_default}），
{seen} 的运行中活着的记忆出现遗忘；lambda {large} 时召回为 {recall_large}，{dead} 的运行中记忆已死

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
{times} times as long
=> 在本项目中（不是作者的代码）：{lines} 行中改 {changed} 行，记忆就成为 {layers} 层的 CNN；
留出 DNA 的每碱基比特数为 {cnn}，改动前为 {mlp}，仅凭频率为 {frequencies}；训练用时为原来的 {times} 倍

the article names no experiment and no starting point, the authors' code is not published, and nobody's weeks of work
are measured here
=> 文章没有说是什么实验、与什么相比，作者没有公开代码，而谁的几周工作在这里都无法测量

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

the paper shows curves and prints {count} numbers, and it compares a small model that was fine-tuned on the task with
large ones that were not; a text model of {size} parameters, not trained for it, answers {share} of such stories here
=> 论文只有曲线，印出的数字为 {count} 个，而且比的是在该任务上微调过的小模型与没有微调的大模型；
这里一个 {size} 参数、没有为此训练的文本模型答对这类故事的 {share}

the {papers} papers name {repositories} repositories of their code, and this project knows of none by the authors; it
rebuilt {rebuilt} memories of the MIRAS paper from its text
=> {papers} 篇论文给出的代码仓库为 {repositories} 个，本项目也不知道作者公开过代码；
MIRAS 论文中的 {rebuilt} 种记忆是按其文字重建的

wrong answers of an exact search, by the number of facts: {lengths}
=> 精确检索的错误答案，按事实数：{lengths}

chains of look-ups that are right to the end, by the number of steps: {steps}
=> 全程无误的检索链，按步数：{steps}

of {n} facts a memory names {memory} wrongly and a search {search}; of {few} facts before {filler} tokens of filler a
trained memory recalls {recalled}, and a search over its own keys finds {found}
=> {n} 个事实中，记忆说错 {memory}，检索说错 {search}；{filler} 个填充词元之前的 {few} 个事实，
训练好的记忆召回 {recalled}，在它自己的键上检索找到 {found}

{changed} of {weights} outer weights changed while {tokens} tokens of text were read, and the memories' weights moved
by {low} to {high} of their norm
=> 读 {tokens} 个词元的文本时，{weights} 个外部权重中有 {changed} 个改变，而记忆的权重移动了其范数的 {low} 至 {high}

eight facts asked for at once: {before} recalled; after {count} other facts {after}, after as much filler {filler}
=> 八个事实立即提问：召回 {before}；再读 {count} 个其他事实之后为 {after}，读同样长的填充之后为 {filler}

bits per byte of text {fresh} by text models that have read nothing, {noisy} by models that have read {tokens} random
bytes
=> 文本的每字节比特数：什么都没读过的文本模型为 {fresh}，读过 {tokens} 个随机字节的为 {noisy}

recall without → with outliers: {rivals}
=> 召回，没有异常值 → 有异常值：{rivals}

pairs kept / neither kept nor lost: {rivals}
=> 保住的对 / 既没保住也没丢失的对：{rivals}

recall with a tenth of outliers: {rivals}
=> 有十分之一异常值时的召回：{rivals}

four trained models recall {near} of eight facts after {short} tokens of filler and {far} after {long}
=> 四个训练好的模型隔 {short} 个填充词元召回八个事实的 {near}，隔 {long} 个召回 {far}

four text models, bits of the same bytes by length of context: {lengths}
=> 四个文本模型对同样字节的比特数，按上下文长度：{lengths}

from {short} to {long} bytes of context text models save {gain} bits per byte, with a standard error of up to {error}
=> 上下文从 {short} 字节增到 {long} 字节，文本模型每字节节省 {gain} 比特，标准误最大为 {error}
"""

PHRASES: dict[str, str] = read_pairs(_SENTENCES) | {
    "keys of norm sqrt(d)": "键的范数为 √d ",
    "keys of norm 1": "键的范数为 1 ",
    "same steps": "同样步数",
    "same time": "同样时间",
    "facts at the very start": "事实在最开头",
    "facts after 1,024 other tokens": "事实在 1,024 个其他词元之后",
    "facts in two groups": "事实分两组",
    "{mean} ({low} to {high})": "{mean}（{low} 至 {high}）",
    "{mean} (every seed)": "{mean}（各种子相同）",
    "{best} ({other} ties)": "{best}（{other} 与之并列）",
    "{mean} (one seed)": "{mean}（一个种子）",
    "{mean} (one model)": "{mean}（一个模型）",
    "{mean} (every model)": "{mean}（各模型相同）",
    "within": "在最好者的噪声之内",
    "beyond": "超出最好者的噪声",
    "{system}, {count} cores, {versions}": "{system}，{count} 核，{versions}",
    "{row} was not measured: {reason}": "{row} 没有测成：{reason}",
    "no message": "没有说明原因",
}
