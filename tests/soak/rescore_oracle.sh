#!/usr/bin/env bash
# Rescoring against its oracle in many more and longer sequences, drawn anew each time:
# tests/soak/rescore_oracle.sh [SEQUENCES], default 200 for each state machine.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
SCOREHOUSE_SEQUENCES=${1:-200} exec ./run test all tests/python/test_rescore_oracle.py
