# `make` lists the targets. PYTHON chooses the interpreter of a new .venv: make demo PYTHON=python3.13
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
CHROMIUM := $(or $(COSTMODEL_CHROMIUM),/usr/bin/chromium)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test soak bench lab format clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.installed ## install into .venv and compare the options of an example
	@$(BIN)/costmodel compare notebooks/scenarios/support_bot.toml

test: $(VENV)/.installed-dev | $(CHROMIUM) ## every check: style, types, imports, tests, doctests, notebooks, browser, wheel
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	find notebooks -name '*.ipynb' -not -path '*/.*' -exec $(BIN)/nbstripout --verify {} +
	$(BIN)/python -m pytest --nbmake --numprocesses 2 --dist loadfile --benchmark-disable \
	  tests costmodel notebooks

soak: $(VENV)/.installed-dev ## property tests with 100,000 examples each, 200 killed writers (hours)
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest tests -m "hypothesis or soak"

bench: $(VENV)/.installed-bench ## time the hot paths, as ratios to pandas, numpy and genai-prices
	$(BIN)/python -m pytest tests/benchmarks --benchmark-only

lab: $(VENV)/.installed ## open the notebooks in JupyterLab
	@$(BIN)/costmodel lab

format: $(VENV)/.installed-dev ## format the code, strip outputs from the notebooks
	$(BIN)/ruff check --fix --exit-zero --quiet
	$(BIN)/ruff format
	find notebooks -name '*.ipynb' -not -path '*/.*' -exec $(BIN)/nbstripout {} +

clean: ## remove .venv, builds and caches
	rm -rf $(VENV) build dist .benchmarks .screenshots .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find costmodel tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp is older than its prerequisites when the environment is stale.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo 'costmodel needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.13' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'The venv module is missing; on Debian: sudo apt install python3-venv' >&2; exit 1; }
	@echo 'Installing costmodel and JupyterLab into $(VENV) (a minute or two) ...'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --constraint constraints.txt --upgrade pip
	@$(PIP) install --constraint constraints.txt --build-constraint constraints.txt --editable '.[notebooks]'
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo 'Adding the tools of the developers ...'
	@$(PIP) install --constraint constraints.txt --build-constraint constraints.txt \
	  --editable '.[notebooks,parquet,dask]' --group dev
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@echo 'Adding what the benchmarks compare with ...'
	@$(PIP) install --constraint constraints.txt --group bench
	@touch $@

# The tests look at the notebooks in it.
$(CHROMIUM):
	@test '$@' = /usr/bin/chromium && test "$$(id -u)" = 0 && command -v apt-get >/dev/null || \
	  { echo '$@ is missing; on Debian: sudo apt install chromium; or name one: make test COSTMODEL_CHROMIUM=FILE' >&2; exit 1; }
	@echo 'Installing Chromium for the tests ...'
	@apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes chromium >/dev/null
