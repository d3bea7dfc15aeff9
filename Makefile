# make test     everything that must hold: style, types, layers, tests
# make demo     gateways on loopback, a hub, and traffic to look at
# make bench    throughput and latency; make bench-scale: the same on a store of millions;
#               make bench-processes: what a second process adds (root, Linux);
#               make bench-parse: how fast captured requests are read;
#               make bench-insight: how near estimates come to simulated truth;
#               make bench-stats: how long statistics take over months of counts;
#               make bench-alerts: how soon incidents are seen (some twenty minutes);
#               make bench-relay: how fast and how evenly endpoints are told

PYTHON ?= python3
BIN := .venv/bin
RUNS := .venv/runs
STAMP := .venv/installed

.PHONY: demo test lint format bench bench-scale bench-processes bench-parse bench-insight bench-stats bench-alerts bench-relay clean

demo: $(RUNS)
	$(BIN)/delivrd demo

test: lint
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix src tests bench
	$(BIN)/ruff format src tests bench

bench: $(STAMP)
	$(BIN)/python -m bench intake --write

bench-scale: $(STAMP)
	$(BIN)/python -m bench scale --write

bench-processes: $(STAMP)
	$(BIN)/python -m bench processes --write

bench-parse: $(STAMP)
	$(BIN)/python -m bench parse --write

bench-insight: $(STAMP)
	$(BIN)/python -m bench insight --write

bench-stats: $(STAMP)
	$(BIN)/python -m bench stats --write

bench-alerts: $(STAMP)
	$(BIN)/python -m bench alerts --write

bench-relay: $(STAMP)
	$(BIN)/python -m bench relay --write

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# A stamp is older than what it was made from as soon as a dependency changes. The demo needs no
# tools for development, which take most of the time to install.
$(RUNS): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "delivrd needs Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -e . -c constraints.txt
	@touch $@

$(STAMP): $(RUNS)
	$(BIN)/python -m pip install --quiet -e '.[dev]' -c constraints.txt
	@touch $@
