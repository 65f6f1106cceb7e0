"""The seal at the command line: of a project on DuckDB, and of run logs that dbt reads."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from foreign import ForeignProject
from keys import make_key

if TYPE_CHECKING:
    from postgres.server import Server

TARGET = ("--target", "dev")
LOG = "analytics.scorehouse_run_log"


@pytest.fixture(scope="module")
def shop(foreign_project: ForeignProject, tmp_path_factory: pytest.TempPathFactory) -> ForeignProject:
    copy = ForeignProject(tmp_path_factory.mktemp("evidence") / "a shop", foreign_project.home)
    shutil.copytree(foreign_project.folder, copy.folder, symlinks=True)
    return copy


def change(shop: ForeignProject, sql: str) -> None:
    with duckdb.connect(str(shop.database)) as connection:
        connection.execute(sql)


@pytest.mark.slow
def test_a_row_that_was_changed_dropped_or_inserted_is_told(shop: ForeignProject) -> None:
    first = json.loads(shop.run("scorehouse", "evidence", "seal", *TARGET, "--json").stdout)
    assert first["runs"] == first["added"] == 5 and first["findings"] == []
    file = shop.folder / "evidence/run_log.dev.jsonl"
    kept = file.read_bytes()
    assert Path(first["file"]) == file.resolve()
    again = shop.run("scorehouse", "evidence", "seal", *TARGET, "--head", first["head"]).stdout
    assert "5 runs, 0 of them new" in again and file.read_bytes() == kept
    change(shop, f"create table kept as from {LOG}")
    check = ("scorehouse", "evidence", "seal", *TARGET, "--check")
    assert "sealed: 5 runs (" in shop.run(*check).stdout
    later = "uuid() as run_id, started_at + interval 1 hour as started_at"
    newer = f"select * replace ({later}) from {LOG} order by started_at desc limit 1"
    change(shop, f"insert into {LOG} by name {newer}")
    unsealed = json.loads(shop.run(*check, "--json").stdout)
    assert (unsealed["runs"], unsealed["added"], unsealed["not_sealed"]) == (5, 0, 1)
    assert "sealed: 5 runs; 1 run is not sealed yet (" in shop.run(*check).stdout
    change(shop, f"delete from {LOG}; insert into {LOG} from kept")
    for sql, kind in (
        (f"update {LOG} set rows_rejected = 7 where model_name = 'churn'", "changed"),
        (f"delete from {LOG} where model_name = 'demand'", "dropped"),
        (
            f"insert into {LOG} by name select * replace (uuid() as run_id, started_at - interval 1 day "
            f"as started_at) from {LOG} where model_name = 'segments'",
            "inserted",
        ),
    ):
        change(shop, sql)
        ended = shop.run("scorehouse", "evidence", "seal", *TARGET, "--json", code=3)
        assert [each["kind"] for each in json.loads(ended.stdout)["findings"]] == [kind]
        assert file.read_bytes() == kept
        change(shop, f"delete from {LOG}; insert into {LOG} from kept")
    change(shop, f"delete from {LOG} where model_name = 'demand'")
    pruned = shop.run("scorehouse", "evidence", "seal", *TARGET, "--pruned", "no longer needed").stdout
    assert "head: " in pruned and shop.run("scorehouse", "evidence", "seal", *TARGET, "--check")
    assert json.loads(file.read_text().splitlines()[-2])["reason"] == "no longer needed"
    said = shop.run("scorehouse", "evidence", "seal", *TARGET, "--check", "--head", "0f" * 32, code=3)
    assert "the file was cut, or written anew" in said.stdout
    change(shop, f"delete from {LOG}; insert into {LOG} from kept")
    file.write_bytes(kept)


@pytest.mark.slow
def test_a_pack_of_a_run_and_of_a_version(shop: ForeignProject) -> None:
    pytest.importorskip("cryptography", reason="needs the extra evidence")
    make_key(shop.folder)
    shop.run("scorehouse", "evidence", "sign", "churn", "--key", "release.pem")
    pack = ("scorehouse", "evidence", "pack")
    shop.run(*pack, "churn@champion", *TARGET, "--output", "audit/churn", "--key", "release.pem")
    folder = shop.folder / "audit/churn"
    replayed = json.loads((folder / "replay.json").read_text())
    assert (replayed["rows_compared"], replayed["rows_different"], replayed["same_input"]) == (300, 0, True)
    lineage = json.loads((folder / "lineage.json").read_text())
    assert [each["name"] for each in lineage["inputs"]] == ["warehouse.analytics.basket", "churn"]
    fields = lineage["outputs"][0]["facets"]["columnLineage"]["fields"]
    assert [each["field"] for each in fields["score"]["inputFields"]] == ["amount", "visits", "1"]
    tests = json.loads((folder / "tests.json").read_text())
    assert "one_prediction_per_row" in {each["test"] for each in tests["results"]}
    assert "SHA-256 of the artifact" in (folder / "card.html").read_text()
    verified = shop.run(
        "scorehouse", "evidence", "verify", "audit/churn", "--key", "release.pub.pem", HOME="/nowhere"
    )
    assert "nothing was altered, signed by the key of release.pub.pem" in verified.stdout
    change(shop, "update analytics.churn_predictions set score = score + 0.1 where id = 7")
    run_id = json.loads((folder / "run.json").read_text())["run_id"]
    ended = shop.run(*pack, "--run", run_id[:8], *TARGET, "--output", "audit/run", "--json", code=3)
    assert json.loads(ended.stdout)["notes"] == ["the replay differs in 1 rows"]
    change(shop, f"update {LOG} set rows_in = 299 where run_id = '{run_id}'")
    ended = shop.run(*pack, "churn", *TARGET, "--output", "audit/altered", "--no-replay", code=3)
    assert "was changed after its seal" in ended.stdout
    said = shop.run("scorehouse", "evidence", "verify", "audit/altered", "--unsigned").stdout
    assert "noted when it was made: changed: the row of the run" in said
    for words, why in (((), "name either a version"), (("churn", "--run", "1"), "name either a version")):
        assert why in shop.run(*pack, *words, *TARGET, "--output", "x", code=2).stderr
    refused = shop.run(*pack, "churn/9", *TARGET, "--output", "x", code=1).stderr
    assert "has no version 9" in refused and not (shop.folder / "x").exists()


@pytest.mark.slow
def test_a_build_scores_by_a_signed_version_only(foreign_project: ForeignProject, tmp_path: Path) -> None:
    pytest.importorskip("cryptography", reason="needs the extra evidence")
    shop = ForeignProject(tmp_path / "a shop", foreign_project.home)
    shutil.copytree(foreign_project.folder, shop.folder, symlinks=True)
    make_key(shop.folder)
    settings = (shop.folder / "dbt_project.yml").read_text()
    policy = "{require_signed_by: [release.pub.pem]}"
    shop.write("dbt_project.yml", f"{settings}vars:\n  scorehouse_load_policy: {policy}\n")
    build = ("dbt", "--quiet", "--no-use-colors", "run", "--select", "churn_predictions")
    refused = shop.run(*build, code=1)
    assert "churn version 1 has no key signature" in refused.stdout
    shop.run("scorehouse", "evidence", "sign", "churn", "--key", "release.pem")
    shop.run(*build)
    ended = shop.query(f"select status from {LOG} where model_name = 'churn' order by started_at")
    assert ended == [("success",), ("failed",), ("success",)]


@pytest.mark.foreign
@pytest.mark.postgres
def test_a_run_log_on_postgres_is_read_by_dbt(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
    from postgres.one_table import built_project

    project = built_project(server, tmp_path / "house", "sealed")
    command = [Path(sys.executable).with_name("scorehouse"), "evidence", "seal", "--target", "p"]
    places = ["--project-dir", project.folder, "--profiles-dir", project.folder, "--json"]

    def seal(code: int = 0) -> dict[str, object]:
        ended = subprocess.run(
            list(map(str, [*command, *places])), capture_output=True, text=True, env=os.environ, cwd=tmp_path
        )
        assert ended.returncode == code, ended.stdout + ended.stderr
        return dict(json.loads(ended.stdout))

    assert seal()["added"] == 1
    assert seal()["added"] == 0
    project.query("update scorehouse_run_log set score_mean = score_mean + 1e-9")
    assert [each["kind"] for each in seal(3)["findings"]] == ["changed"]  # type: ignore[attr-defined]
    profiles = project.folder / "profiles.yml"
    profiles.write_text(re.sub(r"\bport: *\d+", "port: 1", profiles.read_text()))
    call = list(map(str, [*command, *places]))
    refused = subprocess.run(call, capture_output=True, text=True, env=os.environ, cwd=tmp_path)
    assert "see that the server runs, and check host, port, user and password in" in refused.stderr
