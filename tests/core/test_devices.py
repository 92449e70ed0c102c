"""The door by which everything reaches another device."""

import pytest
import torch

from titans_mini import ConfigError
from titans_mini.devices import usable_device


@pytest.mark.parametrize("name", ["gpu", "cuda:7", "meta", "", 3, None])
def test_a_device_that_is_not_there_is_one_line_with_those_that_are(name, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"^device must be one that this machine and its torch have \(cpu\), not "):
        usable_device(name)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ConfigError, match=r"\(cpu, cuda, cuda:0, cuda:1\), not "):
        usable_device(name)


def test_a_device_that_is_there_is_found_by_its_name(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    for name in ("cpu", "cuda", "cuda:1"):
        assert usable_device(name) == usable_device(torch.device(name)) == torch.device(name)
