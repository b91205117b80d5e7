#!/usr/bin/env bash
# From a fresh clone to the first figures: sets up, checks, trains a 9×4 array inside ngspice and a 101×20 one on MNIST, and says where the results are.
# ./scripts/demo.sh          a few minutes
# ./scripts/demo.sh --quick  the same with a short MNIST training
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

quick=()
case "${1:-}" in
    "") ;;
    --quick) quick=(--set data.train_limit=10000 --set data.test_limit=2000) ;;
    *) say "usage: ./scripts/demo.sh [--quick]"; exit 2 ;;
esac

export MPLBACKEND=Agg
run() { printf '\n$ spicesnn %s\n' "$*"; .venv/bin/spicesnn "$@"; }
OUT="${SPICESNN_DEMO_OUT:-runs/demo}"
status=0
rm -rf "$OUT/xpue" "$OUT/mnist-10x10"

run doctor --engine "$ENGINE"
if [ "$ENGINE" = ngspice ]; then
    run iv vteam --engine both --out "$OUT/iv-vteam"
    run validate --lite --out "$OUT/validation" || status=$?
else
    run iv vteam --engine nodal --out "$OUT/iv-vteam"
fi
run train xpue --engine "$ENGINE" --seed 1 --out "$OUT/xpue"
run train mnist-10x10 --engine nodal --seed 1 --out "$OUT/mnist-10x10" ${quick[@]+"${quick[@]}"}

printf '\nFigures: %s\n' "$OUT"
find "$OUT" -name '*.png' -o -name report.html | sort
exit "$status"
