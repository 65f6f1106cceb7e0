"""The training script of `scorehouse init` on tables with dates, and on tables that are not there yet."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from scorehouse.cli.main import main
from scorehouse.registry.seeds import ModelSeeds

pytestmark = pytest.mark.slow

INIT = ("init", "churn", "--features", "customers", "--key", "customer_id", "--label", "churned", "--yes")
# a hundred days of ten customers, of which two days have no label yet, and one row has no day
CUSTOMERS = """
create table customers as
select
    i as customer_id, i % 50 as age, case when i <> 5 then {day} end as day,
    case when i < 980 then i % 50 > 20 end as churned {more}
from range(1000) as t (i)
"""
DAY = "date '2026-01-01' + (i // 10)::int"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop\n")
    settings = "{type: duckdb, path: shop.duckdb}"
    (tmp_path / "profiles.yml").write_text(f"shop: {{target: dev, outputs: {{dev: {settings}}}}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def build(project: Path, day: str = DAY, more: str = "") -> None:
    with duckdb.connect(str(project / "shop.duckdb")) as connection:
        connection.execute(CUSTOMERS.format(day=day, more=more))


def run(*arguments: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(main, arguments)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended


def train(project: Path, code: int = 0) -> str:
    script = [sys.executable, "ml/train_churn.py"]
    ended = subprocess.run(script, cwd=project, capture_output=True, text=True)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def features(project: Path) -> list[str]:
    return [str(row["feature"]) for row in ModelSeeds(project, "churn").features(1)]


@pytest.mark.parametrize("day", [DAY, f"({DAY})::timestamp + interval 5 hours"])
def test_with_time_the_newest_days_are_held_out_and_the_others_known(project: Path, day: str) -> None:
    build(project, day)
    said = run(*INIT, "--time", "day").output
    assert "--key customer_id --keep day\n" in said and "is no feature" not in said
    assert "registered churn version 1" in train(project)
    (version,) = ModelSeeds(project, "churn").versions()
    assert (version.trained_from, version.trained_to) == ("2026-01-01", "2026-03-19")
    assert version.training_rows == 779 and features(project) == ["age"]
    assert ModelSeeds(project, "churn").window_units(1) == ["week"]


def test_without_time_the_only_date_is_no_feature_and_init_says_so(project: Path) -> None:
    build(project)
    said = run(*INIT).output
    assert "day, the only date of customers, is no feature, and rows are held out at random" in said
    assert "delete ml/train_churn.py and add --time day" in said
    assert "day is no feature; `scorehouse init --time day` holds out the newest days" in train(project)
    (version,) = ModelSeeds(project, "churn").versions()
    assert version.training_rows == 735 and features(project) == ["age"]


def test_of_several_dates_each_is_a_feature(project: Path) -> None:
    build(project, more=", date '2025-01-01' + i::int as born")
    assert "the only date" not in run(*INIT).output
    assert "is no feature" not in train(project)
    assert features(project) == ["age", "day", "born"]


def test_the_script_says_what_to_build_where_it_cannot_train(project: Path) -> None:
    run(*INIT, "--labels", "churn labels", "--time", "day")
    build_first = "build first: dbt build --select +customers '+churn labels'\n"
    said = train(project, code=1)
    assert (
        said.startswith("customers and churn labels cannot be read in ") and "shop.duckdb: IO Error" in said
    )
    build(project)
    said = train(project, code=1)
    assert "Catalog Error" in said and said.endswith(build_first) and "Traceback" not in said
    (project / "ml/train_churn.py").unlink()
    (project / "shop.duckdb").unlink()
    build(project, day="date '2026-01-01'")
    run(*INIT, "--time", "day")
    assert "all 979 labelled rows are of one day" in train(project, code=1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("--features", "custmers"),
            "--features is 'custmers', and the project lacks it; did you mean 'customers'?",
        ),
        (("--features", "Customers"), "; did you mean 'customers'?"),
        (("--labels", "churn_lables"), "; did you mean 'churn_labels'?"),
        (("--features", "raw.orderz"), "; did you mean 'raw.orders'?"),
        (("--key", "custmer_id"), "--key is 'custmer_id', and customers has no such column"),
        (("--time", "dayy"), "--time is 'dayy', and customers has no such column; did you mean 'day'?"),
        (("--labels", "churn_labels"), "--label is 'churned', and churn_labels has no such column"),
    ],
)
def test_init_names_what_is_misspelled_before_anything_is_built(
    project: Path, words: tuple[str, ...], said: str
) -> None:
    (project / "models").mkdir()
    (project / "seeds").mkdir()
    (project / "models/sources.yml").write_text("sources: [{name: raw, tables: [{name: orders}, items]}]\n")
    (project / "seeds/customers.csv").write_text("customer_id,day,churned\n1,2026-01-01,true\n")
    (project / "seeds/churn_labels.csv").write_text("customer_id,has_left\n1,true\n")
    refused = run(*INIT, *words, code=1).output
    assert said in refused and "What to do: " in refused and not (project / "ml").exists()
    run(*INIT, "--labels", "labels_to_come", "--time", "day")


@pytest.mark.parametrize("name", ["customers_v2", "customer", "customers_2025", "shop.raw.orders"])
def test_init_takes_a_table_that_is_still_to_come(project: Path, name: str) -> None:
    (project / "models").mkdir()
    (project / "models/sources.yml").write_text("sources: [{name: raw, tables: [{name: orders}]}]\n")
    for known in ("customers", "customers_2024"):
        (project / f"models/{known}.sql").write_text("select 1 as customer_id")
    build(project)
    said = run("init", "churn", "--features", name, *INIT[4:], "--dry-run").stderr
    note = f"note: --features is '{name}', and neither the project nor its default target has it; did you"
    assert (note in said) == (name != "shop.raw.orders") and (note in said or not said)
    near = run("init", "churn", "--features", "custmers", *INIT[4:], code=1)
    assert "neither the project nor its default target has it; did you mean 'customers'?" in near.stderr


def test_a_table_is_found_in_the_database_that_it_names(project: Path) -> None:
    build(project)
    named = run("init", "churn", "--features", "shop.main.customers", *INIT[4:7], "left", "--yes", code=1)
    assert "--label is 'left', and shop.main.customers has no such column" in named.stderr


def test_the_query_of_the_script_keeps_names_as_they_are(project: Path) -> None:
    build(project, more=', day as "day and night"')
    with duckdb.connect(str(project / "shop.duckdb")) as connection:
        connection.sql("create table churn_labels as select customer_id, churned from customers")
        connection.sql("alter table customers drop churned")
    run(*INIT, "--labels", "churn_labels", "--time", "day and night")
    said = train(project)
    assert "1 labelled rows are left out, as they have no day and night" in said
    assert "registered churn version 1" in said


def test_init_offers_a_near_spelling_of_what_is_not_built(project: Path) -> None:
    (project / "models").mkdir()
    (project / "models/customers.sql").write_text("select * from raw.customers")
    (project / "models/customers.yml").write_text(
        "models: [{name: customers, columns: [{name: customer_id}]}]\n"
    )
    assert "not checked" not in run(*INIT, "--dry-run").output
    said = run(*INIT[:5], "customr_id", *INIT[6:], "--dry-run").output
    assert "not checked: --key customr_id, as customers cannot be read" in said
    assert "did you mean 'customer_id'?" in said and "--label" not in said
