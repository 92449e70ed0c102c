"""Floating-point operations of the memory, counted by formula: a multiplication and an addition are two.

Only matrix products are counted, as is usual; elementwise work, including the convolution, is left out. Per chunk of c
tokens, with P = sum of o i over the layers' matrices (o outputs, i inputs) of one head:

    forward of the keys 2 c P, backward 2 c (P - P_1), write 2 c P for the weights and as much for the momentum,
    read 2 c P from the weights and as much from the momentum, and 2 c c (i + o) a layer inside the chunk,
    coefficients 2 c c c + 2 c c, or for the recipe's gate three running averages of 2 c c each
"""

from titans_mini.config import MemoryConfig
from titans_mini.memory.mlp import layer_shapes, mlp_shapes


def chunk_flops(config: MemoryConfig, tokens: int) -> dict[str, int]:
    """Operations of one head's write and read of a chunk of `tokens`, by part. Paper: eq. 13-18."""
    shapes = layer_shapes(config)
    entries = sum(o * i for o, i in shapes)
    first = shapes[0][0] * shapes[0][1]
    inside = sum(o + i for o, i in shapes)
    momentum = config.gate == "learned"  # the recipe's gate has none
    coefficients = 2 * tokens**3 + 2 * tokens**2 if momentum else 6 * tokens**2
    return {
        "forward": 2 * tokens * entries,
        "backward": 2 * tokens * (entries - first),
        "read": 2 * tokens * entries * (1 + momentum) + 2 * tokens**2 * inside,
        "write": 2 * tokens * entries * (1 + momentum),
        "coefficients": coefficients if tokens > 1 else 0,
    }


def projection_flops(config: MemoryConfig, tokens: int) -> int:
    """Operations of everything around the fast weights, per sequence: q k v, gates, output."""
    dim = config.dim
    gates = 3 * config.heads if config.gate == "learned" else 0
    return 2 * tokens * (dim * 3 * dim + dim * gates + 2 * dim * dim)


def memory_flops(config: MemoryConfig, batch: int, tokens: int) -> int:
    """Operations of `NeuralMemory` on (batch, tokens, dim), forward, from an empty state."""
    full, rest = divmod(tokens, config.chunk)
    chunks = full * sum(chunk_flops(config, config.chunk).values())
    chunks += sum(count for part, count in chunk_flops(config, rest).items() if part != "write") if rest else 0
    return batch * (config.heads * chunks + projection_flops(config, tokens))


def training_flops(config: MemoryConfig, batch: int, tokens: int) -> int:
    """Forward and backward: by convention a backward pass counts as two forward ones (each product has two factors)."""
    return 3 * memory_flops(config, batch, tokens)


def memory_bytes(*, width: int, layers: int = 1, depth: int = 2, expansion: int = 4, bytes_per_weight: int = 4) -> int:
    """Bytes of the fast weights of a model, one memory of width `width` a layer; momentum takes as much again.

    Recipe: 5.2 says less than 30 MB. At 760M (width 1536, 24 layers) a single layer has 18.9 million weights.
    """
    return layers * bytes_per_weight * sum(o * i for o, i in mlp_shapes(width, depth, expansion))
