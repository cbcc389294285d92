# The door. `make demo` and `make test` need nothing done first.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-kill test-receiver test-delivery test-fuzz test-fusion bench-ingest bench-arrivals lint format peers pictures bench clean

help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 18

venv: .venv/built  ## build .venv from constraints.txt; the others do it themselves

# pip itself first: the one that comes with Python 3.11 does not know dependency groups.
.venv/built: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dicomnode needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --constraint constraints.txt --build-constraint constraints.txt \
		--editable '.[postgresql,onnx]' --group test --group lint
	@touch $@

demo: .venv/built  ## a liver exam goes in, results come out: a node and a PACS on this machine
	$(BIN)/dicomnode demo

test: .venv/built  ## the whole suite, linters included
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-kill: .venv/built  ## the long form of the crash test: kill -9 at 20 random moments
	DICOMNODE_KILLS=20 $(BIN)/python -m pytest --timeout 3600 tests/e2e/test_crash.py

test-receiver: .venv/built  ## the long form of the receiver's fault tests: 200 kills, 20 power cuts, 10,000 instances
	DICOMNODE_KILLS=200 DICOMNODE_POWER_CUTS=20 DICOMNODE_INSTANCES=10000 $(BIN)/python -m pytest --timeout 7200 tests/integration/test_receiver_faults.py

test-delivery: .venv/built  ## the long form of the delivery faults: 25 tasks to 12 misbehaving destinations
	DICOMNODE_TASKS=25 $(BIN)/python -m pytest --timeout 3600 tests/integration/test_scripted_pacs.py

test-fuzz: .venv/built  ## the long form of the receiver's fuzz tests: 15 minutes each
	DICOMNODE_FUZZ_SECONDS=900 $(BIN)/python -m pytest --timeout 7200 tests/property/test_fuzz.py

test-fusion: .venv/built  ## the long form of fusion's walk to Orthanc: pairs of both makers
	DICOMNODE_MAKERS=philips,siemens $(BIN)/python -m pytest --timeout 900 tests/e2e/test_fusion.py

bench-ingest: .venv/built  ## receiving, beside DCMTK and Orthanc
	$(BIN)/python benchmarks/ingest/compare.py

bench-arrivals: .venv/built  ## when exams are judged complete: 1,000 simulated exams beside a plain timer
	$(BIN)/python -m benchmarks.arrivals

lint: .venv/built  ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/built  ## put every file into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

peers:  ## install the systems that interoperability tests talk to (Debian), and fetch the viewer OHIF
	.ci/peers
	$(PYTHON) -m tests.peers.ohif

pictures: .venv/built  ## take the pictures of docs/pictures again: the results as OHIF shows them, the console page
	DICOMNODE_PICTURES=docs/pictures $(BIN)/python -m pytest tests/e2e/test_viewer.py tests/integration/test_console_page.py

bench: .venv/built  ## every benchmark, with its ratios
	@set -e; found=no; for file in benchmarks/[a-z]*.py; do \
		[ -e "$$file" ] || continue; found=yes; echo "== $$file"; $(BIN)/python "$$file"; \
	done; [ $$found = yes ] || echo "there is no benchmark yet"

clean:  ## remove what was built; the next make starts from nothing
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
