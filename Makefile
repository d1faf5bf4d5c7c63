# One line each; the workflows in .github and .ci/run call these same targets.
FLYWHEEL ?= reviews
MODEL ?=
# ALL=1: the tests marked `long` as well, as CI does
ALL ?=
PYTHON ?= python3
# who may connect: this machine alone, or HOST=0.0.0.0 for everybody (docs/security.md); never from the environment
HOST = 127.0.0.1
VENV := .venv
BIN := $(VENV)/bin
# uv installs in a part of the time, where it is there; like pip, it then compiles, or each first import would
UV := $(shell command -v uv 2>/dev/null)
INSTALL = $(if $(UV),$(UV) pip install --compile-bytecode --python $(BIN)/python,$(BIN)/pip install --disable-pip-version-check)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
# without it, each of the many processes of a run compiles whatever it imports
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test params repro sweep compare serve mlflow s3 bench check format clean help
.DEFAULT_GOAL := help

help:  ## what there is
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

run: $(VENV)/.train  ## set up, then iterate FLYWHEEL (reviews): a linear version first; MODEL=linear|recurrent|transformer: that alone
	@volant iterate $(FLYWHEEL) $(if $(MODEL),"model@flywheels.$(FLYWHEEL).model=$(MODEL)",--first linear)

params: $(VENV)/.train  ## compose conf/ into params.yaml
	@volant params $(if $(MODEL),"model@flywheels.$(FLYWHEEL).model=$(MODEL)")

repro: params  ## reproduce what changed: prepare, clean, train, evaluate
	@dvc repro -q evaluate@$(FLYWHEEL)

test: $(VENV)/.dev  ## set up, then pass the tests; ALL=1: the long ones too
	@python -m compileall -q src
	@python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20 $(if $(ALL),,-m "not long")

check: $(VENV)/.dev  ## lint, format and types
	@ruff check . && ruff format --check . && pyright

format: $(VENV)/.dev  ## mend what can be mended
	@ruff check --fix . ; ruff format .

sweep: params  ## search hyper-parameters of FLYWHEEL in family MODEL
	@dvc repro -q clean@$(FLYWHEEL)
	@python -m volant.sweep -m flywheel=$(FLYWHEEL) sweep=$(or $(MODEL),transformer)

compare: params  ## the three families side by side on FLYWHEEL
	@python -m volant.sweep.compare $(FLYWHEEL)

serve: $(VENV)/.train  ## answer texts over HTTP, by the active version of every flywheel; HOST=0.0.0.0: to other machines too
	@BENTOML_DO_NOT_TRACK=True bentoml serve volant.service:Volant --host $(HOST)

mlflow: $(VENV)/.train  ## open the runs in a browser
	@python -m volant.tracking

s3: $(VENV)/.dev  ## a real S3 server on this machine, with the lake on it
	@python -m volant.workspace.s3_server

bench: $(VENV)/.dev  ## measure against peers, side by side
	@for name in cleaning training prediction serving start; do python bench/$$name.py || exit 1; done

clean:  ## remove what can be made again, but not data, models, runs
	@rm -rf .cache .pytest_cache .ruff_cache src/*.egg-info

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.train: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(INSTALL) -c constraints.txt -e '.[train,s3,serve,ui]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/pip
	$(INSTALL) -c constraints.txt -e '.[train,s3,serve,ui,dev]'
	@touch $@ $(VENV)/.train
