"""What weights of few bits cost: sizes, scores and times of a model, and every way to read one layer."""

import pytest
import torch

from titans_course.studies.latency import READERS, read_latencies, report
from titans_mini import ConfigError, TitansConfig, TitansLM
from titans_mini.training.checkpoint import load_model


def make_lm():
    config = TitansConfig(variant="lmm", vocab_size=11, dim=8, layers=2, heads=2, window=4, chunk=4)
    return TitansLM(config).eval().requires_grad_(False)


def test_the_report_has_a_row_for_each_kind():
    table = report(load_model("recall-lmm"), "recall", 8, rows=4, repeats=1)
    assert [row["weights"] for row in table] == ["fp32", "int8", "int4"]
    assert [row["bytes"] for row in table] == [262144, 65536 + 2560, 32768 + 2560]  # 2 layers, 64 -> 256 -> 64
    assert table[0]["change_on"] == table[0]["change_frozen"] == 0
    assert all(row["latency_on_us"] > 0 and row["latency_frozen_us"] > 0 for row in table)


def test_every_way_of_reading_gives_the_product():
    weight, x = torch.randn(2, 32, 32, generator=torch.Generator().manual_seed(0))
    wanted = x[:1] @ weight.T
    errors = {name: (reader(weight, x[:1])() - wanted).norm() / wanted.norm() for name, reader in READERS.items()}
    assert errors["fp32"] == 0 and errors["int8, restored"] < 0.01 and errors["int4, restored"] < 0.2
    assert errors["bf16"] < 0.02 and errors["int8, bf16 kernel"] < 0.02
    assert read_latencies(8, repeats=1, readers=["fp32", "int8, bf16 kernel"]).keys() == {"fp32", "int8, bf16 kernel"}


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: report(make_lm(), "recall", 8), "task"),
        (lambda: report(make_lm(), "nothing", 8), "task"),
        (lambda: report(make_lm(), "recall", 8, repeats=0), "repeats"),
        (lambda: read_latencies(0), "dim"),
        (lambda: read_latencies(8, readers=["fp7"]), "readers"),
    ],
)
def test_bad_input_names_the_setting(call, name):
    with pytest.raises(ConfigError, match=name):
        call()
