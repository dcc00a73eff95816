# Everything below works on a machine with nothing but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
# A file's tests stay together, so what a file makes once is made once; slow files begin (tests/conftest.py).
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick check bench torture clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "adsteer needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

# What tests and benchmarks need besides: several hundred megabytes that a user of the program does without.
.venv/tools: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test,platform-types,spark,bench]'
	touch $@

demo: .venv/ready  ## the whole loop on real orders against the sandbox
	$(BIN)/python -m flows demo

test: .venv/tools  ## every test
	$(BIN)/python -m pytest $(PARALLEL)

quick: .venv/tools  ## the tests without the slow ones
	$(BIN)/python -m pytest $(PARALLEL) -m 'not slow'

check: .venv/tools  ## ruff, mypy strict, the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(MAKE) test

bench: .venv/tools  ## speed and memory, as ratios in one run; QUICK=1 for the small size
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

torture: .venv/tools  ## a thousand runs killed and hindered; CASES=n, SEED=n
	$(BIN)/python -m tests.support.torture --cases $(or $(CASES),1000) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf .venv demo
