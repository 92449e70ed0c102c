"""The rows on the memory itself: sections 2 and 3 of the article."""

from __future__ import annotations

from . import body, counting, failures, models, order, recipe, tuning
from .claim import MIRAS, TITANS, Claim, Way

# Readings that several rows share.
_KEYS = {
    "rms": "keys and values of norm sqrt(d)",
    "unit": "keys and values of norm 1, as in the paper",
}
TRAINING = (
    "for s in 0 1 2; do for v in mac mag mal off off-long; do set -- --variant $v; case $v in "
    "off) set -- --memory off;; off-long) set -- --memory off --steps 900;; esac; "
    "titans-mini train --task text --rows 4 --start-size 2048 --size 2048 --truncate 256 --steps 150 --lr 4e-3 "
    '"$@" --seed $s --out runs/text-$v-$s; done; done'
)

SHARE_RULE = "Parts: the share rounds to 0.3% or less; the weights take less than 30 MB in float32."

ROWS = (
    Claim(
        "surprise",
        "surprise = ‖∇_m L‖₂ / √d, the L2 norm of the gradient of the memory's parameters, normalised to a score of "
        "0~1",
        "surprise = ‖∇_m L‖₂ / √d 即对记忆参数的梯度 L2 范数,归一化后得到 0~1 分数",
        "2.2",
        "surprise S_t has the shape of the weights, not that of a number (eq. 14)",
        TITANS,
        recipe.measure_surprise,
        recipe.judge_surprise,
        readings={
            **{
                scale: Way(
                    f"||grad|| / sqrt(d) lies in 0..1 as it is, with {keys}",
                    "Holds if at most 1 token in 100 lies above 1.",
                )
                for scale, keys in _KEYS.items()
            },
            "normalised": Way(
                "normalised to 0..1, it makes the write gate open as often as the article calls normal",
                "Holds if one of the normalisers gives 30 to 80 writes per 1,000 tokens.",
            ),
        },
    ),
    Claim(
        "beta",
        "S_t = β·S_t-1 + (1-β)·surprise (β=0.7 is best by experiment)",
        "S_t = β·S_t-1 + (1-β)·surprise(β=0.7 实验最优)",
        "2.2, 3",
        "eta_t is learned for each token, and nothing is weighted by 1 - beta (eq. 14)",
        TITANS,
        tuning.measure_beta,
        tuning.judge_beta,
    ),
    Claim(
        "tau",
        "τ∈[0.2,0.4] is the surprise threshold, α=0.05 controls the softness",
        "τ∈[0.2,0.4] 为惊喜阈值,α=0.05 控制软化程度",
        "2.2, 3",
        "no threshold; theta_t is learned for each token (eq. 14)",
        TITANS,
        tuning.measure_tau,
        tuning.judge_tau,
    ),
    Claim(
        "forget",
        "g_forget = 1 - g_write (adaptive weight decay, prevents the memory from overflowing)",
        "g_forget = 1 - g_write(自适应权重衰减,防止记忆溢出)",
        "2.2",
        "alpha_t is a gate of its own, learned for each token (eq. 13)",
        TITANS,
        models.measure_forget,
        models.judge_forget,
    ),
    Claim(
        "constants",
        "λ=1e-4 is the decay coefficient, η=1e-3 the memory's learning rate",
        "λ=1e-4 为衰减系数,η=1e-3 为记忆学习率",
        "2.2, 3",
        "decay and step are learned for each token, with keys of norm 1 (eq. 13-14)",
        TITANS,
        recipe.measure_constants,
        recipe.judge_constants,
        readings={
            **{
                scale: Way(
                    f"a memory learns at these constants, with {keys}",
                    "Holds if writes take away at least a tenth of the loss in every seed.",
                )
                for scale, keys in _KEYS.items()
            },
            **{
                name: Way(
                    f"{value} is the best {word}, by loss and by recall",
                    "Parts, one for each objective: it is the best of those tried or ties with the best.",
                )
                for name, word, value in (("lam", "lambda", "1e-4"), ("eta", "eta", "1e-3"))
            },
        },
    ),
    Claim(
        "depth",
        "Memory depth: 1~4 layers; 2 layers; deeper → marginal gain < 1%",
        "记忆深度 … 1~4 层 … 2 层 … 再深→边际收益 < 1%",
        "2.1, 3",
        "deeper is better, and slower, from 1 to 4 layers (a figure, no numbers); 2 layers and width 4x are MIRAS'",
        f"{TITANS}; {MIRAS}",
        tuning.measure_depth,
        tuning.judge_depth,
    ),
    Claim(
        "share",
        "hidden layer = 4× the model's dimension, only 0.3% of the parameters can be updated … export the weights of "
        "the memory module (only 0.3% of the parameters, < 30 MB)",
        "隐藏层维度 = 4× 模型维度,仅 0.3% 参数可被更新 … 导出记忆模块权重(仅 0.3% 参数,< 30 MB)",
        "2.1, 5.2",
        "no such count",
        "none",
        counting.measure_share,
        counting.judge_share,
        readings={
            name: Way(
                f"{means}; the model has 760M parameters and width 1536, which the article does not say", SHARE_RULE
            )
            for name, means in (
                ("one", "word for word: one memory, its hidden layer 4 times the model's width"),
                ("heads_8", "one memory of 8 heads, the hidden layer of each 4 times the width of a head"),
                ("heads_16", "one memory of 16 heads, the hidden layer of each 4 times the width of a head"),
                ("all", "a memory in each layer, its hidden layer 4 times the model's width"),
            )
        },
    ),
    Claim(
        "order",
        "Measured perplexity (C4, 760M): MAC 8.9, MAG 9.4, MAL 9.7",
        "实测困惑度(C4, 760M) … MAC … 8.9 … MAG … 9.4 … MAL … 9.7",
        "2.3",
        "no C4; on Wikitext at 760M MAC 19.93, MAG 18.61, MAL 19.07, so MAC is last",
        TITANS,
        order.measure_order,
        order.judge_order,
    ),
    Claim(
        "order_small",
        "Three ways to integrate: MAC 8.9, MAG 9.4, MAL 9.7 (here only their order is judged, among small models)",
        "三种集成姿势 … MAC … 8.9 … MAG … 9.4 … MAL … 9.7",
        "2.3",
        "no models of this size; from 340M to 760M each variant is ahead of a Transformer without memory (table 1)",
        TITANS,
        order.measure_order_small,
        order.judge_order_small,
        TRAINING,
        " --runs runs",
        readings={
            "variants": Way(
                "MAC needs the fewest bits, MAG more, MAL most",
                "Parts: this order in every seed; MAC better than MAL on average. From one seed nothing.",
            ),
            "same_steps": Way(
                "the memory makes the difference: the best variant beats a model trained without it for as many steps",
                "Holds if the best variant needs fewer bits in every seed. From one seed nothing.",
            ),
            "same_time": Way(
                "the best variant also beats a model trained without memory for about as long a time",
                "Holds if the best variant needs fewer bits in every seed. From one seed nothing.",
            ),
        },
    ),
    Claim(
        "uses",
        "Conclusion: prefer MAC for fine-grained look-back; MAL where latency matters; MAG is in between",
        "结论:需要细粒度回溯优先选 MAC;延迟敏感选 MAL;MAG 居中。",
        "2.3",
        "needles at 16K: MAC 98.4/97.4/95.2, MAG 97.4/98.6/88.2, MAL 97.8/96.4/90.4; MAL trains fastest (a figure)",
        TITANS,
        models.measure_uses,
        models.judge_uses,
        readings={
            **{
                way: Way(f"MAC looks back best: {where}", "Holds if MAC recalls more than both others over the gap.")
                for way, where in models.TOLD.items()
            },
            "latency": Way(
                "MAL has the lowest latency, and MAG lies between it and MAC",
                "Parts: one token takes MAL less time than both others; it takes MAG less than MAC.",
            ),
        },
    ),
    Claim(
        "attention_context",
        "Output: the memory vector m_t, joined directly to attention's keys and values as extra context",
        "输出:记忆向量 m_t,直接作为额外上下文拼接到注意力键值对",
        "2.1",
        "so it is in MAC (eq. 21-22); in MAG memory and attention multiply (eq. 26-28), in MAL they follow each other "
        "(eq. 29-31)",
        TITANS,
        body.measure_attention_context,
        body.judge_attention_context,
        readings={
            name: Way(
                f"so it is in {which}",
                "Parts: what the memory says is among the keys and values; recall needs it there.",
            )
            for name, which in (("mac", "MAC"), ("others", "MAG and MAL"))
        },
    ),
    Claim(
        "tau_failures",
        "τ (surprise threshold): too low → the memory explodes, too high → the memory is hollow",
        "τ(惊喜阈值) … 过低→记忆爆炸,过高→记忆空洞",
        "3",
        "no tau",
        "none",
        failures.measure_tau,
        failures.judge_tau,
    ),
    Claim(
        "beta_failures",
        "β (momentum): too small → jitter, too large → lag",
        "β(动量) … 过小→抖动,过大→滞后",
        "3",
        "no beta",
        "none",
        failures.measure_beta,
        failures.judge_beta,
    ),
    Claim(
        "lambda_failures",
        "λ (decay): too small → out of memory, too large → forgetting",
        "λ(衰减) … 过小→OOM,过大→遗忘",
        "3",
        "the memory is a fixed set of weights; without forgetting perplexity is 29.04 instead of 27.01",
        TITANS,
        failures.measure_lambda,
        failures.judge_lambda,
    ),
    Claim(
        "grid",
        "first a coarse sweep on a 10k-token subset, then the best three points on 100k to confirm: saves 80% of the "
        "GPU",
        "先在 10k token 子集粗扫,再把最佳三点搬到 100k 验证,节省 80% GPU。",
        "3",
        "none",
        "none",
        tuning.measure_grid,
        tuning.judge_grid,
    ),
)
