"""Claims on future work: a memory swapped by changing two lines, memories in few bits, surprise as a reward."""

from titans_mini.messages import Message
from titans_mini.quantize import LIMITS
from titans_mini.threads import one_thread
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import dna_bases

from ..reward import FOR_TAU, UNSEEN, RewardConfig, greedy, play, threshold, train_policy
from ..studies.latency import read_latencies, report
from ..studies.next_base import MODEL, build, fit, held_out_bits, markov_bits, swap
from ..studies.timing import seconds
from .claim import MIRAS, Claim, Judged, Way
from .finding import UNTESTED, Figures, Size, Spread, grade, spreads

LAYERS = 3  # of the claimed CNN; recipe: section 4
FASTER = -0.35  # change of latency; recipe: section 6
TAUS = tuple(index / 10 for index in range(1, 10))  # taus from which a fixed gate takes the best
EPISODES = 128  # in which a gate is judged
MODES = ("on", "frozen")  # the memory writes the token, or only reads
WAYS = {  # key of a figure -> a way of reading, see studies.latency.READERS
    "bf16": "bf16",
    "int8_restored": "int8, restored",
    "int4_restored": "int4, restored",
    "int8_kernel": "int8, bf16 kernel",
}


def measure_two_lines(size: Size) -> Figures:
    """Lines that differ, layers of the new memory, bits per base of held-out DNA after training, and its time."""
    old, new = MODEL.splitlines(), swap().splitlines()
    figures: Figures = {"lines": len(old), "changed": sum(a != b for a, b in zip(old, new, strict=True))}
    bits, times = {"mlp": [], "cnn": []}, {"mlp": 0.0, "cnn": 0.0}
    with one_thread():
        for name, source in (("mlp", MODEL), ("cnn", swap())):
            for seed in size.all_seeds:
                model = build(source, seed)
                times[name] += seconds(lambda model=model, seed=seed: fit(model, steps=size.training, seed=seed))
                bits[name].append(held_out_bits(model))
    figures["filters"] = sum(weight.dim() == 4 for weight in model.memory.parameters())
    figures |= {f"bits_{name}": Spread.of(values) for name, values in bits.items()}
    figures["bits_of_frequencies"] = markov_bits(dna_bases(), dna_bases(held_out=True), 0)
    return figures | {"time_cnn_over_mlp": times["cnn"] / times["mlp"]}


def judge_swap(figures: Figures) -> Judged:
    """Parts: two lines change; they make a CNN of three layers; it learns more of DNA than the bases' frequencies."""
    told = Message(
        "in this project, not in code of the authors: {changed} of {lines} lines make the memory a CNN of {filters} "
        "layers; bits per base of held-out DNA {cnn}, before the change {mlp}, by frequencies alone "
        "{bits_of_frequencies:.4f}; training took {time_cnn_over_mlp:.1f} times as long",
        **figures, cnn=figures["bits_cnn"].tell(".4f"), mlp=figures["bits_mlp"].tell(".4f"),
    )  # fmt: skip
    learns = figures["bits_cnn"].high < figures["bits_of_frequencies"]
    return Judged(grade(figures["changed"] == 2, figures["filters"] == LAYERS, learns), told, tuple(figures))


def judge_days(figures: Figures) -> Judged:
    """Cannot be tested here: that takes the authors' code and the record of an experiment."""
    told = Message(
        "the article names no experiment and no starting point, the authors' code is not published, and nobody's "
        "weeks of work are measured here"
    )
    return Judged(UNTESTED, told)


TWO_LINES = Claim(
    key="two_lines", section="4", source=MIRAS, papers="no code was published",
    claim="in the MIRAS code, change two lines to make the memory module a 3-layer CNN for long DNA sequences; an "
    "experiment takes days instead of weeks",
    claim_zh="在 MIRAS 代码里改两行即可把记忆模块换成 3 层 CNN,用于 DNA 长序列,实验周期从周降到天。",
    measure=measure_two_lines,
    readings={
        "swap": Way("two changed lines make the memory a CNN of three layers, which is of use for DNA", judge_swap),
        "days": Way("an experiment takes days instead of weeks", judge_days),
    },
)  # fmt: skip


def measure_quantized(size: Size) -> Figures:
    """Memories in 8 and 4 bits over float32: bytes, recall and time of one token, and time of one large layer."""
    rows = report(load_model("recall-lmm"), "recall_once", 256, rows=size.rows, repeats=size.rounds)
    table = {row["weights"]: row for row in rows}
    figures: Figures = {"width": size.large}
    for kind in LIMITS:
        row = table[kind]
        figures |= {f"bytes_{kind}": row["bytes"] / table["fp32"]["bytes"], f"accuracy_{kind}": row["accuracy"]}
        figures |= {f"change_{mode}_{kind}": row[f"change_{mode}"] for mode in MODES}
    large = read_latencies(size.large, repeats=size.rounds)
    return figures | {f"large_{key}": large[name] / large["fp32"] - 1 for key, name in WAYS.items()}


