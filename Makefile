# Three verbs for developers: check, fix, test. Two for users: demo, serve. `make lock` renews requirements/.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo serve test check fix lock clean

demo: .venv/serving
	$(BIN)/python -m service.demo

serve: .venv/serving
	$(BIN)/whatsit serve

test: check
	$(BIN)/pytest

check: .venv/everything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: .venv/everything
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Each mark stands for an environment that fits the lock, so that nothing is asked of the network twice.
.venv/serving: requirements/cpu.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements/cpu.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

.venv/everything: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements/dev.txt
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@ .venv/serving

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate pyproject.toml
lock: .venv/everything
	$(BIN)/pip install --quiet uv
	$(LOCK) --extra cpu --output-file requirements/cpu.txt
	$(LOCK) --extra gpu --output-file requirements/gpu.txt
	$(LOCK) --extra cpu --extra training --output-file requirements/training.txt
	$(LOCK) --extra cpu --extra training --extra dev --output-file requirements/dev.txt

clean:
	rm -rf .venv build *.egg-info
