#!/usr/bin/env bash
# The proof on damaged artifacts with many more of them: tests/soak/corruption.sh [COUNT], default 100,000.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.."
SCOREHOUSE_CORRUPTIONS=${1:-100000} exec ./run test all tests/python/registration/test_corruption.py -k damaged
