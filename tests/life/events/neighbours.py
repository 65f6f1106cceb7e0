"""The project as a part of a larger one: schemas by folder, another package, hooks, comments and grants."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml
from shop import CHURN, ML_MODELS

if TYPE_CHECKING:
    from life import Life

OWN_SCHEMAS = """\
{% macro generate_schema_name(custom_schema_name, node) %}
    {{- target.schema if custom_schema_name is none else custom_schema_name | trim -}}
{% endmacro %}
"""
# a lake is not the database in which a name without one is looked up
FINISHED = (
    "{{ api.Relation.create(database=target.database, schema=target.schema, identifier='finished_models') }}"
)
HOOK = f"insert into {FINISHED} values ('{{{{ this.identifier }}}}')"
SCHEMAS = ("crm", "marts", "scores", "watched", "registry", "logs", "audit")
READER = "life_reader"
# A package of somebody else's, whose macros, tests, model and hook have the names that ours have.
THEIRS = {
    "dbt_project.yml": f"""\
name: crm_utils
version: 1.0.0
config-version: 2
on-run-start: "create table if not exists {FINISHED} (name varchar(200))"
on-run-end: "{{{{ crm_utils.predict() }}}}"
""",
    "macros/names.sql": """\
{% macro predict() %}select 'predict of crm_utils' as said{% endmacro %}
{% macro scored(name) %}{{ exceptions.raise_compiler_error('scored() of crm_utils') }}{% endmacro %}
{% macro features(name) %}{{ exceptions.raise_compiler_error('features() of crm_utils') }}{% endmacro %}
{% test no_drift(model) %}select 1 as found where 1 = 0{% endtest %}
{% test score_in_range(model) %}select 1 as found where 1 = 0{% endtest %}
""",
    "models/runs.sql": "select 1 as id\n",
    "models/_runs.yml": """\
models:
  - name: runs
    data_tests: [crm_utils.no_drift]
""",
}


def larger_project(life: Life) -> None:
    """The project joins a larger one, where each folder has its schema: all is built there, and it leaves."""
    with in_larger_project(life):
        life.night()
        life.house.run("scorehouse", "runs", "--target", life.target)
        life.house.run("scorehouse", "show", CHURN.name)
        if life.schema(CHURN.predictions) != "scores":
            life.violate("part", f"{CHURN.predictions} is not built in the schema of its folder")
        life.night()
        if life.engine.name == "postgres":
            readable(life)
        hooks_ran(life)
        life.alerts()  # of tables that stay behind, it is right to say that they are old
    life.night()


def hooks_ran(life: Life) -> None:
    """The project's hook after each model has run for prediction tables too."""
    rows = life.warehouse.rows(f"select name from {life.schema()}.finished_models")
    finished = {row["name"] for row in rows}
    if missing := {model.predictions for model in ML_MODELS} - finished:
        life.violate("part", f"no hook has run after {', '.join(sorted(missing))}")


def readable(life: Life) -> None:
    """The role that has a grant on what dbt builds reads prediction tables that a night has replaced."""
    for model in ML_MODELS:
        (row,) = life.warehouse.rows(
            f"select has_table_privilege('{READER}', '{life.table(model.predictions)}', 'select') as may"
        )
        if not row["may"]:
            life.violate("part", f"{model.predictions} has lost the grant that dbt_project.yml gives")


@contextlib.contextmanager
def in_larger_project(life: Life) -> Iterator[None]:
    """The project has the settings of a larger one, and its tables their schemas, until the block ends."""
    house, scored, here = life.house, life.scored_before, life.schema()
    kept = {file: house.read(file) for file in ("dbt_project.yml", "packages.yml")}
    try:
        (house.folder / "dbt_project.yml").write_text(settings(life, kept["dbt_project.yml"]))
        packages = yaml.safe_load(kept["packages.yml"])
        house.write("packages.yml", {"packages": [*packages["packages"], {"local": "crm_utils"}]})
        house.write("macros/generate_schema_name.sql", OWN_SCHEMAS)
        for file, text in THEIRS.items():
            house.write(f"crm_utils/{file}", text)
        house.run("dbt", "deps")
        house.commit("Join a larger project")
        life.scored_before, life.own_schemas = {}, True
        yield
    finally:
        life.scored_before, life.own_schemas = scored, False
        for file, text in kept.items():
            (house.folder / file).write_text(text)
        (house.folder / "macros/generate_schema_name.sql").unlink(missing_ok=True)
        shutil.rmtree(house.folder / "crm_utils", ignore_errors=True)
        for schema in SCHEMAS:
            life.warehouse.execute(f"drop schema if exists {schema} cascade")
        life.warehouse.execute(f"drop table if exists {here}.finished_models")
        if life.engine.name == "postgres" and life.warehouse.rows(
            f"select 1 as is_there from pg_roles where rolname = '{READER}'"
        ):
            life.warehouse.execute(f"drop owned by {READER}; drop role {READER}")
        house.run("dbt", "deps")
        house.commit("Leave the larger project")


def settings(life: Life, text: str) -> str:
    """The text of dbt_project.yml, with schemas by folder and what larger projects have beside."""
    project: dict[str, Any] = yaml.safe_load(text)
    comments = {"relation": True, "columns": "comments" not in life.engine.refuses}
    beside: dict[str, Any] = {"+persist_docs": comments}
    if life.engine.name == "postgres":
        life.warehouse.execute(f"create role {READER}")
        beside["+grants"] = {"select": [READER]}
    ml = {"+schema": "scores", "monitoring": {"+schema": "watched"}, "retraining": {"+schema": "watched"}}
    own = {"+schema": "crm", "ml": ml, "+post-hook": HOOK}
    models = project.setdefault("models", {})
    models |= {project["name"]: own, "scorehouse": {"+schema": "logs"}, "crm_utils": {"+schema": "marts"}}
    models |= beside
    project.setdefault("seeds", {}).update({project["name"]: {"+schema": "registry"}, **beside})
    project.setdefault("data_tests", {}).update({"+schema": "audit", "+store_failures": True})
    return yaml.safe_dump(project, sort_keys=False)
