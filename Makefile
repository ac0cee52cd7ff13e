# Everything a user or a developer runs. `make` alone lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help install paper test test-long test-processes lint typecheck floors unit unit-core unit-rest crash-points simulate-coverage sockets chaos chaos-day mutations conformance fresh bench bench-engine bench-long bench-exchange bench-recorder \
  bench-replay replay-sockets bench-report bench-signals bench-models bench-economics docs lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 19

$(VENV)/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "replenisher needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(VENV)/installed ## make .venv with everything the lock names

paper: install ## trade on the simulated exchange; ARGS="--duration 30" ends by itself
	@$(BIN)/replenisher run configs/paper.yaml $(ARGS)

# Two at a time: what computes, one after the other, beside the rest of the tests, which waits as often as not.
test: lint ## every check there is
	@$(MAKE) --no-print-directory --jobs 2 unit-rest typecheck floors unit-core

lint: install ## style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: install ## mypy --strict
	$(BIN)/mypy

floors: install ## imports only point down
	$(BIN)/lint-imports

# pytest keeps what it has made of the tests; where Python may write nothing, every process would make it anew.
unexport PYTHONDONTWRITEBYTECODE

unit: install ## the tests: the core under branch coverage, and beside it the rest on four processes
	@$(MAKE) --no-print-directory --jobs 2 unit-rest unit-core

# What it says is told in one piece.
# Only what is told by example is under coverage: examples that are drawn cost three times as much there, and what they
# happen to reach is no promise.
unit-core: install
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest tests/core tests/strategies -m "not hypothesis" >$(VENV)/core.txt 2>&1 \
	  || { cat $(VENV)/core.txt; exit 1; }
	@tail -n 1 $(VENV)/core.txt
	@$(BIN)/coverage report --fail-under=95 --show-missing --skip-covered
	@$(BIN)/pytest tests/core tests/strategies -m hypothesis >$(VENV)/core.txt 2>&1 || { cat $(VENV)/core.txt; exit 1; }
	@tail -n 1 $(VENV)/core.txt

# Twice as many processes as a small machine has cores: a test that waits for a daemon leaves its core to another.
unit-rest: install
	$(BIN)/pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --ignore tests/core --ignore tests/strategies $(ARGS)

test-long: install ## a whole recording at ten times life, and the spread law; REPLENISHER_TEST_DATA says where recordings lie
	@test -n "$(REPLENISHER_TEST_DATA)" || { echo "REPLENISHER_TEST_DATA is not set: there is nothing to play" >&2; exit 1; }
	$(BIN)/pytest tests/long --ignore tests/long/test_processes.py $(ARGS)

test-processes: install ## processes that are away for two minutes each, and fifty deaths on PostgreSQL; a quarter of an hour, with progress
	$(BIN)/pytest tests/long/test_processes.py --capture=no --quiet $(ARGS)

crash-points: install ## a death at every write, sync, frame and COMMIT of short scenarios, and the next life; minutes, with progress
	$(BIN)/python -m bench.crash_points $(ARGS)

sockets: install ## twenty seeds in real time, through real WebSockets and the exchange's server, each ended by a whole process; two or three minutes, a line a seed
	$(BIN)/replenisher simulate --sockets --seeds 1..20 $(ARGS)

conformance: install ## a client that others wrote lives a whole life on the exchange, and its books are compared
	$(BIN)/pytest tests/conformance --capture=no --quiet $(ARGS)

chaos: install ## ten thousand seeds of ten minutes each; goes on where it was stopped; ARGS="--seeds 200" for fewer
	$(BIN)/python -m bench.chaos $(ARGS)

chaos-day: install ## a day of one daemon on virtual time: nothing that it keeps grows; minutes, a line an hour
	$(BIN)/python -m bench.chaos_day $(ARGS)

simulate-coverage: install ## what twenty seeds execute of core, live, journal, recorder, the Deribit adapter and its dialect: two desks, and real sockets; a quarter of an hour
	$(BIN)/python -m bench.simulate_coverage $(ARGS)

mutations: install ## plant bugs, one at a time, and see which seed and which check finds each; goes on where it was stopped
	@mkdir -p chaos
	$(BIN)/replenisher simulate --mutations tests/chaos/mutations.yaml --seeds 1..200 --minutes 3 --results chaos/mutations.jsonl $(ARGS)

fresh: ## clone HEAD into a new folder and do what the README says there
	bash tests/fresh.sh

bench: install ## tick to order, against a bare echo and ccxt's client
	$(BIN)/python -m bench.tick_to_order $(ARGS)

bench-engine: install ## events a second through the engine; REPLENISHER_TEST_DATA says where the recording lies
	$(BIN)/python -m bench.engine_steps $(ARGS)

bench-long: install ## what a daemon uses of a core and of memory in ten minutes; ARGS="--minutes 1" for less
	$(BIN)/python -m bench.long_run $(ARGS)

bench-exchange: install ## orders a second through the exchange's matching and through its socket
	$(BIN)/python -m bench.exchange_orders $(ARGS)

bench-recorder: install ## rows a second from the journal into both databases
	$(BIN)/python -m bench.recorder $(ARGS)

bench-replay: install ## events a second in a replay; REPLENISHER_TEST_DATA says where the recording lies
	$(BIN)/python -m bench.replay $(ARGS)

replay-sockets: install ## twenty short markets, traded on over sockets and replayed: both distributions of fills and position; minutes, a line a run
	$(BIN)/python -m bench.replay_sockets $(ARGS)

bench-report: install ## how long a report on a million fills takes, and how much memory; minutes, with progress
	$(BIN)/python -m bench.report $(ARGS)

bench-signals: install ## what each signal costs an event; REPLENISHER_TEST_DATA says where the recording lies
	$(BIN)/python -m bench.signals $(ARGS)

bench-economics: install ## what quoting earns against takers who know better; minutes, with progress
	$(BIN)/python -m bench.economics $(ARGS)

bench-models: install ## what glft costs between tick and order, against pure_mm; a minute
	$(BIN)/python -m bench.models $(ARGS)

docs: install ## write the pages that are made of tables
	$(BIN)/python -m replenisher.exchange.dialects.deribit.page > docs/venues.md
	$(BIN)/python -m replenisher.config.hummingbot.page > docs/from-hummingbot.md
	$(BIN)/python -m replenisher.config.page > docs/configuration.md

lock: ## write requirements.lock anew (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --quiet --upgrade --group test --group lint --group build pyproject.toml -o requirements.lock
