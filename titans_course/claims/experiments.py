"""Claims on what may come next: a memory swapped in two lines, memories in few bits, surprise as a reward."""

from __future__ import annotations

from titans_mini.quantize import LIMITS, read_latencies, report
from titans_mini.threads import one_thread
from titans_mini.timing import seconds
from titans_mini.training.checkpoint import load_model
from titans_mini.training.tasks import dna_bases

from ..reward import FOR_TAU, UNSEEN, RewardConfig, greedy, play, threshold, train_policy
from ..studies.next_base import MODEL, build, fit, held_out_bits, markov_bits, swap
from .finding import UNTESTED, Figures, Finding, Reading, Size, Spread, grade, weigh

LAYERS = 3  # of the claimed CNN; recipe: section 4
FASTER = -0.35  # change of latency; recipe: section 6
TAUS = tuple(index / 10 for index in range(1, 10))  # of which a fixed gate has the best
EPISODES = 128  # in which a gate is judged
MODES = ("on", "frozen")  # the memory writes the token, or only reads
WAYS = {  # key of a figure -> a way of reading, see quantize.READERS
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


def _read_swap(figures: Figures) -> Reading:
    """Parts: two lines change; they make a CNN of three layers; it learns more of DNA than the bases' frequencies."""
    learns = figures["bits_cnn"].high < figures["bits_of_frequencies"]
    told = (
        f"in this project, not in code of the authors: {figures['changed']} of {figures['lines']} lines make the "
        f"memory a CNN of {figures['filters']} layers; bits per base of held-out DNA {figures['bits_cnn']:.4f}, before "
        f"the change {figures['bits_mlp']:.4f}, by frequencies alone {figures['bits_of_frequencies']:.4f}; training "
        f"took {figures['time_cnn_over_mlp']:.1f} times as long"
    )
    return Reading("swap", grade(figures["changed"] == 2, figures["filters"] == LAYERS, learns), told, tuple(figures))


def _read_days(figures: Figures) -> Reading:
    """Cannot be tested here."""
    told = (
        "the article names no experiment and no starting point, the authors' code is not published, and nobody's "
        "weeks of work are measured here"
    )
    return Reading("days", UNTESTED, told, ())


def judge_two_lines(figures: Figures) -> Finding:
    """Holds if every reading does that can be tested, in part if some reading does, at least in part."""
    return weigh(figures, _read_swap(figures), _read_days(figures))


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


def judge_quantized(figures: Figures) -> Finding:
    """Parts: a token that is written, and one that is only read, takes 35% less at 8 and at 4 bits; so does a large
    layer read in one of the ways that keep 8 or 4 bits."""
    model = [all(figures[f"change_{mode}_{kind}"] <= FASTER for kind in LIMITS) for mode in MODES]
    large = {name: figures[f"large_{key}"] for key, name in WAYS.items()}
    told = "change of the time of one token, written and only read: " + "; ".join(
        f"{kind} {figures[f'change_on_{kind}']:+.0%} and {figures[f'change_frozen_{kind}']:+.0%} "
        f"({figures[f'bytes_{kind}']:.0%} of the bytes, {figures[f'accuracy_{kind}']:.0%} recalled)"
        for kind in LIMITS
    )
    told += f"; of reading one layer of width {figures['width']}: "
    told += ", ".join(f"{name} {change:+.0%}" for name, change in large.items())
    few = min(change for name, change in large.items() if name.startswith(tuple(LIMITS)))
    return Finding(grade(*model, few <= FASTER), figures, told)


def best_threshold(config: RewardConfig, seed: int) -> tuple[float, str]:
    """The fixed gate with the best mean reward: its tau, and what it watches, smoothed surprise or surprise itself."""
    choices = [(tau, feature) for tau in TAUS for feature in ("smoothed", "surprise")]

    def reward(choice: tuple[float, str]) -> float:
        rollout = play(config, threshold(*choice), rows=EPISODES, seed=FOR_TAU + seed)
        return rollout.rewards.sum(1).mean().item()

    return max(choices, key=reward)


def measure_reward(size: Size) -> Figures:
    """Reward of a gate trained by REINFORCE and of the best fixed threshold, on episodes that neither has seen."""
    config, found = RewardConfig(), {"reward_policy": [], "reward_tau": [], "recall_policy": [], "recall_tau": []}
    with one_thread():
        for seed in size.all_seeds:
            policy, _ = train_policy(config, rounds=size.training, seed=seed)
            for name, decide in (("policy", greedy(policy)), ("tau", threshold(*best_threshold(config, seed)))):
                rollout = play(config, decide, rows=EPISODES, seed=UNSEEN + seed)
                found[f"reward_{name}"].append(rollout.rewards.sum(1).mean().item())
                found[f"recall_{name}"].append(rollout.recall.mean().item())
    gains = [a - b for a, b in zip(found["reward_policy"], found["reward_tau"], strict=True)]
    figures: Figures = {name: Spread.of(values) for name, values in found.items()}
    return figures | {"gain": Spread.of(gains), "rounds": size.training}


def judge_reward(figures: Figures) -> Finding:
    """Parts: more reward than the best threshold in every seed; more on average."""
    told = (
        f"reward of a gate trained for {figures['rounds']} rounds {figures['reward_policy']}, of the best fixed "
        f"threshold {figures['reward_tau']}; "
        f"they recall {figures['recall_policy']:.0%} and {figures['recall_tau']:.0%} of the facts"
    )
    return Finding(grade(figures["gain"].low > 0, figures["gain"].mean > 0), figures, told)
