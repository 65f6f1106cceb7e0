# Sourced by ./run: its command `test`, with all that belongs to it.

# A build from scratch, separate from the demo's database; tests read it if it exists.
build_for_test() {
    rm -rf -- target/test
    mkdir -p target/test
    SCOREHOUSE_DATABASE=target/test/scorehouse.duckdb dbt --log-level-file info build --target-path target/test || return 1
    export SCOREHOUSE_BUILT="$root/target/test/scorehouse.duckdb"
}

# Install the Debian packages that some tests need, if this is permitted; otherwise these tests skip.
system_packages() {
    local missing=""
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing="chromium"
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
    command -v pdftoppm >/dev/null || missing="$missing poppler-utils"
    [ -n "${JAVA_HOME:-}" ] || command -v java >/dev/null || missing="$missing default-jre-headless"
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "run: without$missing some tests skip; on Debian or Ubuntu: apt-get install$missing" >&2
    else
        echo "installing$missing ..." >&2
        # shellcheck disable=SC2086 # several words
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing; } >target/apt.log 2>&1 ||
            { tail -n 5 target/apt.log >&2; echo "run:$missing could not be installed, so that some tests skip" >&2; }
    fi
}

# Run lint, which takes one core, in parallel with the build; its output follows the build's output.
lint_and_build() {
    local lint status=0
    mkdir -p target
    cmd_lint >target/lint.log 2>&1 &
    lint=$!
    build_for_test || status=1
    wait "$lint" || status=1
    cat target/lint.log
    return $status
}

# Test processes share the cores: an OpenMP thread that waits must not spin on one that another test could use.
export OMP_WAIT_POLICY=PASSIVE

# on_all_cores COMMAND...: pytest, each file in one of its processes; the order of files comes from conftest.py. There
# is one process more than cores, since many tests wait: for a server, a signal, a process of their own.
on_all_cores() {
    "$@" --numprocesses "$(($(getconf _NPROCESSORS_ONLN) + 1))" --dist loadfile --no-loadscope-reorder
}

# All tests, with line coverage, also in subprocesses. Spark tests run in parallel with the others, since they wait
# for their JVMs; their output comes last.
measured_tests() {
    local spark status=0
    rm -f -- .coverage .coverage.*
    set -m # a process group of its own, which an interrupt ends whole
    spark_tests in-ci </dev/null >target/spark.log 2>&1 &
    spark=$!
    set +m
    # shellcheck disable=SC2064 # the number of now
    trap "kill -- -$spark; exit 130" INT TERM
    on_all_cores "$venv/bin/coverage" run -m pytest -m "not soak" --durations 25 -rs || status=$?
    wait "$spark" || status=$?
    trap - INT TERM
    cat target/spark.log
    "$venv/bin/coverage" combine --quiet
    if ! "$venv/bin/coverage" report --format total >target/coverage.txt; then
        "$venv/bin/coverage" report --skip-covered --sort cover
        status=1
    fi
    printf 'lines of src/scorehouse covered: %s %%\n' "$(tail -n 1 target/coverage.txt)"
    return $status
}

# What a run must do on every engine: of the tests of the engine spark, those that fit CI's time.
SPARK_IN_CI=tests/python/engines/test_every_engine.py

# Tests of the engine spark, in an environment of their own: PySpark needs an older pandas. Each file has its own
# process, since a JVM keeps the metastore of its first session. Only tests marked `foreign` run: the others need no
# Spark and run in .venv-all. `in-ci` alone runs those of CI.
spark_tests() (
    use_environment .venv-spark requirements-spark.lock
    setup
    files="tests/python/engines/test_spark_*.py tests/python/engines/test_every_engine.py"
    files="$files tests/python/engines/test_installed.py"
    marked="foreign"
    case " $* " in
        *" tests/"*)
            "$venv/bin/coverage" run -m pytest --durations 10 -rs "$@"
            return
            ;;
        " in-ci ")
            files=$SPARK_IN_CI
            marked="foreign and not soak"
            shift
            ;;
    esac
    status=0
    for file in $files; do
        "$venv/bin/coverage" run -m pytest -m "$marked" --durations 10 -rs "$@" "$file" || status=$?
    done
    return $status
)

