"""`titans-mini app` and `lab`: what cannot work is one line and exit code 2, before anything is loaded."""

import json
import socket
from pathlib import Path

import pytest

from titans_mini.cli import main

pytest.importorskip("streamlit")


def refusal(capsys, *arguments: str) -> str:
    assert main([*arguments, "--no-browser"]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    return said.err


@pytest.mark.parametrize("command", ["app", "lab"])
def test_a_port_in_use_is_one_line(command, capsys):
    if command == "lab":
        pytest.importorskip("jupyterlab")
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        said = refusal(capsys, command, "--port", str(port))
        assert f"port {port} is in use" in said and "--port" in said


@pytest.mark.parametrize("address", ["192.0.2.1", "no.such.invalid", "a b", "::g"])
def test_an_address_of_no_network_of_this_machine_is_one_line(address, capsys):
    assert "address must be one of this machine" in refusal(capsys, "app", "--address", address)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ([], []),
        (["--address", "0.0.0.0"], ["--server.address=0.0.0.0"]),
        (["--address", "::1"], ["--server.address=::1"]),
    ],
)
def test_the_app_answers_this_machine_only_unless_asked(arguments, wanted, monkeypatch):
    asked = []
    monkeypatch.setattr("titans_course.cli.serving._serve", lambda command: asked.append(command) or 0)
    assert main(["app", "--no-browser", *arguments]) == 0
    (command,) = asked
    assert [part for part in command if "address" in part.lower()] == wanted


def test_lab_opens_copies_without_outputs_and_never_overwrites_a_learners_work(tmp_path, monkeypatch, capsys):
    pytest.importorskip("jupyterlab")
    started = []
    monkeypatch.setattr(
        "titans_course.cli.serving.subprocess.call", lambda command, **how: started.append((command, how["env"])) or 0
    )
    folder = tmp_path / "mine"
    assert main(["lab", "--no-browser", "--folder", str(folder)]) == 0
    home = Path(__file__).parents[2] / "notebooks"
    published = sorted(path.name for path in home.glob("*.ipynb"))
    assert sorted(path.name for path in folder.glob("*.ipynb")) == published
    count = len(published) + len([*home.glob("zh/*.ipynb")])
    assert capsys.readouterr().out.startswith(f"{count} lessons copied") and not [*folder.glob("zh/*.md")]
    assert f"--ServerApp.root_dir={folder}" in started[0][0] and started[0][1]["TITANS_MINI_LANGUAGE"] == "en"
    cells = json.loads((folder / "00_tour.ipynb").read_text(encoding="utf8"))["cells"]
    assert all(cell["outputs"] == [] for cell in cells if cell["cell_type"] == "code")
    assert (folder / "images" / "map_tour.png").stat().st_size > 1000 and (folder / "GLOSSARY.md").exists()
    assert (folder / "exercises" / "student").exists() and not (folder / "exercises" / "source").exists()
    (folder / "00_tour.ipynb").write_text("my work")
    (folder / "03_the_recipe.ipynb").unlink()
    assert main(["lab", "--no-browser", "--folder", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("1 lessons")
    assert (folder / "00_tour.ipynb").read_text() == "my work" and (folder / "03_the_recipe.ipynb").exists()
    assert main(["lab", "--no-browser", "--folder", str(folder), "--language", "zh"]) == 0
    assert any("zh/00_tour.ipynb" in part for part in started[-1][0]) and "zh" in started[-1][1].values()
    capsys.readouterr()
    assert "language must be one of en, zh" in refusal(capsys, "lab", "--language", "fr")
    (tmp_path / "file").write_text("")
    assert "folder must be one that can be written" in refusal(capsys, "lab", "--folder", str(tmp_path / "file"))
