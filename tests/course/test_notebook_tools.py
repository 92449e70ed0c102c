"""What keeps the notebooks correct and small: nbval notices a changed output, and `tools/notebooks.py` cleans them."""

import re
import shutil
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import nbformat
import pytest
from lessons import FILES, ROOT, cells, small_notebook, tagged, tool

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf8")
PLAIN = "print(round(0.123456, 3))"


def nbval(folder, option: str) -> str:
    """What a failing `pytest option` prints about the notebooks in a folder."""
    command = [sys.executable, "-m", "pytest", option, "--nbval-current-env", "-p", "no:cacheprovider", "-rA"]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stdout
    return result.stdout


def write(folder, **stored: tuple) -> None:
    for name, notebook in stored.items():
        nbformat.write(small_notebook(*notebook), folder / f"{name}.ipynb")


def test_lax_a_checked_number_changed_by_hand_makes_the_run_fail(tmp_path):
    write(tmp_path, true=("0.123",), tampered=("0.124",), unchecked=("0.124", PLAIN))
    output = nbval(tmp_path, "--nbval-lax")
    assert "PASSED true.ipynb::Cell 0" in output and "PASSED unchecked.ipynb::Cell 0" in output
    assert "FAILED tampered.ipynb::Cell 0" in output


def test_strict_any_output_changed_by_hand_makes_the_run_fail(tmp_path):
    write(tmp_path, true=("0.123", PLAIN), tampered=("0.124", PLAIN))
    output = nbval(tmp_path, "--nbval")
    assert "PASSED true.ipynb::Cell 0" in output and "FAILED tampered.ipynb::Cell 0" in output


def strict() -> list[str]:
    (names,) = re.findall(r"^STRICT := (.+)$", MAKEFILE, flags=re.MULTILINE)
    return names.split()


def test_make_runs_each_notebook_once_and_the_strict_ones_strictly():
    assert len(strict()) >= 2 and {ROOT / name for name in strict()} <= set(FILES)
    assert "--nbval --nbval-current-env $(STRICT)" in MAKEFILE
    others = "notebooks --ignore=notebooks/zh $(addprefix --ignore=,$(STRICT))"
    assert f"--nbval-lax --nbval-current-env {others}" in MAKEFILE
    assert "TITANS_MINI_LANGUAGE=zh $(PYTEST) --nbval-lax --nbval-current-env notebooks/zh" in MAKEFILE


@pytest.mark.parametrize("name", strict())
def test_a_strict_notebook_leaves_out_only_figures(name):
    """Their numbers differ in the last digit between machines."""
    for cell in cells(ROOT / name, "code"):
        drawn = any("application/vnd.plotly.v1+json" in output.get("data", {}) for output in cell.outputs)
        assert drawn == ("nbval-ignore-output" in cell.metadata.get("tags", [])), cell.source


def test_refreshing_removes_what_makes_a_notebook_large(tmp_path):
    notebook = small_notebook("0.1")
    notebook.metadata["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    notebook.metadata["kernelspec"]["name"] = "my-env"
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a"}, "text/plain": "a panel"}
    notebook.cells[0].outputs.append(nbformat.v4.new_output("display_data", data=view))
    nbformat.write(notebook, tmp_path / "a.ipynb")
    tool("notebooks").refresh(tmp_path / "a.ipynb", execute=False)
    clean = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    assert clean.metadata.kernelspec.name == "python3" and "widgets" not in clean.metadata
    assert clean.cells[0].outputs[1].data == {"text/plain": "a panel"}


def pyproject(folder, address: str | None):
    """A pyproject.toml with this address, or without one."""
    urls = "" if address is None else f'[project.urls]\nRepository = "{address}"\n'
    path = folder / "pyproject.toml"
    path.write_text(f'[project]\nname = "a"\n{urls}', encoding="utf8")
    return path


@pytest.fixture
def public(tmp_path, monkeypatch):
    """tools/notebooks.py in a project with a public address, and a copy of a lesson; its neighbour is there, too."""
    notebooks = tool("notebooks")
    for path in FILES[:2]:
        shutil.copy(path, tmp_path)
    setting = pyproject(tmp_path, "https://github.com/some-one/titans.mini")
    monkeypatch.setattr(notebooks, "repository", lambda read=notebooks.repository: read(setting))
    return notebooks, tmp_path / FILES[1].name


def test_badges_need_a_public_address(public, tmp_path):
    notebooks, path = public
    notebook = nbformat.read(path, as_version=4)
    notebooks.install(notebook, None)
    bare = notebook.cells
    for _ in range(2):
        notebooks.refresh(path, execute=False)
        first, install, *others = nbformat.read(path, as_version=4).cells
        navigation, _, rest = first.source.partition("\n")
        assert rest == bare[0].source.partition("\n")[2] and [c.source for c in others] == [c.source for c in bare[1:]]
    assert navigation.startswith(notebooks.navigation(path))
    linked = re.findall(r"\[!\[[^\]]+\]\((https://\S+?)\)\]\((https://\S+?)\)", navigation)
    assert [link for _, link in linked] == [
        f"https://colab.research.google.com/github/some-one/titans.mini/blob/main/notebooks/{path.name}",
        f"https://mybinder.org/v2/gh/some-one/titans.mini/main?labpath=notebooks/{path.name}",
    ]
    assert "titans-mini[lessons] @ git+https://github.com/some-one/titans.mini" in install.source
    pyproject(tmp_path, None)
    notebooks.refresh(path, execute=False)
    first, *others = nbformat.read(path, as_version=4).cells
    assert first.source.partition("\n")[::2] == (notebooks.navigation(path), rest)
    assert [cell.source for cell in others] == [cell.source for cell in bare[1:]]


@pytest.mark.parametrize("on_colab", [False, True])
def test_the_cell_for_colab_installs_on_colab_alone(public, monkeypatch, on_colab):
    """Elsewhere, and without the package, it must do nothing: it neither imports google.colab nor calls pip."""
    notebooks, path = public
    notebooks.refresh(path, execute=False)
    (cell,), asked = tagged(path, notebooks.INSTALLS), []
    colab = SimpleNamespace(output=SimpleNamespace(enable_custom_widget_manager=lambda: asked.append("widgets")))
    monkeypatch.setattr(subprocess, "run", lambda command, check: asked.append(command[1:]))
    if on_colab:
        monkeypatch.setitem(sys.modules, "google.colab", colab)
    exec(cell.source, {})
    package = "titans-mini[lessons] @ git+https://github.com/some-one/titans.mini"
    assert asked == ([["-m", "pip", "install", "-q", package], "widgets"] if on_colab else [])


def test_what_colab_installs_leaves_its_own_jupyter_alone():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["project"]["optional-dependencies"]
    assert not [name for name in extras["lessons"] if "jupyter" in name or "notebook" in name]
    assert [name for name in extras["notebooks"] if "titans-mini[lessons]" in name]


@pytest.mark.parametrize("address", ["https://github.com/a/b", "https://github.com/a/b.git", "https://github.com/a/b/"])
def test_addresses_that_can_be_opened(tmp_path, address):
    assert tool("notebooks").repository(pyproject(tmp_path, address)) == "a/b"


@pytest.mark.parametrize("address", ["https://gitlab.com/a/b", "github.com/a/b", "https://github.com/a", ""])
def test_an_address_that_cannot_be_opened_is_named(tmp_path, address):
    with pytest.raises(ValueError, match="Repository must be https://github.com/OWNER/NAME"):
        tool("notebooks").repository(pyproject(tmp_path, address))
