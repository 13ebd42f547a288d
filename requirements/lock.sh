#!/usr/bin/env bash
# Resolve the .in files for every supported Python and platform; `make lock` runs it.
set -euo pipefail
cd "$(dirname "$0")"

resolve() { uv pip compile --quiet --upgrade --universal --python-version 3.10 --no-annotate --no-header "$@"; }

# The CUDA packages are a list of their own. A CUDA build of torch asks for them by itself and finds
# their versions there; a CPU build does not, and a lock that named them would bring gigabytes.
cuda='^(nvidia-|cuda-|triton)'
all=$(mktemp)
trap 'rm -f "$all"' EXIT
resolve run.in > "$all"
grep -E "$cuda" "$all" > cuda.lock
grep -vE "$cuda" "$all" > run.lock
resolve search.in --constraint "$all" | grep -vE "$cuda" > search.lock
resolve bench.in --constraint "$all" | grep -vE "$cuda" > bench.lock
resolve serve.in --constraint "$all" | grep -vE "$cuda" > serve.lock
resolve dev.in --constraint "$all" | grep -vE "$cuda" > dev.lock
