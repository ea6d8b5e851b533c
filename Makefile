# The two commands: `make demo` and `make test`. Everything else is for contributors; `make help` lists it.
# Needs Linux, make and Python >= 3.11 with venv; installs the rest into .venv and .cache, nothing elsewhere.

# The newest Python that is there and new enough; PYTHON=… chooses another one.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
PORT ?= 8000
# Tests wait as much as they compute: one worker more than there are cores. WORKERS=0 runs them one by one.
WORKERS ?= $(shell n=$$(nproc); echo $$((n < 7 ? n + 1 : 8)))
PYTEST := -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test oldest kubernetes contract lint types imports docs references benchmark constraints clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

demo: $(VENV)/.demo ## Run a JupyterHub with sample teams on http://localhost:8000 (PORT= moves it)
	@exec $(BIN)/jupyterhub-knada demo --port $(PORT)

test: $(VENV)/.dev ## Install what the tests need and run them all
	@$(BIN)/python tests/prepare.py
	$(BIN)/python -m pytest $(PYTEST) $(PYTEST_ARGS)

oldest: $(VENV)/.dev ## Run the tests with the oldest versions that are supported
	$(BIN)/nox -s oldest -- $(PYTEST) $(PYTEST_ARGS)

# Which real clusters: newest and oldest, or the one of KUBECONFIG or KUBEBUILDER_ASSETS where that is set.
CLUSTERS ?= auto
kubernetes: $(VENV)/.dev ## Get the programs of two real Kubernetes clusters: with Go, 6 minutes each, once
	@KNADA_TEST_CLUSTERS="$(CLUSTERS)" $(BIN)/python -m tests.kubernetes get

contract: kubernetes ## Run the contract suite on the embedded cluster and on real ones
	KNADA_TEST_CLUSTERS="$(CLUSTERS)" $(BIN)/python -m pytest $(PYTEST) tests/contract $(PYTEST_ARGS)

lint: $(VENV)/.dev ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## Check types
	$(BIN)/mypy

imports: $(VENV)/.dev ## Check that the packages import one another one way only
	$(BIN)/lint-imports

docs: $(VENV)/.dev ## Build the documentation; warnings are errors
	$(BIN)/sphinx-build -n -W --keep-going -q -b html docs docs/_build/html

references: $(VENV)/.dev ## Write docs/reference anew from the code; commit what changed
	@$(BIN)/python -m docs.generator

benchmark: CLUSTERS = newest
benchmark: kubernetes ## Measure watching of thousands of pods beside stock KubeSpawner: half an hour
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group benchmark
	$(BIN)/python -m benchmarks.watching $(BENCHMARK_ARGS)

constraints: $(VENV)/.dev ## Move constraints.txt to the newest versions
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url \
		--custom-compile-command "make constraints" --extra demo --group dev --group benchmark -o constraints.txt pyproject.toml

clean: ## Remove what these commands made, the demo's homes included
	rm -rf $(VENV) .nox .demo .cache build dist docs/_build test-artifacts

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found; install one, or name it: make PYTHON=/path/to/python3 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing into $(VENV) (once, a minute or two) …"

# An installation that is cut short leaves no stamp, so the next run takes it up again.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"  # the first with --group
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo]' --group dev
	@touch $(VENV)/.demo $@
