"""What docs/generate_reference.py makes of the registers of backends and databases: a page, and a macro."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tables import table

from scorehouse.certificate import libraries as certificate
from scorehouse.certificate.products import MODELS as LAYERS
from scorehouse.certificate.steps import STEPS
from scorehouse.program.matrix.models import MODELS, PROJECTIONS
from scorehouse.program.native.recipes import READERS
from scorehouse.program.several import FOR_EACH
from scorehouse.program.sql import combined, compose
from scorehouse.program.sql.dialects import ALIASES, DIALECTS, LIMITS
from scorehouse.program.sql.registers import PREDICTORS, SELECTORS, TRANSFORMERS

WITH = {
    "scorehouse.DaysSinceEpoch": "also `FunctionTransformer(scorehouse.days_since_epoch)`",
    "sklearn.FunctionTransformer": "identity, `np.log`, `np.log1p`, `np.sqrt`, `np.abs`",
    "sklearn.OneHotEncoder": "`drop`, `handle_unknown`, `min_frequency`, `max_categories`",
    "sklearn.SplineTransformer": "not periodic",
    "sklearn.SimpleImputer": "with and without indicator",
    "skrub.TableVectorizer": "no `StringEncoder`, no numbers or times as text",
}
USAGE = Path(__file__).with_name("usage.csv")  # by benchmarks/usage.py
MOST_NAMED, MOST_MISSING = 60, 8
MACRO = """\
{#- What macros need to know of the target's SQL. `backslash`: it is an escape in strings. `statement`: the
    characters that a statement may have; none: no limit that compiled SQL reaches.
    docs/generate_reference.py writes it from src/scorehouse/program/sql/dialects.py, which has the sources.
    -#}
{% macro _dialect() %}
    {{ return(scorehouse._by_database({
        'default': {},
FACTS
    })) }}
{% endmacro %}
"""


def macro() -> str:
    """The macro that knows what databases accept, by type of the target."""
    lines = []
    for target, name in {**{name: name for name in DIALECTS}, **ALIASES}.items():
        facts = {"backslash": DIALECTS[name].backslash, "statement": LIMITS[name].statement}
        known = ", ".join(f"'{fact}': {str(value).lower()}" for fact, value in facts.items() if value)
        lines += [f"        '{target}': {{{known}}}"] if known else []
    return MACRO.replace("FACTS", ",\n".join(lines))


def page() -> str:
    """Which estimators have which backends, from their registers."""
    around = (combined.__name__, compose.__name__)
    wraps = {name for name, function in PREDICTORS.items() if function.__module__ in around}
    backends = {
        "SQL": PREDICTORS.keys() - wraps,
        "native code": READERS.keys(),
        "matrix products": MODELS.keys(),
    }
    lines = [
        "# Backends",
        "",
        "Versions of these estimators score without the library that trained them: registration proves a",
        "[program](../explanation/programs.md).",
        "`scorehouse show` says which a version has, and why others were refused. A subclass is not",
        "its parent. An [estimator per segment](../how-to/segments.md) has the backends of its clones;",
        "SQL for up to 100 segments.",
        "",
    ]
    rows = [
        [*kind, ", ".join(map(_named, names))]
        for kind, names in _alike(sorted(set().union(*backends.values()), key=_key), backends).items()
    ]
    lines += table(["backends", "`backend='auto'` takes", "estimators"], rows)
    steps = {**dict.fromkeys(TRANSFORMERS, "any backend"), **dict.fromkeys(PROJECTIONS, "matrix products")}
    lines += ["## Steps before them", ""]
    for backend in dict.fromkeys(steps.values()):
        names = [
            _named(name) + (f" ({WITH[name]})" if name in WITH else "")
            for name in sorted(steps.keys() - {*SELECTORS}, key=_key)
            if steps[name] == backend
        ]
        names += ["what selects columns by `get_support`"] * (backend == steps[SELECTORS[0]])
        lines += [f"Before {backend}: {', '.join(names)}.", ""]
    read = {*certificate.READERS, *LAYERS, *STEPS, "sklearn.Pipeline", *certificate.SEARCHES}
    others = {*PREDICTORS, *READERS, *MODELS, *steps} - read - wraps
    lines += [
        "[Certified](../explanation/programs.md#what-is-certified) are all but functions, segments, `KMeans`",
        "in SQL, what stands around others but searches,",
        f"{', '.join(map(_named, sorted(others, key=_key)))}.",
        "",
        "## Around them",
        "",
        f"SQL: {', '.join(map(_named, sorted(wraps)))}; `CalibratedClassifierCV` may be sigmoid or isotonic,",
        "`VotingClassifier` soft.",
        "Native code and matrix products: `Pipeline`, `GridSearchCV`, `RandomizedSearchCV`.",
        "",
        "## Several outputs per row",
        "",
        "scikit-learn's linear models, networks, trees and forests have the same backends with several",
        "outputs or labels. `MultiOutputRegressor`, `MultiQuantileRegressor` and `MultiOutputClassifier`",
        "have those that all of their estimators have. XGBoost's own training on several targets has none.",
        "",
        "## Without a program",
        "",
        *_missing({*PREDICTORS, *READERS, *MODELS, *steps}),
        "",
        "## Limits of one statement",
        "",
        "What is beyond them is [cut into stages](compiled_sql.md#stages).",
        "`predict()` and `scored()` refuse what the database would not accept.",
        "",
    ]
    rows = [
        [name, *(f"{n:,}" if n else "" for n in (one.sql_bytes, one.nodes, one.columns, one.statement))]
        for name, one in LIMITS.items()
    ]
    lines += table(
        ["database", "bytes of SQL", "tree nodes", "columns in one step", "characters accepted"], rows
    )
    return "\n".join(lines)


def _missing(known: Collection[str]) -> list[str]:
    """What has no program, of what public code names most."""
    head, sources, _, *rows = USAGE.read_text(encoding="utf-8").splitlines()
    named = [row.split(",") for row in rows]
    missing = [row for row in named if row[0] not in known][:MOST_MISSING]
    covered = sum(row[0] in known for row in named[:MOST_NAMED])
    listed = ", ".join(f"{_named(name)} ({count})" for name, count, _ in missing)
    return [
        f"Of the {MOST_NAMED} classes that most of {len(sources.split()) - 1} public repositories of courses",
        f"name ([counted](../usage.csv) on {head[2:12]}), {covered} have one. Others, and by how many:",
        f"{listed}.",
    ]


def _alike(names: Iterable[str], backends: Mapping[str, Collection[str]]) -> dict[tuple[str, str], list[str]]:
    """The names that have the same backends, of which `auto` takes the same one."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        kind = ", ".join(backend for backend, of in backends.items() if name in of), _auto(name, backends)
        found.setdefault(kind, []).append(name)
    return found


def _key(name: str) -> str:
    return name.partition(".")[2].lower()


def _named(name: str) -> str:
    """The class, of scorehouse's own with the library: those of other libraries are told by their names."""
    return f"`{name}`" if name.startswith("scorehouse.") else f"`{name.partition('.')[2]}`"


def _auto(name: str, backends: Mapping[str, Collection[str]]) -> str:
    if name in FOR_EACH:
        return "as its estimators"
    if name in backends["native code"]:
        return "native code"
    if name in backends["SQL"] and name in backends["matrix products"]:
        return "SQL where it is fast, else matrix products"
    return "SQL where it is fast, else the estimator" if name in backends["SQL"] else "matrix products"
