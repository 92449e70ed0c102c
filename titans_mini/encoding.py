"""Which keys and values a simulation reads: those of data/encode.py, or those of a trained text model.

The trained ones are what the last memory of a bundled model writes while it reads the same bytes: behind the first
layer, whose attention sees 16 bytes and whose memory is on, and behind that last memory's own convolution.

In the model, the key and the value of a token both hold its byte. Here a value goes with the key of the byte before, so
that, as with the fixed encoding, a key knows only what came before, and the answer to it is what the memory expects. A
value is nearest to the mean of its own byte's values (97 % of conv-mag's on the bundled text, 78 % of
conv-mag-surprise's), and hardly ever to that of the byte before or after (4 %).
"""

import functools

import torch
from torch import Tensor

from .config import SimulationConfig
from .data import Stream, make_stream
from .data.encode import BLANK
from .defaults import plain_defaults
from .threads import one_thread
from .training.checkpoint import load_model

SAMPLE = 2000  # bytes at the start of the source over which values have norm 1 in root mean square
PIECE = 16_384  # bytes that the model reads at once, and of the longest stream whose pairs are kept; 8 MB


def read_stream(config: SimulationConfig, text: str | None = None) -> Stream:
    """The stream that `simulate` reads with these settings and this text. Raises ConfigError."""
    encode = None if config.encoding == "fixed" else functools.partial(_encode, config.encoding)
    return make_stream(config.scenario, config.tokens, config.memory.dim, config.seed, text, encode)


def _encode(name: str, reference: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    """Keys and values (t, dim) of ids (t,), which begin as the reference does, or it as they do."""
    sample = reference[:SAMPLE]
    source = max(ids, sample, key=len)
    features = _features if len(source) <= PIECE else _features.__wrapped__
    keys, values = features(name, source.to(torch.uint8).numpy().tobytes())
    scale = values[: len(sample)].square().sum(-1).mean().sqrt()
    return keys[: len(ids)], values[: len(ids)] / scale


@functools.lru_cache(maxsize=4)
@plain_defaults()
@one_thread()
@torch.inference_mode(False)  # what is kept may be used where gradients are needed
@torch.no_grad()
def _features(name: str, content: bytes) -> tuple[Tensor, Tensor]:
    """The model's own keys, each of the byte before, and its values, as they are: (t, dim) each."""
    model, parts = load_model(name), []
    first, last = model.layers
    state, tail = first.mixer.initial_state(1), last.mixer.memory.initial_state().conv
    for piece in torch.frombuffer(bytearray([BLANK]) + content, dtype=torch.uint8).long().split(PIECE):
        x = model.embed(piece[None])  # (1, t, dim)
        x, state = first(x, x, state, "on")
        tokens, tail = last.mixer.memory._project(last.norms[0](x), tail)
        parts.append((tokens.keys[0], tokens.values[0]))
    keys, values = (torch.cat(series) for series in zip(*parts, strict=True))
    return keys[:-1], values[1:]
