# Everything here is also a plain command: see README.md.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
INSTALL := .venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint requirements/all.lock --editable

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

lock: .venv/dev  ## Pin what pyproject.toml requires now in requirements/all.lock; ARGS="--upgrade" for newer versions.
	uv pip compile --quiet --universal --python-version 3.10 --all-extras --no-emit-package fbgemm-gpu \
		--no-annotate --no-header --output-file requirements/all.lock $(ARGS) pyproject.toml

clean:  ## Remove the environment.
	rm -rf .venv

.venv/run: pyproject.toml requirements/all.lock requirements/fbgemm-gpu/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed; set PYTHON=")'
	@echo "Installing the locked packages into .venv: a few minutes."
	@$(PYTHON) -m venv .venv
	@$(INSTALL) .
	@touch $@

# The extras of pyproject.toml.
.venv/search .venv/serve .venv/bench .venv/spark .venv/dev: .venv/%: .venv/run
	@$(INSTALL) '.[$*]'
	@touch $@
