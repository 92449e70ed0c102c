"""What the figures of the claims are, in both languages; their keys are those of the JSON."""

# A [row] of the audit, then a line for each of its figures: key | English | Chinese. `{name}` is any part of a key.
_LABELS = """
[babilong]
parameters | parameters of the text model here | 此处文本模型的参数量
exact_stories | share of stories it answers | 它答对的故事比例
printed_numbers | numbers that the paper prints | 论文印出的数字个数
[open_source]
papers | papers read | 查阅的论文数
repositories | repositories they name | 其中给出的代码仓库数
rebuilt | rules rebuilt from the text | 按文字重建的规则数
[rag]
error_retrieval_{count} | wrong answers of a search, {count} facts | 检索答错的比例，{count} 个事实
error_memory_{count} | wrong answers of a memory, {count} facts | 记忆答错的比例，{count} 个事实
longest | facts of the longest stream | 最长的流的事实数
chain_{steps} | chains right to the end, {steps} steps | 全程无误的检索链，{steps} 步
filler | tokens of filler | 填充词元数
found_in_filler | found over filler by a search | 隔着填充检索找到的比例
recalled_in_filler | recalled over filler by a memory | 隔着填充记忆召回的比例
[frozen_body]
tokens | tokens read in between | 其间读入的词元数
changed | outer weights that changed | 改变的外部权重数
weights | outer weights | 外部权重数
memory_moved_{variant} | way of the memory's weights, {variant} | 记忆权重移动的距离，{variant}
recall_after_nothing | recall when asked at once | 立即提问的召回
recall_after_facts | recall after other facts | 读其他事实之后的召回
recall_after_filler | recall after filler | 读填充之后的召回
recall_after_nothing_{variant} | recall when asked at once, {variant} | 立即提问的召回，{variant}
recall_after_facts_{variant} | recall after other facts, {variant} | 读其他事实之后的召回，{variant}
recall_after_filler_{variant} | recall after filler, {variant} | 读填充之后的召回，{variant}
bits_fresh | bits per byte, nothing read before | 每字节比特数，之前什么都没读
bits_after_noise | bits per byte, noise read before | 每字节比特数，之前读过噪声
[surprise]
above_1_{scale} | share of tokens above 1, scale {scale} | 大于 1 的词元比例，尺度 {scale}
largest_{scale} | largest surprise, scale {scale} | 最大惊讶度，尺度 {scale}
writes_{normaliser} | writes per 1,000, normaliser {normaliser} | 每千词元写入数，归一化方法 {normaliser}
[beta]
best_loss | best beta by loss | 按损失最好的 beta
best_recall | best beta by recall | 按召回最好的 beta
loss_{value} | loss at beta {value} | beta {value} 的损失
recall_{value} | recall at beta {value} | beta {value} 的召回
tied_loss_{value} | beta {value} best or tied, loss (1: yes) | beta {value} 按损失最好或并列（1：是）
tied_recall_{value} | beta {value} best or tied, recall (1: yes) | beta {value} 按召回最好或并列（1：是）
[tau]
best_loss | best tau by loss | 按损失最好的 tau
best_recall | best tau by recall | 按召回最好的 tau
loss_softness_{value} | loss at softness {value} | 软化宽度 {value} 的损失
loss_{value} | loss at tau {value} | tau {value} 的损失
recall_{value} | recall at tau {value} | tau {value} 的召回
tied_loss_{value} | tau {value} best or tied, loss (1: yes) | tau {value} 按损失最好或并列（1：是）
tied_recall_{value} | tau {value} best or tied, recall (1: yes) | tau {value} 按召回最好或并列（1：是）
[forget]
recall_own | recall with the models' own gates | 召回，模型自己的门
recall_tied | recall with tied gates | 召回，绑定的门
forget_unwritten | share forgotten at a token not written | 不写入的词元处遗忘的比例
gap | tokens between telling and asking | 讲述与提问之间的词元数
[constants]
learned_{scale} | share of the loss taken away, {scale} | 写入减去的损失比例，尺度 {scale}
lam_best_loss | best lambda by loss | 按损失最好的 lambda
lam_best_recall | best lambda by recall | 按召回最好的 lambda
lam_loss_{value} | loss at lambda {value} | lambda {value} 的损失
lam_recall_{value} | recall at lambda {value} | lambda {value} 的召回
lam_tied_loss_{value} | lambda {value} best or tied, loss (1: yes) | lambda {value} 按损失最好或并列（1：是）
lam_tied_recall_{value} | lambda {value} best or tied, recall (1: yes) | lambda {value} 按召回最好或并列（1：是）
eta_best_loss | best eta by loss | 按损失最好的 eta
eta_best_recall | best eta by recall | 按召回最好的 eta
eta_loss_{value} | loss at eta {value} | eta {value} 的损失
eta_recall_{value} | recall at eta {value} | eta {value} 的召回
eta_tied_loss_{value} | eta {value} best or tied, loss (1: yes) | eta {value} 按损失最好或并列（1：是）
eta_tied_recall_{value} | eta {value} best or tied, recall (1: yes) | eta {value} 按召回最好或并列（1：是）
[depth]
loss_{layers} | loss with {layers} layers | {layers} 层的损失
recall_{layers} | recall with {layers} layers | {layers} 层的召回
gain_second_loss | gain of layer 2, share of the loss | 第二层的收益，占损失的比例
gain_second_recall | gain of layer 2, recall | 第二层的收益，召回
gain_deeper_loss | gain of more layers, share of the loss | 3 层或 4 层比 2 层的收益，占损失的比例
gain_deeper_recall | gain of more layers, recall | 3 层或 4 层比 2 层的收益，召回
[share]
layers_one | layers, one memory | 层数，一个记忆
parameters_one | parameters, one memory | 参数量，一个记忆
updatable_one | weights that change, one memory | 会变的权重数，一个记忆
share_one | their share, one memory | 所占比例，一个记忆
snapshot_mb_one | snapshot in MB, one memory | 快照 MB，一个记忆
layers_heads_8 | layers, 8 heads | 层数，8 个头
parameters_heads_8 | parameters, 8 heads | 参数量，8 个头
updatable_heads_8 | weights that change, 8 heads | 会变的权重数，8 个头
share_heads_8 | their share, 8 heads | 所占比例，8 个头
snapshot_mb_heads_8 | snapshot in MB, 8 heads | 快照 MB，8 个头
layers_heads_16 | layers, 16 heads | 层数，16 个头
parameters_heads_16 | parameters, 16 heads | 参数量，16 个头
updatable_heads_16 | weights that change, 16 heads | 会变的权重数，16 个头
share_heads_16 | their share, 16 heads | 所占比例，16 个头
snapshot_mb_heads_16 | snapshot in MB, 16 heads | 快照 MB，16 个头
layers_all | layers, each layer | 层数，每层一个
parameters_all | parameters, each layer | 参数量，每层一个
updatable_all | weights that change, each layer | 会变的权重数，每层一个
share_all | their share, each layer | 所占比例，每层一个
snapshot_mb_all | snapshot in MB, each layer | 快照 MB，每层一个
width_of_share | width of a memory of 0.3% | 占 0.3% 的记忆的宽度
snapshot_mb_of_share | its snapshot, MB | 占 0.3% 的记忆的快照，MB
[order]
wikitext_{variant} | perplexity on Wikitext at 760M, {variant} | 760M 在 Wikitext 上的困惑度，{variant}
[order_small]
bits_same_steps | bits per byte, no memory, same steps | 每字节比特数，无记忆，同样步数
bits_same_time | bits per byte, no memory, same time | 每字节比特数，无记忆，同样时间
bits_{variant} | bits per byte, {variant} | 每字节比特数，{variant}
same_steps_minus_best | no memory, same steps, minus the best | 无记忆、同样步数，减最好者
same_time_minus_best | no memory, same time, minus the best | 无记忆、同样时间，减最好者
{second}_minus_{first} | bits per byte, {second} minus {first} | 每字节比特数，{second} 减 {first}
[uses]
gap | tokens between telling and asking | 讲述与提问之间的词元数
recall_once_{variant} | recall, facts at the start, {variant} | 召回，事实在开头，{variant}
recall_late_{variant} | recall, late facts, {variant} | 召回，事实在后，{variant}
recall_groups_{variant} | recall, two groups, {variant} | 召回，两组事实，{variant}
step_{variant}_over_mal | time of one token over MAL's, {variant} | 一个词元的用时与 MAL 之比，{variant}
passage_{variant}_over_mal | time of 512 tokens over MAL's, {variant} | 512 个词元的用时与 MAL 之比，{variant}
[attention_context]
gap | tokens between telling and asking | 讲述与提问之间的词元数
joins_{variant} | output among keys and values (1: yes), {variant} | 输出在键和值之中（1：是），{variant}
recall_silent_{variant} | recall with that part at 0, {variant} | 该部分置 0 的召回，{variant}
recall_{variant} | recall, {variant} | 召回，{variant}
[tau_failures]
tau_low | norm at the end over the start, tau 0 | 结束与开始的范数之比，tau 0
tau_low_default | norm at the end over the start, default | 结束与开始的范数之比，默认设置
tau_low_seen | share of runs with an explosion | 出现记忆爆炸的运行比例
tau_high | writes per 1,000, tau 0.9 | 每千词元写入数，tau 0.9
tau_high_default | writes per 1,000 at the default | 每千词元写入数，默认设置
tau_high_seen | share of runs with a hollow memory | 出现空洞记忆的运行比例
[beta_failures]
beta_small | variation of S per 1,000, beta 0 | S 每千词元的总变差，beta 0
beta_small_default | variation of S per 1,000, default | S 每千词元的总变差，默认设置
beta_small_seen | share of runs with jitter | 出现抖动的运行比例
beta_large | tokens until it opens, beta 0.98 | 写入门打开之前的词元数，beta 0.98
beta_large_default | tokens until the gate opens, default | 写入门打开之前的词元数，默认设置
beta_large_seen | share of runs with a lag | 出现滞后的运行比例
[lambda_failures]
lam_small | norm at the end over the start, no decay | 结束与开始的范数之比，无衰减
lam_small_default | norm at the end over the start, default | 结束与开始的范数之比，默认设置
lam_upper | recall of the first tenth, lambda 0.001 | 对前十分之一的召回，lambda 0.001
lam_upper_seen | share of runs that forget, lambda 0.001 | 出现遗忘的运行比例，lambda 0.001
lam_large | recall of the first tenth, lambda 0.01 | 对前十分之一的召回，lambda 0.01
lam_large_default | recall of the first tenth, default | 对前十分之一的召回，默认设置
lam_large_seen | share of runs that forget, lambda 0.01 | 出现遗忘的运行比例，lambda 0.01
lam_large_dead | share of runs that end dead, lambda 0.01 | 记忆死亡的运行比例，lambda 0.01
bytes_start | bytes of the memory at the start | 开始时记忆的字节数
bytes_end | bytes of the memory at the end | 结束时记忆的字节数
[grid]
settings | settings of the grid | 网格中的设置数
saved_by_count | share of updates saved, by count | 节省的更新比例，按次数
settings_needed | settings from which 80% is saved | 能省 80% 的最少设置数
short | tokens of the first stage here | 此处第一阶段的词元数
long | tokens of the second stage here | 此处第二阶段的词元数
saved_seconds | share of the time saved here | 此处节省的时间比例
place | place of the setting in the full grid | 找到的设置在完整网格中的名次
behind | how far it is behind the best | 与最好者的差距
tied | best or tied (1: yes) | 最好或并列（1：是）
[yaad]
recall_clean_{rule} | recall, no outliers, {rule} | 召回，无异常值，{rule}
recall_one_{rule} | recall, one outlier, {rule} | 召回，一个异常值，{rule}
recall_tenth_{rule} | recall, a tenth outliers, {rule} | 召回，十分之一异常值，{rule}
clipped_clean_{rule} | recall, own clip, no outliers, {rule} | 召回，各自裁剪，无异常值，{rule}
clipped_tenth_{rule} | recall, own clip, a tenth outliers, {rule} | 召回，各自裁剪，十分之一异常值，{rule}
[moneta]
kept_{rule} | share of pairs kept, {rule} | 保住的对的比例，{rule}
between_{rule} | neither kept nor lost, {rule} | 既没保住也没丢失，{rule}
outliers_{rule} | recall, a tenth outliers, {rule} | 召回，十分之一异常值，{rule}
[two_lines]
lines | lines of the model | 模型的代码行数
changed | lines that change | 改动的行数
filters | convolutions in the new memory | 新记忆的卷积层数
bits_mlp | bits per base before the change | 改动前的每碱基比特数
bits_cnn | bits per base after it | 改动后的每碱基比特数
bits_of_frequencies | bits per base by frequencies alone | 仅凭频率的每碱基比特数
time_cnn_over_mlp | training time over that before | 训练用时与改动前之比
[writes]
writes_0.2 | writes per 1,000 of text, tau 0.2 | 文本的每千词元写入数，tau 0.2
writes_0.3 | writes per 1,000 of text, tau 0.3 | 文本的每千词元写入数，tau 0.3
windows | windows of 1,000 tokens | 1,000 词元的窗口数
windows_normal | windows with 30 to 80 writes | 写入 30 至 80 次的窗口数
writes_random_bytes | writes per 1,000 of random bytes | 随机字节的每千词元写入数
writes_repeated_string | writes per 1,000 of a repeated string | 重复的一行的每千词元写入数
writes_flickering | writes per 1,000 of a flickering string | 夹杂随机字节时的每千词元写入数
[alarms]
limit | the recipe's limit, 100 d | 配方的界限，100 d
norm_clean | largest norm in clean text | 干净文本中的最大范数
norm_faulty | largest norm after the fault | 故障之后的最大范数
fired_norm | share of drills in which 100 d fired | 100 d 触发的演练比例
fired_calibrated | share in which the calibrated one fired | 校准界限触发的演练比例
snapshot_mb_760m | one memory of the 760M model, MB | 760M 模型的一个记忆，MB
width | width of the memory that is timed | 计时所用记忆的宽度
snapshot_mb | its snapshot with momentum, MB | 含动量的快照，MB
snapshot_seconds | seconds to write it | 写快照的秒数
rollback_seconds | seconds to roll back | 回滚的秒数
[shadow]
degraded_1 | drills taken over, healthy memory | 被接管的演练比例，记忆健康
degraded_{factor} | drills taken over, scaled by {factor} | 被接管的演练比例，乘以 {factor}
difference_1 | perplexity over the shadow's, healthy | 与影子模型的困惑度之差，记忆健康
difference_{factor} | perplexity over the shadow's, by {factor} | 与影子模型的困惑度之差，乘以 {factor}
tokens_to_degrade | tokens until the shadow takes over | 影子模型接管之前的词元数
[linear]
tokens | tokens read | 读入的词元数
slope | rise of log time over log tokens | 词元数的对数每增加 1，时间对数的增加
memory_ratio | peak memory over that at 16,384 tokens | 峰值内存与 16,384 个词元时之比
share_recalled | share recalled of the start | 开头所述内容的召回比例
tokens_per_second | tokens per second | 每秒词元数
[precision]
near | tokens of the short distance | 短距离的词元数
gap | tokens of the long distance | 长距离的词元数
recall_near | recall over the short distance | 短距离的召回
recall_far | recall over the long distance | 长距离的召回
recall_lost | largest loss of recall | 召回的最大损失
bits_{context} | bits per byte after {context} bytes of context | {context} 字节上下文之后的每字节比特数
gain_error | standard error of that gain | 这一节省的标准误
gain | bits saved by a long context | 长上下文节省的比特
lost_bits | bits lost after the longest context | 最长上下文之后多用的比特
shortest | bytes of the shortest context | 最短上下文的字节数
longest | bytes of the longest context | 最长上下文的字节数
[useful]
half_life | half-life in tokens, measured | 半衰期（词元），实测
half_life_formula | half-life in tokens, by formula | 半衰期（词元），按公式
log10_left | left after 2 million, power of 10 | 200 万词元之后所剩，10 的幂次
lambda_needed | lambda that would leave half | 能剩一半的 lambda
gap | tokens between telling and asking | 讲述与提问之间的词元数
recall_learned | recall by gates that can close | 能关闭的门的召回
[reward]
reward_policy | reward of the trained gate | 训练的门的奖励
reward_tau | reward of the best threshold | 最好的阈值的奖励
recall_policy | facts recalled by the trained gate | 训练的门召回的事实比例
recall_tau | facts recalled by the best threshold | 最好的阈值召回的事实比例
gain | reward gained by training | 门与阈值的奖励之差
rounds | rounds of training | 训练轮数
[quantized]
width | width of the large layer | 大层的宽度
bytes_{weights} | bytes over fp32's, {weights} | 与 fp32 的字节数之比，{weights}
accuracy_{weights} | share of values named, {weights} | 说对的值的比例，{weights}
change_on_{weights} | time change, written, {weights} | 一个词元用时的变化，写入，{weights}
change_frozen_{weights} | time change, only read, {weights} | 一个词元用时的变化，只读，{weights}
large_bf16 | time change, large layer, bf16 | 大层用时的变化，bf16
large_{weights}_restored | time change, large layer, {weights} restored | 大层用时的变化，{weights} 还原
large_{weights}_kernel | time change, large layer, {weights}, bf16 kernel | 大层用时的变化，{weights} 用 bf16 内核
[sessions]
recall_kept | facts recalled by the same user | 同一用户召回的事实比例
recall_stranger | facts recalled by a stranger | 陌生人召回的事实比例
"""


def _read(text: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Row -> key of a figure -> (English, Chinese)."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for line in text.strip().splitlines():
        if line.startswith("["):
            row = found.setdefault(line[1:-1], {})
        else:
            key, english, chinese = line.split(" | ")
            row[key] = (english, chinese)
    return found


LABELS = _read(_LABELS)
PHRASES: dict[str, str] = {english: chinese for row in LABELS.values() for english, chinese in row.values()}
