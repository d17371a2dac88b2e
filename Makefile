# Needs Python 3.10 or newer, make, and a package registry; `make help` lists the targets.
# Another Python: make PYTHON=python3.12 …

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TEMPLATE := template/python3-encrypted
PYTEST := $(BIN)/python -m pytest
WORKERS ?= 4
# Tests start hundreds of processes: bytecode that is kept spares each of them a third of a second.
unexport PYTHONDONTWRITEBYTECODE
# Of the runtime those whose modules start one function at most.
QUICK := function-samples $(addprefix tests/, formats command/calling command/cli command/deploying \
  command/project command/sealing runtime/acceptor/test_dispatch.py runtime/acceptor/test_loop.py \
  runtime/acceptor/test_workers.py runtime/handler/test_answers.py runtime/handler/test_data_files.py \
  runtime/test_settings.py runtime/worker/test_http.py runtime/worker/test_request.py \
  test_documents.py test_structure.py test_template.py) --ignore=tests/command/project/test_python_env.py

.PHONY: help demo demo-openfaas test check fuzz bench parity docs lint format venv lock

help:
	@echo "make demo            a sealed function, locally, with the key and without: about a minute"
	@echo "make demo-openfaas   the same through faas-cli and Docker"
	@echo "make test            all tests; those with the real OpenFaaS where it is at hand"
	@echo "make check           lint, and the tests that are quick: less than a minute"
	@echo "make fuzz            a million damaged keys, files, traces and bodies for the parsers: ten minutes"
	@echo "make bench           throughput, latency, start, memory and image, side by side: ten minutes"
	@echo "make docs            docs/cli.md and docs/settings.md, out of the code"
	@echo "make parity          record anew what the official template answers (tests/parity)"
	@echo "make lint            ruff, mypy, import-linter"
	@echo "make format          let ruff format and mend what it can"
	@echo "make lock            choose the versions of all dependencies anew"

demo: venv
	@$(BIN)/python demo/demo.py

demo-openfaas: venv
	@$(BIN)/python demo/demo.py --openfaas

# Most tests wait more than they compute. Those that measure time or need what the machine has
# but one of come after the others, one by one.
test: venv
	@status=0; \
	$(PYTEST) -m 'not alone' -n $(WORKERS) --dist worksteal || status=1; \
	$(PYTEST) -m alone || status=1; \
	exit $$status

check: lint
	$(PYTEST) -q -n $(WORKERS) --dist worksteal $(QUICK)

fuzz: venv
	$(BIN)/python -m tests.fuzz

# PYTHON3_HTTP=FOLDER adds the official template of that folder.
bench: venv
	$(BIN)/python -m benchmarks

docs: venv
	$(BIN)/python -m faas_seal.cli.pages docs

parity: venv
	$(BIN)/python -m tests.parity.record

lint: venv
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

venv: $(VENV)/.complete

$(VENV)/.complete: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "error: $(PYTHON) is not Python 3.10 or newer"; echo "hint: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' \
	  || { echo "error: $(PYTHON) cannot make virtual environments"; echo "hint: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The image and the command are locked to the same versions, for Python 3.10 to 3.13 and any platform.
LOCK = $(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 \
  --generate-hashes --custom-compile-command "make lock"

lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --upgrade uv
	$(LOCK) $(TEMPLATE)/requirements.in --output-file $(TEMPLATE)/requirements.txt
	$(LOCK) pyproject.toml --group dev --constraint $(TEMPLATE)/requirements.txt --output-file requirements-dev.lock
