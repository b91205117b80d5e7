#!/usr/bin/env bash
# Everything that has to pass: style, types, tests (with coverage from Python 3.12 on). Arguments go to pytest, as in: ./scripts/test.sh -m slow
# --browser, as the first argument, also installs Chromium and its driver (Debian, with sudo where it is needed) and Selenium,
# with which the slow tests open the report and the site.
set -euo pipefail
browser=
[ "${1:-}" != --browser ] || { browser=1; shift; }
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
if [ -n "$browser" ]; then
    root=; [ "$(id -u)" = 0 ] || root=sudo
    command -v chromium chromedriver >/dev/null || $root apt-get install -y --no-install-recommends chromium chromium-driver
    "$PYTHON" -c 'import selenium' 2>/dev/null || "$PYTHON" -m pip install --quiet --disable-pip-version-check 'selenium>=4.20'
fi

# Coverage is measured on the whole default suite only (a part of it says nothing about the package), and where the interpreter
# tells of new lines (Python 3.12 and later); before, every line is traced, which takes half as long again: SPICESNN_COVERAGE=1.
gate=()
if "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then export COVERAGE_CORE=sysmon; fi
if [ $# -eq 0 ] && [ -n "${COVERAGE_CORE:-}${SPICESNN_COVERAGE:-}" ]; then
    gate=(--cov --cov-report=term:skip-covered --cov-fail-under=90)
fi

# The solver is compiled once, beside the type checker: two test processes that start cold would each do it.
"$PYTHON" -c 'import numpy as np, spicesnn as sn; sn.NodalEngine().read(sn.Crossbar(conductance=np.full((8, 8), 1e-4)), np.ones(8))' &
.venv/bin/ruff check spicesnn tests scripts
.venv/bin/ruff format --check --quiet spicesnn tests scripts || { say "Not formatted: run .venv/bin/ruff format spicesnn tests scripts"; exit 1; }
.venv/bin/mypy
wait
# One thread a process: two test processes share the processors, and numba's threads must not fight over them.
export OMP_NUM_THREADS=1 MPLBACKEND=Agg
"$PYTHON" -m pytest -n 2 "${gate[@]}" "$@"
# PyTorch and JAX are extras, too large for everybody's environment: continuous integration tests their front ends in one of its own
# (a person does with SPICESNN_FRONT_ENDS=1).
if [ $# -eq 0 ] && [ -n "${CI:-}${SPICESNN_FRONT_ENDS:-}" ]; then
    say "Testing the front ends of PyTorch and JAX in .venv-front-ends"
    front=.venv-front-ends/bin/python
    [ -x "$front" ] || "$PYTHON" -m venv .venv-front-ends
    "$front" -c 'import torch, jax, spicesnn, pytest, hypothesis' 2>/dev/null || "$front" -m pip install --quiet --disable-pip-version-check -e . torch==2.13.0 jax pytest hypothesis
    "$front" -m pytest -q -o addopts= tests/front_ends
fi
