"""What scaffolds make of files of the project that are broken, old, or in another encoding."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from scorehouse.cli.changes import Change, Writing, new_files
from scorehouse.cli.known_columns import check_columns
from scorehouse.cli.scaffold import CONTESTS, PYTHON_MODELS, TABLES, check_target
from scorehouse.errors import ConfigurationError

DEV = "\"{{ env_var('TARGET_OF_THESE_TESTS', 'dev') }}\""
PROFILES = (
    "shop: [",
    "shop: hello",
    "shop: {outputs: {default: {type: duckdb, path: x.db, attach: [y.db]}}}",
    "shop: {outputs: {default: {type: postgres}}}",
)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_column_is_not_checked_where_the_profile_does_not_lead_to_a_database(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(profile)
    check_columns(tmp_path, "scaffold", "customers", {"--key": ("id",)})
    why = (
        "the columns of a table are read on DuckDB only"
        if "postgres" in profile
        else "customers cannot be read"
    )
    assert f"not checked: --key id, as {why}" in capsys.readouterr().err


def test_why_columns_of_another_database_are_not_checked_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text("shop: {outputs: {default: {type: postgres}}}")
    with click.Context(click.Command("scaffold")):
        check_columns(tmp_path, "scaffold", "customers", {"--key": ("id",), "--keep": ("visits", "age")})
        check_columns(tmp_path, "scaffold", "orders", {"--key": "id", "--label": "left"})
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("not checked: --key id, --keep visits, --keep age, as the columns of a table are")
    assert second == "not checked: --key id, --label left of orders, as before"


def test_a_misspelled_column_of_another_database_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text("shop: {outputs: {default: {type: postgres}}}")
    (tmp_path / "models").mkdir()
    described = "models: [{name: customers, columns: [{name: shop_id}, {name: price_1}]}]"
    (tmp_path / "models/all.yml").write_text(described)
    said = "--key is 'shop_i', which the YAML of customers does not describe; did you mean 'shop_id'?"
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        check_columns(tmp_path, "scaffold", "customers", {"--key": ("shop_i",)})
    check_columns(tmp_path, "scaffold", "customers", {"--keep": ("price_2", "shop_id", "SHOP_ID")})
    check_columns(tmp_path, "scaffold", "orders", {"--key": ("shop_i",)})  # whose columns are not described
    assert "not checked: --key shop_i, as the columns" in capsys.readouterr().err


def test_a_catalog_that_may_be_old_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text("shop: {outputs: {default: {type: postgres}}}")
    (tmp_path / "target").mkdir()
    node = {"unique_id": "model.shop.customers", "name": "customers"}
    for document, more in {"manifest": {}, "catalog": {"columns": {"ID": {}, "segment": {}}}}.items():
        nodes = {node["unique_id"]: node | more}
        (tmp_path / "target" / f"{document}.json").write_text(json.dumps({"nodes": nodes}))
    check_columns(tmp_path, "scaffold", "customers", {"--key": ("id",), "--keep": ("segments",)})
    said = capsys.readouterr().err
    assert "--keep segments" in said and "did you mean 'segment'?" in said and "dbt docs generate" in said
    assert "--key" not in said


def test_a_file_in_another_encoding_is_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept.sql").write_bytes("-- caf\u00e9".encode("latin-1"))
    changes = new_files([Change("kept.sql", "-- caf\u00e9"), Change("new.sql", "select 1")])
    writing = Writing(tmp_path, yes=True, dry_run=False, as_json=False)
    assert writing.carry_out(tmp_path, changes, "nothing to do")
    told = capsys.readouterr()
    assert "left as it is: kept.sql" in told.err and "kept.sql" not in told.out
    assert (tmp_path / "new.sql").read_text() == "select 1"
    assert (tmp_path / "kept.sql").read_bytes() == "-- caf\u00e9".encode("latin-1")


@pytest.mark.parametrize("kind", ["postgres", "clickhouse", "duckdb", "spark"])
def test_a_scaffold_is_refused_where_the_target_would_refuse_it(tmp_path: Path, kind: str) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(f"shop: {{target: {DEV}, outputs: {{dev: {{type: {kind}}}}}}}")
    if kind in ("duckdb", "spark"):
        return check_target(tmp_path, "scaffold", TABLES, CONTESTS, PYTHON_MODELS)
    more = "write prediction tables or " if kind == "clickhouse" else ""
    said = f"'dev' is of type '{kind}', which cannot {more}judge a challenger by labels"
    works = "score on clickhouse by the macro `predict()`" if more else "see what works on postgres"
    works = re.escape(f"{works} (docs/how-to/without_python.md)")
    with pytest.raises(ConfigurationError, match=f"{said}(?s:.*){works}(?s:.*)nothing was written"):
        check_target(tmp_path, "scaffold", TABLES, CONTESTS)
    return None
