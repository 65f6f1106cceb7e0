"""What docs/generate_reference.py makes of the registers of the forms: a page, and a macro with limits."""

from __future__ import annotations

from typing import Any

from tables import table

from scorehouse.forms.matrix.models import MODELS, PROJECTIONS
from scorehouse.forms.native.recipes import readers
from scorehouse.forms.several import FOR_EACH
from scorehouse.forms.sql import calibrate
from scorehouse.forms.sql.dialects import LIMITS
from scorehouse.forms.sql.registers import PREDICTORS, TRANSFORMERS

WITH = {
    "scorehouse.DaysSinceEpoch": "also `FunctionTransformer(scorehouse.days_since_epoch)`",
    "sklearn.FunctionTransformer": "identity, `np.log`, `np.log1p`, `np.sqrt`, `np.abs`",
    "sklearn.OneHotEncoder": "`drop`, `handle_unknown`, `min_frequency`, `max_categories`",
    "sklearn.SimpleImputer": "with and without indicator",
}
MACRO = """\
{#- The characters of a statement that each database accepts; none: no limit that compiled SQL reaches.
    docs/generate_reference.py writes it from src/scorehouse/forms/sql/dialects.py, which has the sources. -#}
{% macro _largest_statement() %}
    {% set characters = LIMITS %}
    {{ return(characters.get(target.type)) }}
{% endmacro %}
"""


def macro() -> str:
    """The macro that knows what a database accepts in one statement."""
    accepted = {name: one.statement for name, one in LIMITS.items() if one.statement}
    return MACRO.replace("LIMITS", repr(accepted))


def page() -> str:
    """Which estimators have which stored forms, from the registers of the forms."""
    wraps = {name for name, function in PREDICTORS.items() if function.__module__ == calibrate.__name__}
    forms = {"sql": PREDICTORS.keys() - wraps, "native": readers().keys(), "matrix": MODELS.keys()}
    lines = [
        "# Stored forms",
        "",
        "Versions of these estimators score without scikit-learn, LightGBM or XGBoost: registration proves a",
        "[stored form](../explanation/stored_forms.md), and neither a run nor a service opens the estimator.",
        "Whether a version has a form is decided by its proof; `scorehouse show` says so, and why a form was",
        "refused. A subclass is not treated like its parent. `auto` is what `engine='auto'` takes. An",
        "[estimator per segment](../how-to/segments.md) has the form of its clones, except SQL.",
        "",
    ]
    rows = [
        [
            f"`{name.partition('.')[2]}`",
            _library(name),
            *(_mark(name in of) for of in forms.values()),
            _auto(name, forms),
        ]
        for name in sorted(set().union(*forms.values()), key=lambda name: name.lower().split("."))
    ]
    lines += table(["estimator", "library", "SQL", "native code", "matrix products", "`auto`"], rows)
    steps = {**dict.fromkeys(TRANSFORMERS, "any form"), **dict.fromkeys(PROJECTIONS, "matrix products")}
    lines += ["## Steps before them", ""]
    rows = [[f"`{name.partition('.')[2]}`", of, WITH.get(name, "")] for name, of in sorted(steps.items())]
    lines += table(["step", "before", "with"], rows)
    lines += ["## Around them", ""]
    around = [f"`{name.partition('.')[2]}`" for name in sorted(wraps)]
    lines += [
        f"SQL: {', '.join(around)}.",
        "`CalibratedClassifierCV` may be sigmoid or isotonic.",
        "Native code and matrix products: `Pipeline`, `GridSearchCV`, `RandomizedSearchCV`.",
        "",
        "## Several outputs per row",
        "",
        "scikit-learn's linear models, networks, trees and forests have the same forms with several outputs",
        "or labels. `MultiOutputRegressor`, `MultiQuantileRegressor` and `MultiOutputClassifier` have those",
        "that all of their estimators have: native code if they are trees, matrix products if they are",
        "linear, and SQL. `RegressorChain`, `ClassifierChain` and `OneVsRestClassifier` have SQL. XGBoost's",
        "own training on several targets and `TransformedTargetRegressor` have none: the estimator scores.",
        "",
    ]
    lines += [
        "## Limits of one statement",
        "",
        "What is beyond them is [cut into stages](compiled_sql.md#stages).",
    ]
    lines += ["`predict()` and `scored()` also refuse a statement that the database would not accept.", ""]
    rows = [
        [name, *(f"{n:,}" if n else "" for n in (one.sql_bytes, one.nodes, one.columns, one.statement))]
        for name, one in LIMITS.items()
    ]
    lines += table(
        ["database", "bytes of SQL", "tree nodes", "columns in one step", "characters accepted"], rows
    )
    return "\n".join(lines)


def _library(name: str) -> str:
    library = name.partition(".")[0]
    return {"sklearn": "scikit-learn", "lightgbm": "LightGBM", "xgboost": "XGBoost"}.get(library, library)


def _mark(has: bool) -> str:
    return "yes" if has else ""


def _auto(name: str, forms: dict[str, Any]) -> str:
    if name in FOR_EACH:
        return "as its estimators"
    if name in forms["native"]:
        return "native code"
    if name in forms["sql"] and name in forms["matrix"]:
        return "SQL where it is fast, else matrix products"
    return "SQL where it is fast, else the estimator" if name in forms["sql"] else "matrix products"
