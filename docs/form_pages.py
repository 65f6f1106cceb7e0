"""What docs/generate_reference.py makes of the registers of forms and databases: a page, and a macro."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tables import table

from scorehouse.forms.matrix.models import MODELS, PROJECTIONS
from scorehouse.forms.native.recipes import READERS
from scorehouse.forms.several import FOR_EACH
from scorehouse.forms.sql import calibrate
from scorehouse.forms.sql.dialects import ALIASES, DIALECTS, LIMITS
from scorehouse.forms.sql.registers import PREDICTORS, TRANSFORMERS

WITH = {
    "scorehouse.DaysSinceEpoch": "also `FunctionTransformer(scorehouse.days_since_epoch)`",
    "sklearn.FunctionTransformer": "identity, `np.log`, `np.log1p`, `np.sqrt`, `np.abs`",
    "sklearn.OneHotEncoder": "`drop`, `handle_unknown`, `min_frequency`, `max_categories`",
    "sklearn.SimpleImputer": "with and without indicator",
}
MACRO = """\
{#- What macros need to know of the target's SQL. `backslash`: it is an escape in strings. `statement`: the
    characters that a statement may have; none: no limit that compiled SQL reaches.
    docs/generate_reference.py writes it from src/scorehouse/forms/sql/dialects.py, which has the sources. -#}
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
    """Which estimators have which stored forms, from the registers of the forms."""
    wraps = {name for name, function in PREDICTORS.items() if function.__module__ == calibrate.__name__}
    forms = {
        "SQL": PREDICTORS.keys() - wraps,
        "native code": READERS.keys(),
        "matrix products": MODELS.keys(),
    }
    lines = [
        "# Stored forms",
        "",
        "Versions of these estimators score without scikit-learn, LightGBM or XGBoost: registration proves a",
        "[stored form](../explanation/stored_forms.md), and neither a run nor a service opens the estimator.",
        "Whether a version has a form is decided by its proof; `scorehouse show` says so, and why a form was",
        "refused. A subclass is not treated like its parent. An",
        "[estimator per segment](../how-to/segments.md) has the form of its clones, except SQL.",
        "",
    ]
    rows = [
        [*kind, ", ".join(map(_named, names))]
        for kind, names in _alike(sorted(set().union(*forms.values()), key=_key), forms).items()
    ]
    lines += table(["forms", "`engine='auto'` takes", "estimators"], rows)
    steps = {**dict.fromkeys(TRANSFORMERS, "any form"), **dict.fromkeys(PROJECTIONS, "matrix products")}
    lines += ["## Steps before them", ""]
    for form in dict.fromkeys(steps.values()):
        names = [
            _named(name) + (f" ({WITH[name]})" if name in WITH else "")
            for name in sorted(steps, key=_key)
            if steps[name] == form
        ]
        lines += [f"Before {form}: {', '.join(names)}.", ""]
    lines += [
        "## Around them",
        "",
        f"SQL: {', '.join(map(_named, sorted(wraps)))}; `CalibratedClassifierCV` may be sigmoid or isotonic.",
        "Native code and matrix products: `Pipeline`, `GridSearchCV`, `RandomizedSearchCV`.",
        "",
        "## Several outputs per row",
        "",
        "scikit-learn's linear models, networks, trees and forests have the same forms with several outputs",
        "or labels. `MultiOutputRegressor`, `MultiQuantileRegressor` and `MultiOutputClassifier` have those",
        "that all of their estimators have. XGBoost's own training on several targets and",
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


def _alike(names: Iterable[str], forms: Mapping[str, Collection[str]]) -> dict[tuple[str, str], list[str]]:
    """The names that have the same forms, of which `auto` takes the same one."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        kind = ", ".join(form for form, of in forms.items() if name in of), _auto(name, forms)
        found.setdefault(kind, []).append(name)
    return found


def _key(name: str) -> str:
    return name.partition(".")[2].lower()


def _named(name: str) -> str:
    """The class, of scorehouse's own with the library: those of other libraries are told by their names."""
    return f"`{name}`" if name.startswith("scorehouse.") else f"`{name.partition('.')[2]}`"


def _auto(name: str, forms: Mapping[str, Collection[str]]) -> str:
    if name in FOR_EACH:
        return "as its estimators"
    if name in forms["native code"]:
        return "native code"
    if name in forms["SQL"] and name in forms["matrix products"]:
        return "SQL where it is fast, else matrix products"
    return "SQL where it is fast, else the estimator" if name in forms["SQL"] else "matrix products"
