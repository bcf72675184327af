# Two commands on a fresh machine: `make run` and `make test`.  Python 3.11 or later is all they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test lint check gdb bench guests test-kvm test-kvm-ppc test-gdb clean

## run: install into a virtual environment and serve the built-in x86 sample guest
run: $(VENV)/.run
	@echo "kvmgdb: the built-in x86 sample guest, on the emulator; Ctrl-C ends it" >&2
	@$(BIN)/kvmgdb serve

## test: everything: lint, types, import rules, unit, contract and gdb tests
test: $(VENV)/.test gdb lint
	$(BIN)/python -m pytest -n auto

## lint: style, types, import directions
lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

## bench: figures against QEMU's stub and gdbserver, where they are installed
bench: $(VENV)/.run
	$(BIN)/python -m bench

## test-kvm: tests/kvm here, in QEMU and in Bochs, and one table of the three; MACHINES="qemu" for some of them
MACHINES ?= local qemu bochs
test-kvm: $(VENV)/.test
	$(BIN)/python -m tests.kvmlab $(MACHINES)

## test-kvm-ppc: tests/kvm_ppc in a POWER9 that a newer QEMU emulates
test-kvm-ppc: $(VENV)/.test
	$(BIN)/python -m tests.kvmlab power9

## test-gdb: tests/gdb with the newer gdb of Debian 13, which is not installed for it
test-gdb: $(VENV)/.test
	$(BIN)/python -m tests.kvmlab.newer_gdb

## guests: rebuild the sample guests (needs gcc and powerpc-linux-gnu-gcc)
guests:
	$(MAKE) -C plugins/x86/kvmgdb_x86/guests
	$(MAKE) -C plugins/ppc/kvmgdb_ppc/guests

## gdb: the debugger that the tests drive
gdb:
	@command -v gdb-multiarch >/dev/null || \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends gdb-multiarch; \
	  else \
	    echo "the tests drive gdb-multiarch: install it first (Debian, Ubuntu: apt-get install gdb-multiarch)" >&2; \
	    exit 1; \
	  fi

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kvmgdb needs Python 3.11 or later: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The pinned dependencies, then the project itself, editable.
$(VENV)/.run: pyproject.toml requirements.lock kvmgdb/rsp/_bulk.c | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.test: requirements-test.lock $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-test.lock
	@touch $@

clean:
	rm -rf $(VENV) build kvmgdb/rsp/*.so *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
