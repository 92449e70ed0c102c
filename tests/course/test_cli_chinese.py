"""`titans-mini` in Chinese: when it is asked for, what is translated, and what stays the same in both languages."""

import argparse
import gettext
import inspect
import io
import itertools
import json
import re
import sys

import pytest
from words import HAN

from titans_course.claims import CLAIMS
from titans_course.language import catalogue
from titans_mini.cli import main, stream, tune
from titans_mini.cli.commands import make_parser
from titans_mini.cli.parsing import broken, columns, own_words
from titans_mini.language import VARIABLE, answering, say, wanted
from titans_mini.messages import Message
from titans_mini.tune import TuneConfig
from titans_mini.tune import tune as search

QUICK = ["simulate", "--tokens", "60", "--width", "8"]
NAMES = ("LC_ALL", "LC_MESSAGES", "LANG")


def all_commands(language: str = "zh") -> dict[str, argparse.ArgumentParser]:
    with answering(language), own_words():
        (commands,) = (one for one in make_parser()._actions if isinstance(one, argparse._SubParsersAction))
    for listed in commands._choices_actions:
        commands.choices[listed.dest].listed = listed.help
    return commands.choices


COMMANDS = all_commands("en")


@pytest.fixture
def chinese(monkeypatch):
    monkeypatch.setenv(VARIABLE, "zh")


