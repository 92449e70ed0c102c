"""What must not cost points, and what must not give any: precision and defaults of torch, and ways round a check."""

import gc
import importlib
import json
import math
import os
import subprocess
import sys
import threading

import pytest
import torch
from test_exercises import EXERCISES, answer, lost

from titans_course.exercises.seal import SEAL, Seal
from titans_course.language import VARIABLE

each = pytest.mark.parametrize("name", EXERCISES)
COUNTED = {"quantize_rows"}  # its codes are int8 by the text, and rounding at the border is not one code's affair


def in_float32(thing):
    """The same with every float64 tensor in float32."""
    if isinstance(thing, torch.Tensor) and thing.dtype == torch.float64:
        return thing.float()
    return type(thing)(in_float32(part) for part in thing) if type(thing) in (list, tuple) else thing


@each
def test_an_answer_in_float32_counts(name):
    right = answer(name)

    def single(*args):
        return in_float32(right(*args))

    def all_single(*args):
        return right(*(in_float32(arg) for arg in args))

    for seed in (0, 5, 99):
        assert lost(name, single, seed) == {}
        if name not in COUNTED:
            assert lost(name, all_single, seed) == {}


def test_half_precision_is_named():
    def half(M, k, v):
        return answer("rank_one_gradient")(M, k, v).half()

    assert "torch.float16, which has 3 digits" in lost("rank_one_gradient", half)["value"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_defaults_that_a_cell_sets_cost_nothing(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        left = {name: lost(name, answer(name)) for name in ("rank_one_gradient", "excess", "kl_retention", "coef")}
        assert torch.get_default_dtype() == dtype  # the cell's own choice is left as it is
    finally:
        torch.set_default_dtype(before)
    assert not any(left.values()), left


def test_a_default_device_costs_nothing():
    torch.set_default_device("meta")
    try:
        assert lost("rank_one_gradient", answer("rank_one_gradient")) == {}
        assert lost("huber_slope", answer("huber_slope")) == {}
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


def _frames(start):
    while start is not None:
        yield start
        start = start.f_back


@each
def test_no_frame_of_the_check_exists_while_the_function_runs(name):
    right, seen = answer(name), set()

    def spy(*args):
        frames = [*_frames(sys._getframe()), *(f for top in sys._current_frames().values() for f in _frames(top))]
        seen.update(f"{f.f_code.co_filename.rpartition('/')[2]}:{f.f_code.co_name}" for f in frames)
        assert not [f for f in frames if "wanted" in f.f_locals or "slips" in f.f_locals or "draw" in f.f_locals]
        return right(*args)

    assert lost(name, spy) == {}
    assert not [where for where in seen if where.endswith(("_value", "_property"))]


def test_a_profiler_sees_no_frame_of_the_check():
    seen = []
    sys.setprofile(lambda frame, event, _: seen.append(frame.f_code.co_name))
    try:
        assert lost("reach_of", answer("reach_of")) == {}
    finally:
        sys.setprofile(None)
    assert seen and not [name for name in seen if name in ("_reach_value", "_reach_property")]


def test_nothing_of_the_check_is_left_for_the_garbage_collector():
    found = []

    def search(*args):
        found.extend(thing for thing in gc.get_objects() if type(thing).__name__ in ("_Unwound", "Draw"))
        return answer("reach_of")(*args)

    assert lost("reach_of", search) == {}
    assert found == []


PATCHES = {
    "torch.isclose": "lambda *args, **kwargs: torch.tensor(True)",
    "torch.allclose": "lambda *args, **kwargs: True",
    "torch.equal": "lambda *args: True",
    "torch.Tensor.all": "lambda *args: torch.Tensor.any(torch.ones(1))",
    "math.isnan": "lambda x: False",
    "statistics.fmean": "lambda x: 0.0",
    "builtins.isinstance": "lambda *args: True",
    "titans_course.exercises.values.agree": "lambda *args, **kwargs: None",
    "titans_course.exercises.answer.require": "lambda *args: None",
}
SCRIPT = """
import builtins, json, math, os, statistics, sys, torch
import titans_course.exercises as exercises
from titans_course.exercises import check_delta_step

inside, patches = json.loads(sys.argv[1])
for name, new in patches.items():  # each in a process of its own, which has the modules already
    if (child := os.fork()) == 0:
        space, _, last = name.rpartition(".")
        where, thing = eval(space, vars() | {"titans_course": sys.modules["titans_course"]}), eval(new)
        try:
            if not inside:
                setattr(where, last, thing)
            check_delta_step(lambda M, k, v, theta: (setattr(where, last, thing), M)[1])
        except exercises.Wrong as wrong:
            os.write(1, f"refused: {name}: {wrong}\\n".encode())
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the patches are tried in forked processes")
@pytest.mark.parametrize("language, word", [("en", "replaced"), ("zh", "换掉了")])
@pytest.mark.parametrize("inside", [False, True], ids=["in a cell", "while it is called"])
def test_a_replaced_function_of_a_library_is_named(inside, language, word):
    command = [sys.executable, "-c", SCRIPT, json.dumps([inside, PATCHES])]
    done = subprocess.run(
        command, capture_output=True, encoding="utf8", check=False, env={**os.environ, VARIABLE: language}
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("refused:")]
    assert len(lines) == len(PATCHES), (done.stdout, done.stderr[-500:])
    assert all(word in line and line.count(line.split(": ")[1].rpartition(".")[2]) > 1 for line in lines), lines


def test_a_new_method_that_hides_an_inherited_one_is_found():
    class Base:
        def sum(self):
            return 1

    class Child(Base):
        pass

    seal = Seal()
    seal.add(Child)
    assert seal.broken() is None
    Child.sum = lambda self: 2
    assert seal.broken() == "Child.sum"


def test_ordinary_work_breaks_no_seal():
    torch.nn.functional.huber_loss(torch.ones(2), torch.zeros(2))
    torch.func.vmap(torch.sin)(torch.ones(2))
    threading.Thread(target=math.sqrt, args=(2.0,)).start()
    importlib.import_module("torch._dynamo")  # torch.compile and models on device meta load it
    assert SEAL.broken() is None


def test_a_buffer_that_is_used_again_does_not_hide_a_change():
    kept = torch.zeros(20, dtype=torch.float64)

    def shared(raw):  # sees the whole stream, and returns the same tensor each time
        kept.resize_(len(raw)).copy_(((raw - raw.mean()) / (4 * raw.std(correction=0) + 1e-9)).clamp(0, 1))
        return kept

    assert "changed when token 12 did" in lost("excess", shared)["property"]
