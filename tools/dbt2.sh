# Sourced by ./run: install dbt's second engine in .venv-dbt2. It needs $root, $python and `die` from ./run.

# DuckDB's library, which this engine finds on the system: the package of DuckDB's own client for Node has it.
duckdb_library=@duckdb/node-bindings-linux-x64@1.5.6-r.1
duckdb_library_sha256=1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff

# Set SCOREHOUSE_DBT2, the program, and LD_LIBRARY_PATH, where it finds DuckDB.
use_dbt2() {
    local home="$root/.venv-dbt2" want
    want="$(sha256sum <requirements-dbt2.lock) $duckdb_library_sha256"
    if [ "$(cat -- "$home/stamp" 2>/dev/null)" != "$want" ]; then
        command -v npm >/dev/null || die "test dbt2: needs npm for DuckDB's library; on Debian or Ubuntu: apt-get install npm"
        echo "setting up .venv-dbt2: the program and its library, 200 MB ..." >&2
        rm -rf -- "$home"
        mkdir -p "$home"
        "$python" tools/install.py requirements-dbt2.lock --only-binary :all: --target "$home" ||
            die "test dbt2: the program could not be installed: pip's message above says why"
        (
            cd -- "$home" && npm pack --silent "$duckdb_library" >/dev/null && set -- *.tgz &&
                echo "$duckdb_library_sha256  $1" | sha256sum --check --quiet && tar -xzf "$1" && rm -- "$1"
        ) || die "test dbt2: DuckDB's library could not be fetched: npm's message above says why"
        chmod +x "$home/bin/dbt"
        printf '%s' "$want" >"$home/stamp"
    fi
    export SCOREHOUSE_DBT2="$home/bin/dbt" LD_LIBRARY_PATH="$home/package"
}
