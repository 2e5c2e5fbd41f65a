# Three verbs for developers: check, fix, test. Three for users: demo, serve, training. `make lock` renews requirements/.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo serve training tracking imagenet gpu test check fix bench lock clean

demo: .venv/serving
	$(BIN)/python -m service.demo

serve: .venv/serving
	$(BIN)/whatsit serve

training: .venv/training # what `whatsit train` needs

tracking: .venv/training # what `whatsit train --track` needs
	$(BIN)/pip install --quiet --constraint requirements/dev.txt --editable '.[tracking]'

imagenet: .venv/imagenet # a network of others becomes a version, and says what is in three photographs
	$(BIN)/python -m examples.imagenet

gpu: requirements/gpu.txt # serving on CUDA, in place of the CPU build: the two share one import name
	$(install)
	$(BIN)/pip uninstall --quiet --yes onnxruntime
	$(BIN)/pip install --quiet --no-deps --force-reinstall onnxruntime-gpu==$(shell sed -n 's/^onnxruntime-gpu==//p' requirements/gpu.txt)
	touch .venv/serving

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
	$(BIN)/python -m training.reference > docs/recipes.md.new && mv docs/recipes.md.new docs/recipes.md

# For hours, on a machine that does nothing else; when it was killed, it goes on. BENCH="--rounds 1" is quicker.
bench: .venv/everything .venv-bench/peers
	$(BIN)/python -m benchmarks.serving $(BENCH)
	$(BIN)/python -m benchmarks.overload
	$(BIN)/python -m benchmarks.decoding_memory
	$(BIN)/python -m benchmarks.limits

# Each mark stands for an environment that fits the lock, so that nothing is asked of the network twice; a larger
# environment holds the smaller ones.
define install
$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or later is needed: make PYTHON=...")'
$(PYTHON) -m venv .venv
$(BIN)/pip install --quiet --requirement $<
$(BIN)/pip install --quiet --no-deps --editable .
endef

.venv/serving: requirements/cpu.txt pyproject.toml
	$(install)
	touch $@

.venv/training: requirements/training.txt pyproject.toml
	$(install)
	touch $@ .venv/serving

# They name torch and numpy, which are there.
.venv/imagenet: requirements/imagenet.txt .venv/training
	$(BIN)/pip install --quiet --no-deps --requirement $<
	touch $@

.venv/everything: requirements/dev.txt pyproject.toml
	$(install)
	touch $@ .venv/serving .venv/training

# Other servers, for comparison; their requirements are kept away from ours.
.venv-bench/peers: requirements/bench.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --requirement $<
	touch $@

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate
LOCK = $(COMPILE) pyproject.toml
# What decides how fast a server is must not differ between ours and the peers; the rest may (bentoml pins opentelemetry).
SHARED = fastapi|httptools|numpy|onnxruntime|pillow|pydantic|python-multipart|starlette|uvicorn|uvloop
lock: .venv/everything
	$(BIN)/pip install --quiet uv
	$(LOCK) --extra cpu --output-file requirements/cpu.txt
	$(LOCK) --extra gpu --output-file requirements/gpu.txt
	$(LOCK) --extra cpu --extra training --output-file requirements/training.txt
	$(LOCK) --extra cpu --extra training --extra tracking --extra import --extra s3 --extra signing --extra postgres --extra parquet --extra dev --output-file requirements/dev.txt
	grep -E '^($(SHARED))==' requirements/cpu.txt | $(COMPILE) requirements/bench.in --constraint - --output-file requirements/bench.txt

clean:
	rm -rf .venv .venv-bench build *.egg-info
