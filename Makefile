# One command each: `make` alone lists them. Every target makes its own environment first.

VENV ?= .venv
# The interpreter that makes the environment; empty: the first suitable one of python3.11, 3.12, 3.13 and python3.
PYTHON ?=
# A package index to take torch from before all else; https://download.pytorch.org/whl/cpu has the small CPU build.
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip --require-virtualenv --disable-pip-version-check install -c constraints.txt
# Written after all else, so that an interrupted set-up does not count as done.
STAMP := $(VENV)/.installed

CODE = $(wildcard titans_mini titans_course app tests notebooks tools benchmarks)
# Those of which every output must stay, not just those marked NBVAL_CHECK_OUTPUT; figures carry a tag and are left out.
STRICT := notebooks/02_momentum_and_forgetting.ipynb notebooks/11_bug_hunt.ipynb
# Of `make claims`: the folder of training runs text-VARIANT-SEED, for the row on the variants' order.
RUNS ?=
# One thread in each worker: the workers already fill the cores.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

# The script's one line goes out through make's own error, which adds no second line.
found = $(shell $(SHELL) tools/check_python.sh "$(PYTHON)" 2>&1)
usable = $(if $(filter titans_mini:,$(firstword $1)),$(error $1),$1)

.PHONY: help setup app lab test bench claims lint exercises

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## make the environment in VENV (.venv) and install the tested versions

app: $(STAMP) ## open the simulator
	$(BIN)/titans-mini app

lab: $(STAMP) ## open the notebooks in JupyterLab
	$(BIN)/titans-mini lab

test: lint ## check everything: style, tests, notebooks
	$(PYTEST) tests
	$(PYTEST) --nbval --nbval-current-env $(STRICT)
	$(PYTEST) --nbval-lax --nbval-current-env notebooks $(addprefix --ignore=,$(STRICT))

bench: $(STAMP) ## measure speed and memory beside a peer (an hour), and write BENCHMARKS.md
	$(BIN)/python -m benchmarks

exercises: $(STAMP) ## make the student and solution copies of the classroom exercises from their sources
	$(BIN)/python tools/exercises.py

claims: $(STAMP) ## measure in full each claim that has no full result yet (an hour), and write CLAIMS.md
	$(BIN)/titans-mini claims --size full $(if $(RUNS),--runs $(RUNS))

lint: $(STAMP) ## check the style and the import contracts
	$(BIN)/python -m ruff check $(CODE)
	$(BIN)/python -m ruff format --check $(CODE)
	$(BIN)/lint-imports --no-cache --no-logo

$(STAMP): pyproject.toml constraints.txt
	@$(SHELL) tools/make_venv.sh "$(call usable,$(found))" "$(VENV)"
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) torch)
	$(PIP) -e '.[all]'
	@touch $@
	@rm $(VENV).unfinished
