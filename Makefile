# Two commands matter: `make demo` runs everything, `make test` tests everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup setup-dev demo serve test check bench docs screenshot label-studio clean

help:  ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | column -t -s "$$(printf '\t')"

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or 3.12 is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v < (3, 13) else f"Expected Python 3.11 or 3.12, got {v.major}.{v.minor}: set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing aiyam into $(VENV) (a few minutes the first time) …"
	$(BIN)/python -m pip install --progress-bar on -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --progress-bar on -e '.[dev]'
	@touch $@

setup: $(VENV)/.installed  ## make .venv and install what running needs

setup-dev: $(VENV)/.installed-dev  ## the same, with what tests and checks need

demo: setup  ## build the sample city, train the small models, start chat, API and dashboard
	$(BIN)/aiyam demo

serve: setup  ## start chat and API only
	$(BIN)/aiyam serve

test: setup-dev  ## run every test (browser tests need Chromium; see .ci/run)
	$(BIN)/python -m pytest

check: setup-dev  ## style, types, layers, generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py tests/test_docs.py

bench: setup-dev  ## measure speed, memory and durability; results go to stdout as JSON
	$(BIN)/python tests/bench/run.py

docs: setup-dev  ## write the generated parts of the README
	$(BIN)/python tests/generate_docs.py --write

screenshot: setup-dev  ## take the README's screenshot from the running product
	$(BIN)/python tests/take_screenshot.py

label-studio: setup  ## install (once) and start Label Studio on loopback
	$(BIN)/python -m annotation.server

clean:  ## remove caches; keeps .venv, .aiyam and trained models
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
