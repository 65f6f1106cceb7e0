"""The training script of `scorehouse init` on a real PostgreSQL server: it connects as dbt does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ports import LOOPBACK
from postgres.server import Server
from scorehouse.cli.main import main
from scorehouse.registry.seeds import ModelSeeds

pytestmark = [pytest.mark.foreign, pytest.mark.postgres, pytest.mark.soak]
INIT = ("init", "churn", "--features", "customers", "--key", "customer_id", "--label", "churned", "--yes")
# the role may read the table, which lies in a schema with a space; user and database alone would not find it
PROFILE = """
shop:
  target: "{{{{ env_var('SHOP_TARGET', 'dev') }}}}"
  outputs:
    dev:
      type: "{{{{ env_var('SHOP_TYPE', 'postgres') }}}}"
      host: {host}
      port: "{{{{ env_var('SHOP_PORT') | as_number }}}}"
      user: analyst
      pass: "{{{{ env_var('SHOP_PASSWORD') }}}}"
      dbname: postgres
      schema: "{{{{ env_var('SHOP_SCHEMA', 'the shop') }}}}"
      role: reader
      search_path: '"the shop", public'
      connect_timeout: 5
      sslmode: prefer
      threads: 1
      query_tag: "{{{{ env_var('OF_NO_USE') }}}}"
"""
TABLES = """
create role reader;
create role analyst login;
grant reader to analyst;
create schema "the shop";
create table "the shop".customers as
select
    i as customer_id, i % 50 > 20 as churned,
    case when i % 7 = 0 then 'NaN'::numeric when i % 9 > 0 then i % 50 end as spent
from generate_series(1, 400) as rows (i);
grant usage on schema "the shop" to reader;
grant select on "the shop".customers to reader;
"""


def test_the_script_connects_as_dbt_does_and_reads_numeric_with_nan(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    (tmp_path / "profiles.yml").write_text(PROFILE.format(host=LOOPBACK))
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOP_PORT", str(server.port))
    made = CliRunner().invoke(main, INIT)
    assert made.exit_code == 0, made.output
    script = [sys.executable, "ml/train_churn.py"]
    unset = subprocess.run(script, capture_output=True, text=True)
    assert "needs the environment variable 'SHOP_PASSWORD', which is not set" in unset.stderr
    monkeypatch.setenv("SHOP_PASSWORD", "secret")
    trained = subprocess.run(script, capture_output=True, text=True)
    assert "registered churn version 1" in trained.stdout, trained.stderr
    assert [row["feature"] for row in ModelSeeds(tmp_path, "churn").features(1)] == ["spent"]
    assert "secret" not in "".join(file.read_text() for file in tmp_path.rglob("ml/*.py"))
