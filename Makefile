# Sliceplane: every job is one word. `make` alone lists them.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= $(firstword $(foreach p,python3.11 python3.12 python3,$(shell command -v $(p) 2>/dev/null)))
BIN := .venv/bin
KEEP ?=
SECONDS ?= 60

.PHONY: help install demo test check chaos-edge bench-allocator bench-baselines bench-codec bench-edge bench-live bench-replay bench-sharing bench-split-replay bench-tl fuzz-codec protos migration fmt clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed build/.parts ## make .venv with everything, and the parts of a simulated GPU host in build/

demo: install ## start two simulated A100 hosts, serve and split real models on them, break things, sum up (KEEP=1 leaves it up)
	@$(BIN)/python -m bench.demo $(if $(KEEP),--keep)

test: install ## run every test: unit, contract, integration, e2e
	@$(BIN)/pytest -n auto --maxprocesses=4 --dist loadfile $(ARGS)

check: install ## lint, types, import walls, protos
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports
	@$(BIN)/buf lint
	@$(BIN)/buf breaking --against protos/released.binpb
	@protos/check.sh

chaos-edge: install ## break the edge 200 times while frames flow (as root); writes docs/results/chaos-edge.md
	@bench/chaos_edge/install_faketime.sh
	@$(BIN)/python -m bench.chaos_edge $(ARGS)

bench-allocator: install ## plan scenarios and drawn fleets optimally and as ParvaGPU does; writes docs/results/allocator.md
	@$(BIN)/python -m bench.allocator $(ARGS)

bench-baselines: install ## other allocators on the same tables; writes docs/results/baselines.md
	@$(BIN)/python -m bench.baselines $(ARGS)

bench-edge: install ## every way to answer a frame at four link speeds, and a link that changes (as root); writes docs/results/edge.md
	@$(BIN)/python -m bench.edge $(ARGS)

bench-codec: install ## speed, size and losses of every codec level; writes docs/results/codec.md
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench.codec $(ARGS)

bench-live: install ## replay S2 and S5 dilated on real Triton; writes docs/results/live.md
	@$(BIN)/python -m bench.live $(ARGS)

bench-sharing: install ## light services on shared segments, and their replay; writes docs/results/sharing.md
	@$(BIN)/python -m bench.longtail $(ARGS)

bench-replay: install ## replay simulated minutes of arrivals against the plans; writes docs/results/replay.md
	@$(BIN)/python -m bench.replay $(ARGS)

bench-split-replay: install ## replay published timings of 18 networks with our codec; writes docs/results/split-replay.md
	@$(BIN)/python -m bench.split_replay $(ARGS)

fuzz-codec: install ## fuzz the codec's decoder for SECONDS (60), and say what was found
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fuzz]'
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

bench-tl: install ## train Transfer Layers, bytes per image against accuracy; writes docs/results/transfer-layer.md
	@PYTHON=$(BIN)/python bench/tl/fetch.sh
	@$(BIN)/python -m bench.tl $(ARGS)

protos: install ## regenerate the checked-in stubs from protos/
	@protos/generate.sh

migration: install ## write a new migration from the difference of tables and migrations (MESSAGE="what changes")
	@$(BIN)/python -m migrations.new "$(or $(MESSAGE),$(error say MESSAGE="what changes"))"

fmt: install ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

clean: ## remove .venv and build/
	rm -rf .venv build

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: Python 3.11 or newer is needed: say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "error: $(PYTHON) has no venv module: apt-get install python3-venv" >&2; exit 1; }
	@echo "installing Python packages into .venv (under a minute on a fast line)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check -c constraints.txt \
	  -e '.[controller,node,edge,slicer,dev]'
	@touch $@

build/.parts: .venv/.installed $(shell find simulator -type f -not -path '*/__pycache__/*' 2>/dev/null) bench/demo/models.sh bench/install_mosquitto.sh
	@echo "building the simulated GPU host and fetching Triton's CPU build and the demo's models into build/"
	@simulator/build.sh
	@PYTHON=$(BIN)/python simulator/install_triton.sh
	@PYTHON=$(BIN)/python bench/demo/models.sh
	@bench/install_mosquitto.sh
	@touch $@
