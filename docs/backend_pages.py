"""What docs/generate_reference.py makes of the registers of backends and databases: a page, and a macro."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tables import table

from scorehouse.certificate import libraries as certificate
from scorehouse.certificate.products import MODELS as LAYERS
from scorehouse.certificate.steps import STEPS
from scorehouse.program.matrix.models import MODELS, PROJECTIONS
from scorehouse.program.native.recipes import READERS
from scorehouse.program.several import FOR_EACH
from scorehouse.program.sql import compose
from scorehouse.program.sql.dialects import ALIASES, DIALECTS, LIMITS
from scorehouse.program.sql.registers import PREDICTORS, TRANSFORMERS

WITH = {
    "scorehouse.DaysSinceEpoch": "also `FunctionTransformer(scorehouse.days_since_epoch)`",
    "sklearn.FunctionTransformer": "identity, `np.log`, `np.log1p`, `np.sqrt`, `np.abs`",
    "sklearn.OneHotEncoder": "`drop`, `handle_unknown`, `min_frequency`, `max_categories`",
    "sklearn.SimpleImputer": "with and without indicator",
}
MACRO = """\
{#- What macros need to know of the target's SQL. `backslash`: it is an escape in strings. `statement`: the
    characters that a statement may have; none: no limit that compiled SQL reaches.
    docs/generate_reference.py writes it from src/scorehouse/program/sql/dialects.py, which has the sources.
    -#}
{% macro _dialect() %}
    {% set dialects = {
FACTS
    } %}
    {{ return(dialects.get(target.type, {})) }}
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
    wraps = {name for name, function in PREDICTORS.items() if function.__module__ == compose.__name__}
    backends = {
        "SQL": PREDICTORS.keys() - wraps,
        "native code": READERS.keys(),
        "matrix products": MODELS.keys(),
    }
    lines = [
        "# Backends",
        "",
        "Versions of these estimators score without scikit-learn, LightGBM or XGBoost: registration proves a",
        "[program](../explanation/programs.md), and neither a run nor a service opens the estimator.",
        "`scorehouse show` says which a version has, and why others were refused. A subclass is not",
        "its parent. An",
        "[estimator per segment](../how-to/segments.md) has the backends of its clones; SQL for up to 100 segments.",
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
            for name in sorted(steps, key=_key)
            if steps[name] == backend
        ]
        lines += [f"Before {backend}: {', '.join(names)}.", ""]
    read = {*certificate.READERS, *LAYERS, *STEPS, "sklearn.Pipeline", *certificate.SEARCHES}
    others = {*PREDICTORS, *READERS, *MODELS, *steps} - read
    lines += [
        "[Certified](../explanation/programs.md#what-is-certified) are all but functions, segments, `KMeans`",
        "in SQL,",
        f"{', '.join(map(_named, sorted(others, key=_key)))}.",
        "",
        "## Around them",
        "",
        f"SQL: {', '.join(map(_named, sorted(wraps)))}; `CalibratedClassifierCV` may be sigmoid or isotonic.",
        "Native code and matrix products: `Pipeline`, `GridSearchCV`, `RandomizedSearchCV`.",
        "",
        "## Several outputs per row",
        "",
        "scikit-learn's linear models, networks, trees and forests have the same backends with several",
        "outputs or labels. `MultiOutputRegressor`, `MultiQuantileRegressor` and `MultiOutputClassifier`",
        "have those that all of their estimators have. XGBoost's own training on several targets and",
        "`TransformedTargetRegressor` have none: the estimator scores.",
        "",
        "## Limits of one statement",
        "",
        "What is beyond them is [cut into stages](compiled_sql.md#stages).",
        "`predict()` and `scored()` also refuse a statement that the database would not accept.",
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