def told(arguments: list[str], capsys) -> str:
    """The one line on stderr of a command that is refused."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err.removeprefix("titans-mini: ").rstrip("\n")


# When


@pytest.mark.parametrize(
    ("names", "language"),
    [
        ({}, "en"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "POSIX"}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "zha_CN"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_ALL": "", "LC_MESSAGES": "zh_SG"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", VARIABLE: "en"}, "en"),
        ({"LANG": "C", VARIABLE: "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", VARIABLE: ""}, "zh"),
    ],
)
def test_the_language_is_that_of_the_variable_or_else_of_the_locale(names, language, monkeypatch):
    for name in (VARIABLE, *NAMES):
        monkeypatch.delenv(name, raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert wanted() == language


@pytest.mark.parametrize(
    ("name", "language"),
    [("Chinese (Simplified)_China", "zh"), ("zh_CN", "zh"), ("English_United States", "en"), (None, "en")],
)
def test_where_no_variable_is_set_python_says_what_the_system_speaks(name, language, monkeypatch):
    for variable in (VARIABLE, *NAMES):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("locale.getlocale", lambda: (name, None))
    assert wanted() == language


def test_another_language_ends_in_one_line_that_names_the_choices(monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "de")
    assert told(["miras"], capsys) == f"{VARIABLE} must be one of en, zh, not 'de'"


@pytest.mark.parametrize(("encoding", "shows"), [("utf-8", True), ("gbk", True), ("ascii", False),
                                                 ("latin-1", False), ("cp1252", False), ("big5", False)])  # fmt: skip
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_terminal_without_these_characters_gets_english_and_no_escapes(name, encoding, shows, chinese, monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, name, io.TextIOWrapper(written, encoding=encoding))
    assert main(["simulate", "--tau", "7"] if name == "stderr" else QUICK) == (2 if name == "stderr" else 0)
    getattr(sys, name).flush()
    text = written.getvalue().decode(encoding)
    assert bool(HAN.search(text)) == shows and "\\u" not in text


@pytest.mark.parametrize("error", [None, ImportError("no Babel")])
def test_without_what_speaks_chinese_all_is_english(error, chinese, monkeypatch, capsys):
    class Joined:
        def load(self):
            raise error

    monkeypatch.setattr("titans_mini.language.entry_points", lambda **_: [Joined()] if error else [])
    assert told(["simulate", "--tau", "7"], capsys) == "tau must be a number from 0 to 1, not 7.0"


@pytest.mark.parametrize(("given", "opened"), [([], "zh"), (["--language", "en"], "en")])
def test_the_lessons_open_in_the_language_of_the_command(given, opened, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    started = []
    monkeypatch.setattr("subprocess.call", lambda command, **how: started.append(how["env"]) or 0)
    assert main(["lab", "--no-browser", "--folder", str(tmp_path), *given]) == 0
    assert started[0][VARIABLE] == opened and "节课复制到" in capsys.readouterr().out


def test_a_command_leaves_no_language_behind(chinese, capsys):
    main(["simulate", "--tau", "7"])
    assert say("step") == "step" and argparse._ is gettext.gettext and argparse.ngettext is gettext.ngettext


# What


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_each_of_its_flags_has_its_help_in_chinese(name):
    command = all_commands()[name]
    texts = {action.option_strings[-1]: action.help for action in command._actions}
    assert len(texts) > 0 and {flag: text for flag, text in texts.items() if not HAN.search(text or "")} == {}
    assert HAN.search(command.description) and HAN.search(command.listed)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_help_page_has_no_english_frame_and_fits_the_terminal(name, chinese, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([name, "--help"])
    page = capsys.readouterr().out
    assert page.startswith(f"用法：titans-mini {name} ") and "\n选项" in page
    for line in page.partition("\n\n")[0].splitlines()[1:]:  # of the usage
        assert len(line) - len(line.lstrip()) == columns(f"用法：titans-mini {name} ")
    assert re.findall(r"\b(usage|options|default|show|message|none|given)\b", page) == []
    assert [line for line in page.splitlines() if columns(line) > 80] == []


def test_a_range_and_a_default_are_said_in_chinese(chinese, capsys):
    with pytest.raises(SystemExit):
        main(["simulate", "--help"])
    page = "".join(capsys.readouterr().out.split())
    assert "写入门的惊讶度阈值（0到1；默认0.3）" in page and "（surprise,constant；默认surprise）" in page


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["fly"], r"参数 COMMAND：没有 'fly' 这个选项（可选：'simulate', .*）"),
        ([], "缺少必需的参数：COMMAND"),
        (["simulate", "--wings", "2"], "无法识别的参数：--wings 2"),
        (["simulate", "--tau"], "参数 --tau：需要一个值"),
        (["simulate", "--tau", "high"], "参数 --tau：'high' 不是有效的 float 值"),
        (["simulate", "--de", "1"], "选项 --de 不明确，可能是 --device, --depth, --decay"),
        (["simulate", "--json=1"], "参数 --json：这个选项不接受值，却给了 '1'"),
        (["tune", "--tau"], "参数 --tau：至少需要一个值"),
        (["simulate", "--tau", "7"], r"tau 须为 0 到 1 之间的数，而不是 7\.0"),
        (["simulate", "--depth", "9"], "depth 须为 1 到 4 之间的整数，而不是 9"),  # the flag's name, not the app's word
        (["simulate", "--file", "no.txt"], r"文本文件 'no\.txt' 无法读取：没有这个文件或文件夹"),
        ([*QUICK, "--out", "no-such-folder/x.csv"], r"out 'no-such-folder/x\.csv' .*：没有这个文件或文件夹"),
        (["simulate", "--file", "x", "--scenario", "noise"], "--file 只能与 --scenario text 一起使用，而不是 noise"),
        (["tune", "--maps"], "--maps 只能与 --out 一起使用，即要写入的文件夹"),
        (["train", "--out", "x", "--key-width", "3"], "key_width 须为偶数，而不是 3"),
        (["eval", "--checkpoint", "recall-lmm", "--format", "text"], "--format 只能与 --file 一起使用"),
        (["app", "--port", "0"], "port 须为 1 到 65535 之间的整数，而不是 0"),
    ],
)
def test_a_mistake_is_one_line_in_chinese(arguments, line, chinese, capsys):
    found = told(arguments, capsys)
    assert re.fullmatch(line, found), found


def test_the_limits_of_a_machine_are_told_in_chinese(chinese, monkeypatch, capsys):
    def greedy(*_, **__):
        raise MemoryError

    monkeypatch.setattr("titans_mini.cli.commands.simulate", greedy)
    assert told(QUICK, capsys) == "这台机器的内存不够；请改用更小的规模"

    def full(*_, **__):
        raise OSError(28, "No space left on device", "trace")

    monkeypatch.setattr("titans_mini.cli.commands.simulate", full)
    assert told(QUICK, capsys) == "trace：磁盘空间不足"


def test_argparse_s_words_keep_what_is_filled_in():
    own = {text for text in re.findall(r"'([^'\n]+)'|\"([^\"\n]+)\"", inspect.getsource(argparse)) for text in text}
    said = {key: text for (context, key), text in catalogue("zh").items() if context is None and key in own}
    holes = {key: text for key, text in said.items() if "%" in key}
    assert len(holes) > 5
    for key, text in holes.items():
        assert sorted(re.findall(r"%(?:\(\w+\))?\w", text)) == sorted(re.findall(r"%(?:\(\w+\))?\w", key)), key


@pytest.mark.parametrize("name", ["stream", "tune"])
def test_a_stopped_command_says_in_chinese_what_is_saved(name, chinese, monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(stream.Reader, "run", stopped)
    monkeypatch.setattr(tune, "tune", stopped)
    assert main([name, "--quiet"]) == 130
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "停止；没有 --out，什么也没有保存" in line


def test_the_summary_of_a_run_has_its_names_and_what_they_mean(chinese, capsys):
    assert main(QUICK) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 8 and all(re.match(r"[a-z_1]+k? +\S+ +\S", line) and HAN.search(line) for line in lines)


def test_the_design_space_is_described_in_chinese(chinese, capsys):
    assert main(["miras"]) == 0
    described = re.findall(r"^  \w+ +(.+)$", capsys.readouterr().out, re.M)
    described = [text for text in described if "[" not in text and " + " not in text]
    assert len(described) > 40 and [text for text in described if not HAN.search(text)] == []


def test_a_search_is_described_in_chinese_and_its_columns_stand_in_line():
    found = search(TuneConfig(tokens=100, final_tokens=100, seeds=1, tau=(0.1, 0.5), beta=(0.5,), lam=(1e-4,),
                              depth=(1,), width=8))  # fmt: skip
    with answering("zh"):
        head, first, *_, price, verdict = tune.describe(found).splitlines()
    assert columns(head) == columns(first) and "每千词元写入" in head
    assert "词元更新" in price and "噪声未知" in verdict and "not" not in verdict


def test_a_stream_is_described_in_chinese():
    results = {"marks": [{"tokens": 10, "seconds": 1.0, "peak_mb": None}], "slope": 1.0, "memory_ratio": 1.0}
    results |= {"tokens_per_second": 10.0, "wanted": "x", "said": "y", "share_recalled": 0.5, "recalled": False}
    with answering("zh"):
        lines = stream.describe(results).splitlines()
    assert columns(lines[0]) == columns(lines[1]) and "未知" in lines[1]
    assert all(HAN.search(line) for line in lines) and lines[-1].endswith("记住了 50%")


def test_the_audit_lists_the_article_s_own_words(chinese, capsys):
    assert main(["claims", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(CLAIMS)
    for line, (key, row) in zip(lines, CLAIMS.items(), strict=True):
        assert line.startswith(key) and line.endswith(row.claim_zh) and "holds" not in line.removesuffix(row.claim_zh)


def test_a_progress_bar_counts_in_chinese(chinese, tmp_path, capsys):
    shape = "--variant lmm --dim 8 --heads 1 --window 4 --chunk 4 --layers 1 --rows 1 --size 4 --start-size 4"
    assert main(["train", *shape.split(), "--steps", "2", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert re.search("步/s|s/步", printed.err) and json.loads(printed.out)["results"]


# What stays the same


@pytest.mark.parametrize(
    "arguments",
    [
        [*QUICK, "--json"],
        ["eval", "--checkpoint", "recall-lmm", "--size", "16", "--rows", "2"],
        ["tune", "--tokens", "100", "--final-tokens", "200", "--seeds", "1", "--width", "8", "--depth", "1",
         "--tau", "0.3", "--beta", "0.7", "--keep", "1", "--json", "--quiet"],
    ],
)  # fmt: skip
def test_json_is_the_same_bytes_in_both_languages(arguments, monkeypatch, capsys):
    found = []
    for language in ("en", "zh"):
        monkeypatch.setattr("time.perf_counter", itertools.count().__next__)
        monkeypatch.setenv(VARIABLE, language)
        assert main(arguments) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] and json.loads(found[0])


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_a_file_is_the_same_in_both_languages(suffix, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("time.perf_counter", lambda: 0.0)
    for language in ("en", "zh"):
        monkeypatch.setenv(VARIABLE, language)
        assert main([*QUICK, "--out", str(tmp_path / f"{language}.{suffix}")]) == 0
    assert (tmp_path / f"en.{suffix}").read_bytes() == (tmp_path / f"zh.{suffix}").read_bytes()


# Lines


def test_lines_of_chinese_break_by_columns_and_begin_with_no_punctuation():
    text = "记忆边读边学，（惊讶度）超过 tau 时，写入 gate-cost 打开。" * 3
    for width in range(12, 60):
        lines = broken(text, width)
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")
        assert all(columns(line) <= width for line in lines)
        assert all(line[0] not in "，。）；" and line[-1] not in "（" for line in lines)
    assert columns("记忆 ab") == 7


def test_a_name_that_a_person_chose_is_never_translated():
    with answering("zh"):
        assert say("{file}: {reason}", file="loss", reason=Message("Permission denied")) == "loss：权限不足"
        assert say("{name} must divide dim: {count} does not divide {dim}", name=Message("heads"), count=3, dim=8) == (
            "heads 须整除 dim：3 不能整除 8"
        )