# release_tests NAME [ARGS]: tests with another release of dbt or DuckDB, which requirements-NAME.lock puts on top of
# the usual packages. `smoke` alone builds the examples, which is what `test all` does.
release_tests() (
    name=$1
    shift
    use_environment ".venv-$name" requirements.lock "requirements-$name.lock"
    setup
    status=0
    case "$*" in
        "" | smoke)
            rm -rf -- "target/$name"
            mkdir -p "target/$name"
            SCOREHOUSE_DATABASE="target/$name/scorehouse.duckdb" dbt --log-path "target/$name" build \
                --target-path "target/$name" || status=1
            [ $# -eq 0 ] || return $status
            export SCOREHOUSE_BUILT="$root/target/$name/scorehouse.duckdb"
            # shellcheck disable=SC2046 # one name per word
            set -- $(sed 's/#.*//' tests/releases.txt)
            ;;
    esac
    on_all_cores "$python" -m pytest -m "not soak and not heavy and not foreign" "$@" || status=$?
    return $status
)

# engine_tests NAME [ARGS]: tests with an emulator of a warehouse, which requirements-NAME.lock puts on top of the usual
# packages.
engine_tests() (
    name=$1
    shift
    use_environment ".venv-$name" requirements.lock "requirements-$name.lock"
    setup
    export SCOREHOUSE_EMULATED="$name"
    # the emulator's own plugin needs Docker
    [ $# -gt 0 ] || set -- tests/python/engines/test_warehouses.py tests/python/engines/test_warehouse_functions.py
    "$python" -m pytest -p no:bqemulator "$@"
)

# Every step runs, whatever the results of the others.
cmd_test() {
    local status=0
    case ${1:-} in
        all)
            shift
            use_environment .venv-all requirements-extras.lock
            setup
            if [ $# -gt 0 ]; then
                "$python" -m pytest "$@"
                return
            fi
            mkdir -p target
            system_packages
            lint_and_build || status=1
            ;;
        soak)
            shift
            use_environment .venv-all requirements-extras.lock
            setup
            system_packages
            on_all_cores "$python" -m pytest -m soak -rs "$@"
            return
            ;;
        spark)
            shift
            mkdir -p target
            system_packages
            spark_tests "$@"
            return
            ;;
        dbt2)
            shift
            setup
            # shellcheck source=tools/dbt2.sh
            . tools/dbt2.sh # use_dbt2
            use_dbt2
            [ $# -gt 0 ] || set -- tests/python/engines/test_dbt2.py tests/python/engines/test_installed.py
            "$python" -m pytest "$@"
            return
            ;;
        dbt112 | duckdb15)
            mkdir -p target
            release_tests "$@"
            return
            ;;
        snowflake | bigquery)
            engine_tests "$@"
            return
            ;;
        --changed)
            shift
            setup
            files=$("$python" tools/changed_tests.py "$@")
            [ -n "$files" ] || { echo "no test names what has changed: ./run test runs all that are quick"; return; }
            # shellcheck disable=SC2086 # one file per word
            "$python" -m pytest -m "not slow and not soak and not heavy and not foreign" -rs $files || status=$?
            [ $status -ne 5 ] || status=0 # all are slow or need more than this environment has, as the last lines say
            return $status
            ;;
        faults)
            shift
            use_environment .venv-all requirements-extras.lock
            setup
            "$python" tests/faults.py "$@"
            return
            ;;
        mutants)
            shift
            use_environment .venv-mutants requirements-extras.lock requirements-mutants.lock
            setup
            "$python" tests/soak/mutants.py "$@"
            return
            ;;
        clickhouse)
            shift
            use_environment .venv-clickhouse requirements-extras.lock requirements-clickhouse.lock
            setup
            "$python" -m pytest "${@:-tests/python/engines/test_clickhouse.py}"
            return
            ;;
        *)
            setup
            [ $# -gt 0 ] || build_for_test || status=1
            ;;
    esac
    [ $status -eq 0 ] || printf '\nrun: lint or dbt build failed, see above; pytest runs all the same\n' >&2
    if [ "$venv" = "$root/.venv-all" ]; then
        measured_tests || status=$?
    elif [ $# -gt 0 ]; then
        "$python" -m pytest -m "not soak and not heavy and not foreign" -rs "$@" || status=$?
    else
        on_all_cores "$python" -m pytest -m "not slow and not soak and not heavy and not foreign" || status=$?
    fi
    return $status
}
