# The locked environment (CPU build of torch) and the project:
#   docker build -t recsys . && docker run -it --rm recsys
# On x86_64 the default registry's torch brings gigabytes of CUDA packages. For the CPU build give PyTorch's
# CPU index: --build-arg PIP_EXTRA_INDEX_URL=... (docs/environment.md).
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*

ARG PIP_EXTRA_INDEX_URL
WORKDIR /project
ENV PATH=/project/.venv/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    OMP_NUM_THREADS=1

# Without the code: an edit of it installs nothing anew. An editable install is a path to it.
COPY pyproject.toml .
COPY requirements requirements
RUN mkdir recsys && touch recsys/__init__.py \
    && python -m venv .venv \
    && pip install --constraint requirements/all.lock --editable '.[serve]'

COPY . .
RUN touch .venv/run .venv/serve \
    && git config --system --add safe.directory /project

CMD ["bash"]
