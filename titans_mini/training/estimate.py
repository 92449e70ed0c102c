"""What a training needs, counted without doing it: one step runs on meta tensors, which have shapes and no numbers.

So there is no formula to keep in step with the code: what is counted is what the model and the optimizer do.
"""

import time
import weakref
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from ..memory.neural import NeuralMemory
from ..memory.tree import tensors
from ..models.config import TitansConfig
from .tasks import make_batch
from .train import TrainConfig, cut, learn, make_model, make_optimizer

aten = torch.ops.aten


class Speed(NamedTuple):
    """What a device does in a second, and the seconds that an operation takes before it does anything."""

    flops: float
    bytes: float = float("inf")
    start: float = 0.0


class Estimate(NamedTuple):
    """A training's need. Bytes are those of tensors; a process needs more, on the CPU about 0.3 GB."""

    parameters: int
    weights: int  # bytes, and as many for the gradients
    optimizer: int  # bytes of AdamW's two averages
    fast: int  # bytes of one sequence's fast weights and momentum, of all layers: one memory state
    states: int  # memory states of a sequence that a step keeps at least
    peak: int  # bytes of all tensors at the worst moment of a step
    tokens: int  # of a step, as those that follow
    flops: int  # of matrix products, the backward pass and what is computed again in it included
    moved: int  # bytes that operations read and write
    operations: int

    def seconds(self, speed: Speed) -> float:
        """Seconds of a step: its arithmetic, its traffic and its operations, one after the other."""
        return self.flops / speed.flops + self.moved / speed.bytes + self.operations * speed.start


class Count(TorchDispatchMode):
    """Counts what torch does inside it: products, traffic, operations, and the bytes of the tensors that live.

    Meta tensors are asked for numbers too: a truth is true, a number is 1, and a mask selects everything.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.moved = self.operations = self.live = self.peak = 0
        self._alive: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if operation is aten._local_scalar_dense.default and args[0].is_meta:
            return 1
        if operation is aten.index.Tensor and args[0].is_meta and getattr(args[1][0], "dtype", None) is torch.bool:
            mask = args[1][0]
            out = args[0].new_empty(mask.numel(), *args[0].shape[mask.dim() :])
        else:
            out = operation(*args, **kwargs)
        if not operation.is_view:
            packet = operation.overloadpacket
            product = flop_registry.get(packet) or flop_registry.get(getattr(aten, packet.__name__.rstrip("_"), None))
            self.flops += product(*args, **kwargs, out_val=out) if product else 0
            made, given = ([leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)] for tree in (out, args))
            self.moved += sum(tensor.nbytes for tensor in made + given)
            self.operations += 1
            for tensor in made:
                self._note(tensor)
        return out

    def _note(self, tensor: Tensor) -> None:
        """A tensor's storage lives until nothing refers to it."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return

        def drop(_: weakref.ref) -> None:
            del self._alive[key]
            self.live -= size

        self._alive[key] = weakref.ref(storage, drop)
        self.live += size
        self.peak = max(self.peak, self.live)


def estimate(model: TitansConfig, config: TrainConfig, source: Tensor | None = None, device: str = "meta") -> Estimate:
    """Counts one step at full `size`, the first steps being over: on meta tensors, or in earnest on another device."""
    batch = make_batch(config.task, config.rows, config.size, torch.Generator().manual_seed(0), source=source)
    pieces = [
        piece._replace(ids=piece.ids.to(device), ask=piece.ask.to(device)) for piece in cut(batch, config.truncate)
    ]
    with Count() as count:
        with torch.device("cpu" if config.body else device):  # a body is read from its file
            lm = make_model(model, config).to(device)
        weights, optimizer = count.live, make_optimizer(lm, config)
        for parameter in lm.parameters():
            parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
        optimizer.step()
        optimizer.zero_grad()
        held, count.flops, count.moved, count.operations, count.peak = count.live, 0, 0, 0, count.live
        learn(lm, optimizer, pieces, memory=config.memory, gate_cost=config.gate_cost)
        found = count.flops, count.moved, count.operations
        memories = [module for module in lm.modules() if isinstance(module, NeuralMemory)]
        begun = [memory.initial_state() for memory in memories if config.memory == "on"]
    fast = sum(tensor.nbytes for state in begun for tensor in tensors((state.weights, state.momentum)))
    length, block = pieces[0].ids.shape[1] - 1, NeuralMemory.block * model.chunk
    before = (length - 1) // block  # blocks of which only the start is kept
    states = before + (length - before * block) // model.chunk + 1  # and of the last one each chunk's, and the end
    sizes = sum(parameter.numel() for parameter in lm.parameters()), weights, held - weights, fast, states
    return Estimate(*sizes, count.peak, batch.ids[:, 1:].numel(), *found)


def measure_speed(device: str, size: int = 1024, repeats: int = 5) -> Speed:
    """The best of some products of square matrices, their sums, and sums of single numbers, in float32."""
    matrix, other, made, one = (torch.ones(shape, device=device) for shape in (*[(size, size)] * 3, 1))

    def best(call: Callable[[], object]) -> float:
        seconds = []
        for _ in range(repeats):
            began = time.perf_counter()
            call()
            if matrix.is_cuda:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - began)
        return min(seconds)

    product, total = (best(lambda call=call: call(matrix, other, out=made)) for call in (torch.mm, torch.add))
    return Speed(2 * size**3 / product, 3 * made.nbytes / total, best(lambda: [one + one for _ in range(1000)]) / 1000)
