#!/usr/bin/env bash
# Everything that has to pass: style, types, tests with coverage. Arguments go to pytest, as in: ./scripts/test.sh -m slow
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

# Coverage is measured on the whole default suite only: a part of it says nothing about the package.
gate=()
[ $# -gt 0 ] || gate=(--cov --cov-report=term:skip-covered --cov-fail-under=90)

.venv/bin/ruff check spicesnn tests scripts
.venv/bin/mypy
# One thread a process: two test processes share the processors, and numba's threads must not fight over them.
export OMP_NUM_THREADS=1 MPLBACKEND=Agg
exec "$PYTHON" -m pytest -n 2 "${gate[@]}" "$@"
