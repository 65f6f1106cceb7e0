#!/usr/bin/env bash
# Rescoring against its oracle in many more and longer histories:
#   tests/soak/rescore_oracle.sh [SEEDS]        draws SEEDS (default 20) seeds, and prints each with its outcome;
#                                               a seed stands for 25 histories of each of the 10 state machines
#   tests/soak/rescore_oracle.sh --seed NUMBER  replays the histories of one seed, and prints the steps of the
#                                               shortest one that fails
# Ends with the number of histories, steps and dbt runs.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
if [ "${1:-}" = --seed ]; then
    seeds=$2
else
    first=$((RANDOM * 32768 + RANDOM))
    seeds=$(seq "$first" $((first + ${1:-20} - 1)) | tr '\n' ' ')
fi
SCOREHOUSE_ORACLE_SEEDS=$seeds exec ./run test all tests/python/scoring/test_rescore_oracle.py -v
