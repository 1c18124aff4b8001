# Everything sets itself up: Python (3.11 to 3.13), pip and make are all it takes.
PYTHON ?= python3
VENV ?= .venv
PROFILE ?= quick
OUT ?= runs/reproduce
PEERS ?= sb3 rejax mobile-env
TRAINERS := sb3 rejax jaxmarl
TESTS ?= tests

BIN := $(VENV)/bin
READY := $(VENV)/.ready
CORE_READY := $(VENV)/.core-ready
DOCS_READY := $(VENV)/.docs-ready

.DEFAULT_GOAL := help
.PHONY: help setup setup-core setup-trainers reproduce bench peers docs test test-core test-docs test-fast test-cluster test-long test-numpy test-bench test-browser test-mangle test-trackers test-trainers test-wheel test-rehearse rehearse-gpu lint format coverage clean

help:  ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $(READY) $(CORE_READY)

# gymnax: with it comes the jax that `setup` has on that Python
$(CORE_READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[test,gymnax]"
	@touch $(CORE_READY)

setup: $(READY)  ## a virtual environment with everything

setup-core: $(CORE_READY)  ## one with what `make test-core` needs

setup-trainers: $(TRAINERS:%=.peers/%/.ready)  ## those of `make test-trainers`

reproduce: $(READY)  ## the paper's figures and claims put to the test: report.html (PROFILE=smoke|quick|paper)
	$(BIN)/eco-jax reproduce --profile $(PROFILE) --out $(OUT)

bench: $(READY)  ## time everything, against the peers that `make peers` set up
	$(BIN)/eco-jax bench --out runs/bench $(if $(PUREJAXRL),--purejaxrl $(PUREJAXRL))

peers: $(PEERS:%=.peers/%/.ready)  ## the peers' own virtual environments (for `make bench`)

.peers/%/.ready: experiments/benchmarks/peers/requirements-%.txt
	$(PYTHON) -m venv .peers/$*
	.peers/$*/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.gpu/.ready: experiments/benchmarks/gpu/requirements.txt experiments/benchmarks/gpu/compiler.txt pyproject.toml
	$(PYTHON) -m venv .gpu
	.gpu/bin/python -m pip install --quiet --disable-pip-version-check -e . -r $<
	.gpu/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r experiments/benchmarks/gpu/compiler.txt
	@touch $@

rehearse-gpu: .gpu/.ready  ## kernels and bytes of the programs on an H100, without one (1.2 GB of packages)
	.gpu/bin/python experiments/benchmarks/gpu/rehearse.py $(FLAGS)

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[docs]"
	@touch $(DOCS_READY)

docs: $(DOCS_READY)  ## the documentation, its tutorial run; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

CHECKED := --jaxtyping-packages=eco_jax.model,eco_jax.env,eco_jax.agent,eco_jax.train,beartype.beartype
PYTEST = $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal --durations=5
CORE := tests/model tests/env tests/agent tests/train
APART := not (bench or browser or cluster or documents or long or mangle or numpy or rehearse or trackers or trainers or wheel)

ANYWHERE := tests/model tests/agent tests/env/test_env_step.py tests/env/test_env_regression.py tests/train/test_loop.py

test: $(READY)  ## all but what takes long, shapes and types checked in those of the core: 8 minutes on 2 slow cores
	$(PYTEST) $(CORE) -m "$(APART)" $(CHECKED) $(COVER)
	$(PYTEST) tests $(CORE:%=--ignore=%) -m "$(APART)"

test-fast: $(READY)  ## the tests that take no more than seconds
	$(PYTEST) $(TESTS) -m "not slow and $(APART)"

test-core: $(CORE_READY)  ## equations, agents, the environment's steps and the training loop: for another Python
	$(BIN)/python -m pytest $(ANYWHERE) -m "not slow and $(APART)"

coverage: $(READY)  ## `make test`, and how much of the core it runs: at least 95 %
	$(MAKE) --no-print-directory test COVER="--cov --cov-report="
	$(BIN)/coverage report --skip-covered --fail-under=95

test-long: $(READY)  ## agents that learn, runs that are killed, large samples, many devices, further cases of `make test`
	$(PYTEST) $(TESTS) -m long

test-docs: $(READY)  ## every command and every piece of code in README and docs/, in small worlds
	$(PYTEST) $(TESTS) -m documents

test-numpy: $(READY)  ## every slot against an independent environment in NumPy, float64 to 1e-12
	$(PYTEST) tests/benchmarks

test-cluster: $(READY)  ## sweeps as jobs of a real SLURM on this machine (root; Debian's slurm-wlm and munge)
	$(BIN)/python -m pytest -rs --durations=3 tests/cluster $(FLAGS)

test-bench: $(READY)  ## every benchmark suite at its smallest size
	$(BIN)/python -m pytest -n 2 --dist loadscope -m bench

test-browser: $(READY)  ## the page of `eco-jax view` in a headless Chromium (Debian's chromium)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[browser]" || \
	echo "no playwright to be had: the tests say so, and are left out"
	$(BIN)/python -m pytest -rs --durations=3 -m browser tests/view $(FLAGS)

test-trainers: $(READY) setup-trainers  ## other people's trainers on our environment: about 2 minutes
	$(BIN)/python -m pytest -n 2 -rs --durations=3 -m trainers tests/adapters $(FLAGS)

test-mangle: $(READY)  ## thousands of mangled inputs: a result, or one line
	$(BIN)/python -m pytest -s -m mangle $(TESTS)

test-trackers: $(READY)  ## TensorBoard, W&B and MLflow themselves: written by us, read back by their readers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[tensorboard,wandb,mlflow]"
	$(BIN)/python -m pytest -rs -m trackers $(TESTS)

test-rehearse: $(READY) .gpu/.ready  ## kernels and bytes of small programs on an H100, without one, against their bars
	$(BIN)/python -m pytest -rs --durations=3 -m rehearse tests/bench $(FLAGS)

test-wheel: $(READY)  ## sdist and wheel, in an environment that has nothing else and a folder outside of the checkout
	rm -rf runs/wheel .venv-wheel
	$(BIN)/python -m build --quiet --outdir runs/wheel .
	$(BIN)/python -m venv .venv-wheel
	.venv-wheel/bin/pip install --quiet --disable-pip-version-check runs/wheel/*.whl
	cd tests && ECO_JAX_PYTHON=$(CURDIR)/.venv-wheel/bin/python ../$(BIN)/pytest -q -n 2 -m wheel .

lint: $(READY)  ## ruff and mypy; the recipes of the containers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint Dockerfile
	$(BIN)/spython recipe --parser singularity apptainer.def | $(BIN)/hadolint --no-color --ignore DL3020 --failure-threshold error - >/dev/null

format: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove environments and caches (not runs)
	rm -rf $(VENV) .venv-wheel docs/_build .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage
