# Everything here is also a plain command: see README.md.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PIP := .venv/bin/python -m pip --disable-pip-version-check

# Also under -j: what is typed together runs in this order, and one pip at a time fills .venv.
.NOTPARALLEL:
.PHONY: help demo repro experiments check-lock resolve verify search serve report test hooks lint bench install lock clean

help:  ## List the targets.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/run  ## Train on MovieLens 100K as the experiment "demo"; the checkout stays clean.
	@recsys demo

repro: .venv/run  ## Rebuild what changed (dvc repro): MovieLens 1M with params.yaml.
	dvc repro

# The params that differ, and a metric or two: a table that fits a terminal of 120 columns.
experiments: .venv/run  ## List the experiments of this commit, briefly; ARGS="--sort-by auc".
	@dvc exp show --no-pager --only-changed --drop '(?!Experiment|auc|log_loss|rmse|ndcg|\w+\.).*' $(ARGS)

check-lock: .venv/run  ## Say whether dvc.lock matches the code and the params; runs no stage.
	@recsys check-lock

resolve: .venv/run  ## After a merge: resolve the conflicts in dvc.lock and metrics.
	@recsys resolve

verify: .venv/run  ## Rerun HEAD in a clean copy and compare it with dvc.lock.
	@recsys verify

search: .venv/search  ## Search the params with the best validation AUC; ARGS="--trials 20 --apply".
	@recsys search $(ARGS)

serve: .venv/serve  ## Serve the model over HTTP, with a page; ARGS="--port 8080".
	@recsys serve $(ARGS)

report: .venv/run  ## Write report.html and report.md about the run.
	@recsys report

test: .venv/dev  ## Run the tests.
	python -m pytest

hooks: .venv/dev  ## Install Git hooks that check style, types, imports and dvc.lock at each commit.
	pre-commit install

lint: .venv/dev  ## Check style, types and who imports whom.
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo

bench: .venv/bench  ## Measure training, the stages by size, serving and ranking (an hour).
	python -m benchmarks.speed
	python -m benchmarks.scale
	python -m benchmarks.features
	python -m benchmarks.serving
	python -m benchmarks.recommend_options
	python -m benchmarks.ranking
	python -m benchmarks.retrieval

install: .venv/run  ## Make .venv with the locked packages and the command recsys.

lock: .venv/dev  ## Resolve the requirements anew.
	$(PIP) install --quiet uv
	requirements/lock.sh

clean:  ## Remove the environment.
	rm -rf .venv

.venv/run: pyproject.toml requirements/run.lock requirements/cuda.lock requirements/torchrec.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; set PYTHON=")'
	@echo "Installing the locked packages into .venv: a few minutes."
	@$(PYTHON) -m venv .venv
	@$(PIP) install --quiet -r requirements/run.lock -c requirements/cuda.lock
	@$(PIP) install --quiet --no-deps -r requirements/torchrec.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/search: .venv/run requirements/search.lock
	@$(PIP) install --quiet -r requirements/search.lock -c requirements/cuda.lock
	@touch $@

.venv/serve: .venv/run requirements/serve.lock
	@$(PIP) install --quiet -r requirements/serve.lock -c requirements/cuda.lock
	@touch $@

.venv/bench: .venv/run requirements/bench.lock
	@$(PIP) install --quiet -r requirements/bench.lock -c requirements/cuda.lock
	@touch $@

.venv/dev: .venv/run requirements/dev.lock
	@$(PIP) install --quiet -r requirements/dev.lock -c requirements/cuda.lock
	@touch $@
