#!/usr/bin/env bash
# Score every prediction table of a dbt project, from cron: score.sh PROJECT [DBT ARGUMENTS]
#
# Exit codes: 0 scored and tested; 10 features failed, nothing was scored; 20 scoring failed, the old tables
# are in place; 30 tables were written and a test of them failed; 40 downstream models failed; 75 another run
# holds the lock, try later.
set -uo pipefail

project=${1:?usage: score.sh PROJECT [DBT ARGUMENTS]}
shift
cd -- "$project" || exit 10
mkdir -p logs

exec 9>logs/score.lock
flock --nonblock 9 || { echo "score: another run holds logs/score.lock" >&2; exit 75; }

log="logs/score-$(date -u +%Y-%m-%d).log"
scored="config.materialized:predictions"

# step EXIT_CODE TITLE COMMAND...: run, keep the output, stop with the exit code of this step
step() {
    local code=$1 title=$2
    shift 2
    echo "$(date -u +%FT%TZ) $title" >>"$log"
    "$@" >>"$log" 2>&1 || { echo "score: $title failed, see $project/$log" >&2; exit "$code"; }
}

step 10 "features" dbt build --exclude "${scored}+" "$@"
step 20 "scoring" dbt run --select "$scored" "$@"
step 30 "tests" dbt test --select "$scored" "$@"
step 40 "marts" dbt build --select "${scored}+" --exclude "$scored" "$@"
