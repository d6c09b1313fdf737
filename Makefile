# Every target sets up what it needs: a virtual environment, the packages, the tools.
#   make PYTHON=python3.12 VENV=.venv312 test     another Python, in its own environment
#   make UV= demo                                 plain pip, although uv is there

PYTHON ?= python3
VENV ?= .venv
ifeq ($(origin UV),undefined)
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv)
endif
# How long `make fuzz` looks for a disagreement, and its first program.
MINUTES ?= 10
SEED := $(or $(SEED),$(shell date +%s))
# How the tests are spread; `make test PYTEST_ARGS='-x tests/sim'` runs some of them, one by one.
PYTEST_ARGS ?= -n auto --maxprocesses 8 --dist loadfile --benchmark-disable

BIN := $(VENV)/bin
PYTHON_READY := $(VENV)/.ready-python
DEMO_READY := $(VENV)/.ready-demo
DEV_READY := $(VENV)/.ready-dev

ifneq ($(UV),)
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
HOW_LONG_DEMO := uv, 5 to 20 s
HOW_LONG_DEV := uv, about 5 s on top of the demo's packages
else
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
HOW_LONG_DEMO := pip, about a minute; uv does it in seconds
HOW_LONG_DEV := pip, up to a minute and a half
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test check lint types layers sizes format bench fuzz mutants clean

help: ## show this list
	@echo "windtunnel: one command each; the first one on a machine also sets everything up"
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

demo: $(DEMO_READY) ## run the crash of 10 October 2025 and print its risk report
	@echo "== demo: the scenario oct-2025, about a minute (the first run on a machine also compiles, about 15 s)"
	@$(BIN)/windtunnel run oct-2025
	@echo "== to look at it in a browser: $(BIN)/windtunnel dashboard"

test: $(DEV_READY) ## run the whole test suite
	@echo "== test: the whole suite, a few minutes"
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types layers sizes ## style, types, layers and module sizes (make -k check does not stop at the first)
	@echo "== check: all good"

lint: $(DEV_READY)
	@echo "== lint: ruff, a second"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(DEV_READY)
	@echo "== types: mypy, 10 to 40 s the first time"
	@$(BIN)/mypy

layers: $(DEV_READY)
	@echo "== layers: import-linter, a second"
	@$(BIN)/lint-imports --no-logo

sizes: $(DEV_READY)
	@echo "== sizes: lines of each module, a second"
	@$(BIN)/python tests/house/module_sizes.py

format: $(DEV_READY) ## format the code and fix what ruff can fix
	@echo "== format: ruff, a second"
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

bench: $(DEMO_READY) ## measure the kernel and the matching engine
	@echo "== bench: the kernel with margin on, then matching alone, about a minute"
	@$(BIN)/windtunnel bench kernel
	@$(BIN)/windtunnel bench flow

fuzz: $(DEV_READY) ## random programs through the kernel and the reference, until they differ or MINUTES=10 are over
	@echo "== fuzz: $(MINUTES) minutes of random programs from seed $(SEED) on (MINUTES=1 SEED=5 for others), then random steps"
	@$(BIN)/python tests/compare/fuzz.py --minutes $(MINUTES) --seed $(SEED) --jobs 2
	@FUZZ_EXAMPLES=100 $(BIN)/python -m pytest -q -n 0 tests/compare/test_state_machine.py

mutants: $(DEV_READY) ## put small wrongs into copies of the engine and see the tests fail, about 15 minutes
	@echo "== mutants: each in a copy with a compile cache of its own, about a minute each"
	@$(BIN)/python tests/mutations/mutants.py

clean: ## remove the environment and all caches; runs are kept
	@echo "== clean: $(VENV) and caches, a second (runs/ is kept)"
	@rm -rf $(VENV) build dist .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache \
		.benchmarks test-results
	@find sim agents scenarios dashboard tests benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The environment, in three steps, each done again only when its files change.

$(PYTHON_READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "windtunnel needs Python 3.11 or newer; '$(PYTHON)' is not: make PYTHON=/path/to/python3.12 …"; exit 1; }
	@echo "== set-up: an environment in $(VENV) for $$($(PYTHON) --version), about 5 s"
ifneq ($(UV),)
	@$(UV) venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
else
	@$(PYTHON) -m venv $(VENV)
endif
	@touch $@

$(DEMO_READY): pyproject.toml constraints.txt | $(PYTHON_READY)
	@echo "== set-up: packages for the runs and the dashboard ($(HOW_LONG_DEMO))"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || [ -n "$(UV)" ] || $(BIN)/python -m ensurepip >/dev/null
	@$(INSTALL) -c constraints.txt -e '.[dashboard]'
	@touch $@

$(DEV_READY): pyproject.toml constraints.txt | $(PYTHON_READY)
	@echo "== set-up: packages for the tests and the checks ($(HOW_LONG_DEV))"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || [ -n "$(UV)" ] || $(BIN)/python -m ensurepip >/dev/null
	@$(INSTALL) -c constraints.txt -e '.[dashboard,dev]'
	@touch $(DEMO_READY) $@