def judge_quantized(figures: Figures) -> Judged:
    """Parts: writing a token takes 35% less time at 8 and at 4 bits; so does only reading one; so does reading a large
    layer in one of the ways that keep 8 or 4 bits."""
    told = Message(
        "change of the time of one token, written and only read: "
        "int8 {change_on_int8:+.0%} and {change_frozen_int8:+.0%} ({bytes_int8:.0%} of the bytes, {accuracy_int8:.0%} "
        "recalled); int4 {change_on_int4:+.0%} and {change_frozen_int4:+.0%} ({bytes_int4:.0%} of the bytes, "
        "{accuracy_int4:.0%} recalled); of reading one layer of width {width}: bf16 {large_bf16:+.0%}, int8, restored "
        "{large_int8_restored:+.0%}, int4, restored {large_int4_restored:+.0%}, int8, bf16 kernel "
        "{large_int8_kernel:+.0%}",
        **figures,
    )
    token = [all(figures[f"change_{mode}_{kind}"] <= FASTER for kind in LIMITS) for mode in MODES]
    layer = min(figures[f"large_{key}"] for key in WAYS if key.startswith(tuple(LIMITS)))
    return Judged(grade(*token, layer <= FASTER), told)


QUANTIZED = Claim(
    key="quantized", section="6",
    claim="compress the memory MLP to 8 or 4 bits; already tried internally, inference latency falls by another 35%",
    claim_zh="用 8-bit/4-bit 量化压缩记忆 MLP,已在内部实验,推理延迟再降 35%",
    measure=measure_quantized, judged=judge_quantized,
)  # fmt: skip


def best_threshold(config: RewardConfig, seed: int) -> tuple[float, str]:
    """The fixed gate with the best mean reward: its tau, and what it watches, smoothed surprise or surprise itself."""
    choices = [(tau, feature) for tau in TAUS for feature in ("smoothed", "surprise")]

    def reward(choice: tuple[float, str]) -> float:
        rollout = play(config, threshold(*choice), rows=EPISODES, seed=FOR_TAU + seed)
        return rollout.rewards.sum(1).mean().item()

    return max(choices, key=reward)


def measure_reward(size: Size) -> Figures:
    """Reward of a gate trained by REINFORCE and of the best fixed threshold, on episodes that neither has seen."""
    with one_thread():
        rows = [_rewards(RewardConfig(), size.training, seed) for seed in size.all_seeds]
    gains = [row["reward_policy"] - row["reward_tau"] for row in rows]
    return spreads(rows) | {"gain": Spread.of(gains), "rounds": size.training}


def _rewards(config: RewardConfig, rounds: int, seed: int) -> dict[str, float]:
    """Mean reward, and share of facts recalled, of a trained gate and of the best threshold."""
    policy, _ = train_policy(config, rounds=rounds, seed=seed)
    deciders = {"policy": greedy(policy), "tau": threshold(*best_threshold(config, seed))}
    played = {name: play(config, decide, rows=EPISODES, seed=UNSEEN + seed) for name, decide in deciders.items()}
    rewards = {f"reward_{name}": rollout.rewards.sum(1).mean().item() for name, rollout in played.items()}
    return rewards | {f"recall_{name}": rollout.recall.mean().item() for name, rollout in played.items()}


def judge_reward(figures: Figures) -> Judged:
    """Parts: more reward than the best threshold in every seed; more on average."""
    told = Message(
        "reward of a gate trained for {rounds} rounds {policy}, of the best fixed threshold {tau}; they recall "
        "{recall_policy} and {recall_tau} of the facts",
        rounds=figures["rounds"], policy=figures["reward_policy"].tell(), tau=figures["reward_tau"].tell(),
        recall_policy=figures["recall_policy"].tell(".0%"), recall_tau=figures["recall_tau"].tell(".0%"),
    )  # fmt: skip
    return Judged(grade(figures["gain"].low > 0, figures["gain"].mean > 0), told)


REWARD = Claim(
    key="reward", section="6",
    claim="turn the surprise score into a signal of reinforcement learning, so that memory optimises the task's reward",
    claim_zh="把惊喜指标改成强化学习信号,让记忆直接优化下游任务奖励",
    measure=measure_reward, judged=judge_reward,
)  # fmt: skip
