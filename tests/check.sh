#!/usr/bin/env bash
# Runs the parts of `make check`, or those named. A part prints lines of its own and ends with "PART: N passed, N failed";
# what it could not run, it says in a line beginning "SKIPPED". Exit 0 when nothing failed.
set -u
cd "$(dirname "$0")/.." || exit 1
export BUILD=${BUILD:-build}
export ONNX2C; ONNX2C=$(realpath "${ONNX2C:-$BUILD/onnx2c}")
export UNIT=${UNIT:-$BUILD/unit} PYTHON=${PYTHON:-$BUILD/venv/bin/python}
export SHARED_MODELS=${SHARED_MODELS:-../shared/models}
[ $# -gt 0 ] || set -- unit $(cd tests && ls [a-z]*.test)

[ -x "$ONNX2C" ] || { echo "check: there is no $ONNX2C"; exit 1; }
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for part; do
    case $part in
    unit) "$UNIT" ;;
    *) "tests/${part%.test}.test" ;;
    esac >"$log" 2>&1
    status=$?
    cat "$log"
    count=$(sed -nE 's/^([^:]*: )?([0-9]+) passed, ([0-9]+) failed$/\2 \3/p' "$log" | tail -n 1)
    skipped=$((skipped + $(grep -c '^SKIPPED' "$log")))
    read -r p f <<<"${count:-0 1}" # a part that dies without its last line has failed
    [ $status -eq 0 ] || [ "$f" -gt 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f))
done
echo "all tests: $passed passed, $failed failed, $skipped parts skipped"
[ "$failed" -eq 0 ]
