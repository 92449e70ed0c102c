# `make` without a target lists the commands. Each of them first sets up the environment.

VENV ?= .venv
# The interpreter for the environment; if empty, the first suitable one of python3.11 to 3.14 and python3.
PYTHON ?=
# A package index from which torch is installed first; https://download.pytorch.org/whl/cpu has the small CPU build.
TORCH_INDEX ?=

BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip --require-virtualenv --disable-pip-version-check install -c constraints.txt
# One for each set-up, named after the extra that it installs. Written last, so that an interrupted one does not count.
APP := $(VENV)/.installed-app
LAB := $(VENV)/.installed-notebooks
ALL := $(VENV)/.installed-all
# What a set-up says before it starts.
ABOUT_app := the app (torch, Streamlit): about 1 minute and 1,800 MB
ABOUT_notebooks := the course (torch, JupyterLab): about 1 minute and 1,700 MB
ABOUT_all := everything, tests and tools included: about 1.5 minutes and 3,100 MB

CODE = $(wildcard titans_mini titans_course app examples tests notebooks tools benchmarks)
# Notebooks of which every output is compared, not only cells marked NBVAL_CHECK_OUTPUT; a tag leaves out figures.
STRICT := notebooks/02_momentum_and_forgetting.ipynb notebooks/11_bug_hunt.ipynb
# For `make claims`: the folder of training runs text-VARIANT-SEED, which the claim about the order of the variants needs.
RUNS ?=
# One thread in each worker: the workers already fill the cores.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder

# make's own error function prints the script's one line, so that no second line follows.
found = $(shell $(SHELL) tools/check_python.sh "$(PYTHON)" 2>&1)
usable = $(if $(filter titans_mini:,$(firstword $1)),$(error $1),$1)

.PHONY: help setup app lab test oldest bench claims lint exercises site wheel

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' Makefile

setup: $(ALL) ## set up the environment in VENV (.venv) with everything; the others take what they need

app: $(APP) ## open the simulator in the browser
	$(BIN)/titans-mini app

lab: $(LAB) ## open the course in JupyterLab
	$(BIN)/titans-mini lab

test: lint ## check everything: style, tests, notebooks
	$(PYTEST) tests
	$(PYTEST) --nbval --nbval-current-env $(STRICT)
	$(PYTEST) --nbval-lax --nbval-current-env notebooks --ignore=notebooks/zh $(addprefix --ignore=,$(STRICT))
	TITANS_MINI_LANGUAGE=zh $(PYTEST) --nbval-lax --nbval-current-env notebooks/zh

# uv is a resolver that can look for the oldest versions; it forgets what it found before only if the file is gone.
oldest: ## run the tests with the oldest dependencies that pyproject.toml allows, in .venv-oldest (5 GB)
	@$(SHELL) tools/make_venv.sh "$(call usable,$(found))" $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip --require-virtualenv --disable-pip-version-check install -q uv
	@rm -f $(VENV)-oldest/oldest.txt
	$(VENV)-oldest/bin/uv pip compile -q --resolution lowest-direct --all-extras --output-file $(VENV)-oldest/oldest.txt pyproject.toml
	$(VENV)-oldest/bin/uv pip install -q --python $(VENV)-oldest -r $(VENV)-oldest/oldest.txt -e .
	@rm $(VENV)-oldest.unfinished
	OMP_NUM_THREADS=1 $(VENV)-oldest/bin/python -m pytest -n auto --dist loadscope --no-loadscope-reorder tests

bench: $(ALL) ## measure speed and memory against a peer (an hour), and write BENCHMARKS.md
	$(BIN)/python -m benchmarks

exercises: $(ALL) ## generate the student and solution copies of the exercises from their sources
	$(BIN)/python tools/exercises.py

site: $(ALL) ## write the pages for a static host into site/: lessons, API, playground
	$(BIN)/python tools/site.py

wheel: $(ALL) ## build sdist and wheel into dist/, and try the wheel in an empty environment (3 minutes)
	$(BIN)/python tools/try_wheel.py --torch-index '$(TORCH_INDEX)'

claims: $(ALL) ## measure the claims that have no full-size result yet (an hour), and write CLAIMS.md
	$(BIN)/titans-mini claims --size full $(if $(RUNS),--runs $(RUNS))

lint: $(ALL) ## check the style and the import contracts
	$(BIN)/python -m ruff check $(CODE)
	$(BIN)/python -m ruff format --check $(CODE)
	$(BIN)/lint-imports --no-cache --no-logo

# An interrupted set-up leaves $(VENV).unfinished, which is newer than every stamp of the set-ups before it.
$(VENV)/.installed-%: pyproject.toml constraints.txt $(wildcard $(VENV).unfinished)
	@echo "titans_mini: sets up $(VENV) for $(ABOUT_$*) with the CPU build of torch; later starts skip this"
	@$(SHELL) tools/make_venv.sh "$(call usable,$(found))" "$(VENV)"
	$(if $(TORCH_INDEX),$(PIP) --no-deps --index-url $(TORCH_INDEX) torch)
	$(PIP) -e '.[$*]'
	$(BIN)/python -c 'from titans_mini.memory.fast.rows import compiled; compiled(wait=None)'
	@touch $(if $(filter all,$*),$(APP) $(LAB)) $@
	@rm $(VENV).unfinished
