"""What scaffolds make of files of the project that are broken, old, or in another encoding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scorehouse.cli.changes import Change, new_files
from scorehouse.cli.known_columns import check_columns

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
    assert "not checked: --key id, as customers cannot be read" in capsys.readouterr().err


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
    new = Change("new.sql", "select 1")
    assert new_files(tmp_path, [Change("kept.sql", "-- caf\u00e9"), new]) == [new]
    assert "left as it is: kept.sql" in capsys.readouterr().err
