"""`scorehouse init` and `scaffold`: shown first, written as shown, and never over what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result
from sklearn.linear_model import LogisticRegression

from scorehouse import load, register
from scorehouse.cli import project_files
from scorehouse.cli.known_columns import check_columns
from scorehouse.cli.main import main
from scorehouse.cli.profile_file import postgres_arguments, rendered
from scorehouse.errors import ConfigurationError
from scorehouse.registry.program_facts import UNDATED
from scorehouse.registry.seeds import ModelSeeds

INIT = ("init", "churn", "--features", "customers", "--key", "customer_id", "--label", "churned")
PACKAGE = str(Path(__file__).parents[3])
SCAFFOLD = ("scaffold", "predictions", "churn", "--features", "customers", "--key", "customer_id")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dbt_project.yml").write_text("name: shop\nprofile: shop_profile\n")
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "models")  # any folder of the project will do
    return tmp_path


def run(*arguments: str, code: int = 0, answer: str | None = None) -> Result:
    ended = CliRunner().invoke(main, arguments, input=answer)
    assert ended.exit_code == code, (ended.output, ended.exception)
    return ended


def content(project: Path) -> dict[str, str]:
    return {f.relative_to(project).as_posix(): f.read_text() for f in project.rglob("*") if f.is_file()}


def test_init_shows_a_diff_and_writes_it(project: Path) -> None:
    said = run(*INIT, "--package", PACKAGE, answer="y\n").output
    assert "+++ b/packages.yml" in said and f"+  - local: {PACKAGE}" in said
    assert yaml.safe_load((project / "packages.yml").read_text()) == {"packages": [{"local": PACKAGE}]}
    document = yaml.safe_load((project / "dbt_project.yml").read_text())
    assert document["name"] == "shop"
    assert document["vars"]["scorehouse_load_policy"] == {"formats": ["joblib"], "library_versions": "refuse"}
    assert document["asset-paths"] == ["assets"]
    compile((project / "ml/train_churn.py").read_text(), "train_churn.py", "exec")
    attributes = (project / ".gitattributes").read_text()
    assert "artifacts/** -text linguist-generated\n" in attributes
    assert "macros/ml/** linguist-generated\n" in attributes


@pytest.mark.parametrize(("options", "answer"), [(["--dry-run"], None), ([], "n\n")])
def test_init_writes_nothing_unless_told_to(project: Path, options: list[str], answer: str | None) -> None:
    before = content(project)
    assert "nothing was written" in run(*INIT, *options, answer=answer).output
    assert content(project) == before


def test_where_nobody_answers_init_says_how_to_go_on(project: Path) -> None:
    before = content(project)
    said = run(*INIT, code=2, answer="").output
    assert "nobody answered, so nothing was written; add --yes or --dry-run" in said
    assert content(project) == before


def test_a_second_init_has_nothing_to_do(project: Path) -> None:
    run(*INIT, "--package", PACKAGE, "--yes")
    before = content(project)
    assert "nothing to do" in run(*INIT, "--package", PACKAGE, "--yes").output
    assert content(project) == before


def test_init_adds_to_what_is_there(project: Path) -> None:
    settings = "name: shop  # ours\nasset-paths: [pictures]\nmacro-paths: [sql]\n"
    settings += "vars:\n    # a comment\n    start: 2020-01-01\n    'quoted': 1\nmodels: {}\n"
    (project / "dbt_project.yml").write_text(settings)
    (project / "packages.yml").write_text("packages:\n- package: dbt-labs/dbt_utils\n  version: 1.3.0\n")
    (project / ".gitattributes").write_text("artifacts/** -text\n*.csv text")
    (project / ".gitignore").write_text("/target\nsecret\n")
    (project / "ml").mkdir()
    (project / "ml/train_churn.py").write_text("# mine\n")
    run(*INIT, "--package", "https://example.com/scorehouse.git", "--revision", "v0.1.0", "--yes")
    written = (project / "dbt_project.yml").read_text()
    document = yaml.safe_load(written)
    assert document["asset-paths"] == ["pictures"]
    assert document["vars"]["quoted"] == 1 and document["vars"]["scorehouse_load_policy"]
    assert all(line in written.splitlines() for line in settings.splitlines())
    packages = yaml.safe_load((project / "packages.yml").read_text())["packages"]
    assert {"git": "https://example.com/scorehouse.git", "revision": "v0.1.0"} in packages
    assert len(packages) == 2
    attributes = (project / ".gitattributes").read_text()
    assert attributes.startswith("artifacts/** -text\n*.csv text\n# printed")
    assert "sql/ml/** linguist-generated\n" in attributes and attributes.count("-text") == 1
    assert (project / ".gitignore").read_text().startswith("/target\nsecret\ndbt_packages/\n")
    assert (project / "ml/train_churn.py").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("mapping", "sequence"), [("{}", "[]"), ("{ }  # none yet", "[ ]  # none yet"), ("", "")]
)
def test_init_fills_sections_that_are_empty(project: Path, mapping: str, sequence: str) -> None:
    settings = f"name: shop\nvars: {mapping}\nasset-paths: {sequence}\nprofile: shop_profile\n"
    (project / "dbt_project.yml").write_text(settings)
    (project / "packages.yml").write_text(f"packages: {sequence}\n")
    run(*INIT, "--package", PACKAGE, "--yes")
    written = (project / "dbt_project.yml").read_text()
    document = yaml.safe_load(written)
    assert document["vars"]["scorehouse_load_policy"]["formats"] == ["joblib"]
    assert document["asset-paths"] == ["assets"] and document["profile"] == "shop_profile"
    assert yaml.safe_load((project / "packages.yml").read_text())["packages"] == [{"local": PACKAGE}]
    assert [written.count(section) for section in ("vars:", "asset-paths:")] == [1, 1]
    assert "nothing to do" in run(*INIT, "--package", PACKAGE, "--yes").output


def test_init_reads_schema_and_file_of_the_default_target(project: Path) -> None:
    settings = "{type: duckdb, path: shop.duckdb, schema: analytics, settings: {memory_limit: 1GB}}"
    (project / "profiles.yml").write_text(f"shop_profile: {{target: dev, outputs: {{dev: {settings}}}}}\n")
    said = run(*INIT, "--yes").output
    assert "python ml/train_churn.py\n" in said and "has no memory limit" not in said
    script = (project / "ml/train_churn.py").read_text()
    assert '"from analytics.customers where ' in script and 'PROJECT / "shop.duckdb"' in script


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("{type: duckdb, path: shop.duckdb}", "has no memory limit; with `settings:"),
        ("{type: mysql, schema: main}", "needs `type: duckdb`; with `settings:"),
        ("{type: snowflake, schema: main}", "let lines 16 to 25 read snowflake, not DuckDB; then\n"),
        (
            "{type: duckdb, path: \"{{ env_var('FILE') }}\"}",
            "python ml/train_churn.py <the DuckDB file of your target>",
        ),
    ],
)
def test_init_says_what_the_profile_lacks(project: Path, settings: str, said: str) -> None:
    (project / "profiles.yml").write_text(f"shop_profile: {{target: dev, outputs: {{dev: {settings}}}}}\n")
    assert said in run(*INIT, "--yes").output
    assert '"from customers where ' in (project / "ml/train_churn.py").read_text()
    compiled = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"].get(
        "scorehouse_compiled_sql"
    )
    assert compiled == ({"dialects": ["snowflake"]} if "snowflake" in settings else None)


def test_init_reads_postgres_as_dbt_does_in_the_schema_that_dbt_knows(project: Path) -> None:
    pytest.importorskip("dbt.adapters.postgres", reason="the extra `postgres` is not installed")
    settings = "type: postgres, host: db, port: 5432, user: us, pass: \"{{ env_var('PW', 'x') }}\", dbname: d"
    (project / "profiles.yml").write_text(
        f"shop_profile: {{target: dev, outputs: {{dev: {{{settings}, schema: dev}}}}}}\n"
    )
    settings = "{{ config(schema='features', alias='shoppers') }} select 1 as customer_id"
    (project / "models/customers.sql").write_text(settings)
    said = run(*INIT, "--yes").output
    assert "python ml/train_churn.py\n" in said and "DuckDB" not in said and "`type: duckdb`" not in said
    script = (project / "ml/train_churn.py").read_text()
    assert 'cursor.execute("select * from dev_features.shoppers where ' in script
    assert 'arguments = postgres_arguments(PROJECT, "dev")' in script and "set role" not in script
    compile(script, "train_churn.py", "exec")


def test_init_renders_target_and_schema_of_the_profile(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "{type: postgres, schema: \"{{ env_var('S', 'own') }}\", role: \"{{ env_var('R', 'me') }}\"}"
    (project / "profiles.yml").write_text(
        f"shop_profile: {{target: \"{{{{ env_var('T') }}}}\", outputs: {{dev: {settings}}}}}\n"
    )
    assert "needs the environment variable 'T', which is not set" in run(*INIT, "--yes", code=1).output
    monkeypatch.setenv("T", "dev")
    run(*INIT, "--yes")
    script = (project / "ml/train_churn.py").read_text()
    assert 'postgres_arguments(PROJECT, "dev")' in script and '"select * from own.customers where ' in script
    assert '        cursor.execute("set role me")\n' in script


def test_a_script_connects_with_what_the_profile_says(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = "{type: postgres, port: 5432, pass: \"{{ env_var('PW') }}\", search_path: 'a, b', host: null, "
    settings += "sslmode: require, sslcert: '', threads: '{{ no() }}'}"
    (project / "profiles.yml").write_text(f"shop_profile: {{outputs: {{default: {settings}}}}}\n")
    with pytest.raises(ConfigurationError, match="the environment variable 'PW', which is not set"):
        postgres_arguments(project, "default")
    monkeypatch.setenv("PW", "secret")
    assert postgres_arguments(project, "default") == {
        "port": "5432",
        "password": "secret",
        "sslmode": "require",
        "options": "-c search_path=a,\\ b",
    }
    with pytest.raises(ConfigurationError, match="has no target 'defalt'; did you mean 'default'"):
        postgres_arguments(project, "defalt")


def test_a_setting_that_needs_more_of_dbt_is_refused_without_its_text() -> None:
    assert rendered("{{ env_var('NOT_SET', '5') | as_number }}") == "5"
    with pytest.raises(ConfigurationError, match="cannot be rendered here: 'var' is undefined"):
        rendered("{{ var('x') }}")


def test_init_asks_dbt_for_the_schema_in_the_default_target(project: Path) -> None:
    targets = (
        "dev: {type: duckdb, path: s.duckdb, schema: a}, prod: {type: duckdb, path: s.duckdb, schema: p}"
    )
    (project / "profiles.yml").write_text(f"shop_profile: {{target: dev, outputs: {{{targets}}}}}\n")
    (project / "models/customers.sql").write_text("{{ config(schema='b') }} select 1 as customer_id")
    before = content(project)
    run(*INIT, answer="n\n")
    assert content(project) == before and sorted(file.name for file in project.iterdir()) == [
        "dbt_project.yml",
        "models",
        "profiles.yml",
    ]
    dbt = str(Path(sys.executable).with_name("dbt"))
    subprocess.run([dbt, "--quiet", "parse", "--target", "prod"], cwd=project, check=True)
    assert '"p_b"' in (project / "target/manifest.json").read_text(), "the schema in another target"
    run(*INIT, "--yes")
    assert '"from a_b.customers where ' in (project / "ml/train_churn.py").read_text()


def test_init_says_that_a_schema_is_a_guess_where_dbt_cannot_parse(project: Path) -> None:
    (project / "profiles.yml").write_text(
        "shop_profile: {target: dev, outputs: {dev: {type: duckdb, path: shop.duckdb, schema: a}}}\n"
    )
    (project / "models/customers.sql").write_text("select {{ 1 +")
    said = run(*INIT, "--yes").output
    assert "note: the schema of customers in the training script is a guess, as dbt has not parsed" in said
    assert '"from a.customers where ' in (project / "ml/train_churn.py").read_text()


def test_init_of_an_empty_folder_guesses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """dbt cannot parse what is not written yet, and the schema is that of the profile that is written."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models/customers.sql").write_text("select 1 as customer_id")
    monkeypatch.chdir(tmp_path)
    assert "is a guess" not in run(*INIT, "--yes").output
    assert '"from customers where ' in (tmp_path / "ml/train_churn.py").read_text()
    ((_, output),) = yaml.safe_load((tmp_path / "profiles.yml").read_text())[tmp_path.name]["outputs"].items()
    for database, why in ((None, "cannot be read in"), (output["path"], "is not built in")):
        if database:
            duckdb.connect(database).close()
        check_columns(tmp_path, "scaffold mart", "customers", {"--key": "id"})
        assert f"not checked: --key id, as customers {why} the default target" in capsys.readouterr().err


def test_init_refuses_what_it_cannot_edit(project: Path) -> None:
    (project / "dbt_project.yml").write_text("name: shop\nvars: {start: 1}\n")
    said = run(*INIT, "--yes", code=1).output
    assert "'vars' in dbt_project.yml is not written as a block" in said


def test_init_in_an_empty_folder_makes_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, package = tmp_path / "2nd Shop", tmp_path / "my scorehouse"
    for each in (folder, package):
        each.mkdir()
    monkeypatch.chdir(folder)
    refused = run(*INIT, "--package", "../my scorehouse", "--yes", code=1).output
    assert f"{str(folder / '../my scorehouse')!r} is not the folder of a dbt package" in refused
    assert not any(folder.iterdir()), "nothing is written"
    (package / "dbt_project.yml").touch()
    said = run(*INIT, "--labels", "churn_labels", "--package", "../my scorehouse", "--yes").output
    assert "write the models or load the seeds customers, churn_labels, one row per key; then" in said
    assert "dbt build --select +customers +churn_labels\n  python ml/train_churn.py\n" in said
    settings = yaml.safe_load((folder / "dbt_project.yml").read_text())
    assert (settings["name"], settings["profile"]) == ("project_2nd_shop", "project_2nd_shop")
    outputs = yaml.safe_load((folder / "profiles.yml").read_text())["project_2nd_shop"]["outputs"]
    assert outputs["dev"]["path"] == "project_2nd_shop.duckdb"
    assert outputs["dev"]["settings"] == {"memory_limit": "1GB"} and "needs `type" not in said
    ignored = (folder / ".gitignore").read_text().split()
    assert {"target/", "dbt_packages/", "logs/", "*.duckdb", "scorehouse_report/"} <= {*ignored}
    assert yaml.safe_load((folder / "packages.yml").read_text())["packages"] == [
        {"local": "../my scorehouse"}
    ]
    assert "nothing to do" in run(*INIT, "--package", "../my scorehouse", "--yes").output


def test_init_beside_models_without_a_project_guesses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dbt cannot parse what init is about to make, with a profile whose schema init writes itself."""
    package = tmp_path / "package"
    for each in (package, tmp_path / "shop/models"):
        each.mkdir(parents=True)
    (package / "dbt_project.yml").touch()
    (tmp_path / "shop/models/customers.sql").write_text("select 1 as customer_id")
    monkeypatch.chdir(tmp_path / "shop")
    assert "note:" not in run(*INIT, "--package", "../package", "--yes").output
    assert '"from customers where ' in Path("ml/train_churn.py").read_text()


def test_a_profile_that_dbt_finds_elsewhere_is_not_written(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / "profiles.yml").write_text("shop_profile: {target: dev, outputs: {dev: {type: mysql}}}\n")
    monkeypatch.setenv("DBT_PROFILES_DIR", str(home))
    assert "needs `type: duckdb`" in run(*INIT, "--yes").output
    assert not (project / "profiles.yml").exists()


def test_a_runtime_from_an_index_asks_for_the_package(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_an_index = SimpleNamespace(read_text=lambda file: None, version="0.1.0")
    monkeypatch.setattr(project_files.metadata, "distribution", lambda name: of_an_index)
    said = run(*INIT, "--yes", code=1).output
    assert "installed from a package index" in said and "add --package" in said
    assert not (project / "packages.yml").exists()
    (project / "packages.yml").write_text("packages: [{local: ../scorehouse}]\n")
    run(*INIT, "--yes")


def test_json_does_not_ask(project: Path) -> None:
    assert "add --yes or --dry-run" in run(*INIT, "--json", code=2).output
    changes = json.loads(run(*INIT, "--json", "--dry-run").output)
    assert {change["path"]: change["change"] for change in changes} == {
        "packages.yml": "create",
        "dbt_project.yml": "edit",
        "profiles.yml": "create",
        ".gitignore": "create",
        ".gitattributes": "create",
        "ml/train_churn.py": "create",
    }
    assert not (project / "ml").exists()
    run(*INIT, "--json", "--yes")
    assert (project / "ml/train_churn.py").exists()


def registered(project: Path, classes: int = 2) -> None:
    frame = pd.DataFrame({"spend": np.arange(60.0)})
    label = np.arange(60) * classes // 60
    estimator = LogisticRegression().fit(frame, label)
    register(estimator, "churn", frame, label, task="classification", alias="champion", project_dir=project)


def test_scaffold_writes_model_columns_and_tests(project: Path) -> None:
    registered(project)
    run(*SCAFFOLD, "--yes")
    model = (project / "models/ml/churn_predictions.sql").read_text()
    assert model == (
        "{{ scorehouse.scored('churn', key='customer_id') }}\n\nselect * from {{ ref('customers') }}\n"
    )
    (entry,) = yaml.safe_load((project / "models/ml/_churn_predictions.yml").read_text())["models"]
    names = [column["name"] for column in entry["columns"]]
    assert names[:3] == ["customer_id", "prediction", "score"] and "row_status" in names
    assert "scorehouse.predictions_up_to_date" in entry["data_tests"]  # it judges by the table's rhythm
    tests = {
        name.removeprefix("scorehouse."): test
        for item in entry["data_tests"]
        if isinstance(item, dict)
        for name, test in item.items()
    }
    assert tests["one_prediction_per_row"]["arguments"]["key"] == ["customer_id"]
    assert tests["score_in_range"]["arguments"]["columns"] == ["score"]


def test_scaffold_through_the_python_door_with_several_keys_and_classes(project: Path) -> None:
    registered(project, classes=3)
    run(*SCAFFOLD, "--key", "day", "--language", "python", "--alias", "champion", "--yes")
    model = (project / "models/ml/churn_predictions.py").read_text()
    compile(model, "churn_predictions.py", "exec")
    assert 'key=["customer_id", "day"],' in model and 'model=dbt.ref("ml_churn")' in model
    assert "score_2" in (project / "models/ml/_churn_predictions.yml").read_text()


def test_scaffold_of_what_does_not_rank_takes_no_group(project: Path) -> None:
    registered(project)
    said = run(*SCAFFOLD, "--group", "region", "--yes", code=2).output
    assert "churn version 1 does not rank" in said and "--keep" in said


def test_scaffold_leaves_what_its_author_wrote(project: Path) -> None:
    registered(project)
    (project / "models/ml").mkdir()
    (project / "models/ml/churn_predictions.sql").write_text("-- mine\n")
    run(*SCAFFOLD, "--yes")
    assert (project / "models/ml/churn_predictions.sql").read_text() == "-- mine\n"
    assert "nothing to do" in run(*SCAFFOLD, "--yes").output


def test_scaffold_says_that_training_rows_count_where_their_days_are_not_known(project: Path) -> None:
    registered(project)
    said = f"note: {'; '.join(UNDATED).format('churn version 1')}\n"
    monitors = ("scaffold", "monitors", *SCAFFOLD[2:])
    labelled = ("--labels", "labels", "--label", "churned", "--yes")
    assert said not in run(*monitors, "--dry-run").stderr
    dated = run(*monitors, "--day", "spend", "--dry-run").stderr
    assert (
        "note: spend is a feature of churn version 1 and the day of its windows: no monitor judges" in dated
    )
    assert said in run(*monitors, *labelled).stderr
    assert said in run("scaffold", "retraining", *SCAFFOLD[2:], "--time", "day", *labelled).stderr


def test_scaffold_of_an_unregistered_model_says_what_to_do(project: Path) -> None:
    assert "there is no ML model 'churn'" in run(*SCAFFOLD, "--yes", code=1).output


@pytest.mark.slow
@pytest.mark.parametrize(("task", "metric"), [("classification", "roc_auc"), ("regression", "mae")])
def test_the_training_script_takes_the_features_of_a_warehouse(project: Path, task: str, metric: str) -> None:
    """Texts, missing integers, missing texts and booleans, as they come; labels that are not known yet.

    Labels of the classification are strings in a table of their own.
    """
    label = "case when i % 50 > 20 then 'yes' else 'no' end" if task == "classification" else "i % 50"
    apart = ["--labels", "churn_labels"] if task == "classification" else []
    with duckdb.connect(str(project / "shop_profile.duckdb")) as connection:
        connection.execute(
            "create table customers as select i as customer_id, case when i % 7 > 0 then i % 50 end as age, "
            "case i % 4 when 0 then 'north' when 1 then 'south' when 2 then 'city' end as club, "
            "i % 3 = 0 as trained, i * 0.5e0 as spend, "
            f"case when i < 900 then {label} end as churned from range(1000) as t (i)"
        )
        if apart:
            connection.execute("create table churn_labels as select customer_id, churned from customers")
            connection.execute("alter table customers drop churned")
    run(*INIT, *apart, "--task", task, "--yes")
    script = [sys.executable, "ml/train_churn.py"]
    ended = subprocess.run(script, cwd=project, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (version,) = ModelSeeds(project, "churn").versions()
    assert (version.task, version.aliases, version.training_rows) == (task, ("champion",), 675)
    assert version.metrics[metric] > 0.9 if task == "classification" else version.metrics[metric] < 5
    assert (project / "assets/ml/churn/1/importance.svg").exists()
    assert (project / "assets/ml/churn/1/calibration.svg").exists()
    row = {"age": None, "club": None, "trained": True, "spend": 1.0}
    assert load("churn", project).predict(row)["row_status"] == "scored"


def test_descriptions_of_columns_flow_from_features_to_predictions_and_mart(project: Path) -> None:
    registered(project)
    (project / "models/customers.yml").write_text(
        "models:\n  - name: customers\n    columns:\n"
        "      - {name: customer_id, description: Number on the card.}\n"
        "      - {name: region, description: \"{{ doc('region') }}\"}\n      - {name: shop}\n"
    )
    (project / "models/other.yml").write_text("models: [{name: region, columns: []}]\n")
    (project / "models/broken.yml").write_text("models: [\n")
    run(*SCAFFOLD, "--keep", "region", "--keep", "shop", "--yes")
    run("scaffold", "mart", "churn", "--key", "customer_id", "--keep", "region", "--keep", "day", "--yes")
    for file in ("ml/_churn_predictions.yml", "marts/_churn_mart.yml"):
        (entry,) = yaml.safe_load((project / "models" / file).read_text())["models"]
        described = {column["name"]: column["description"] for column in entry["columns"]}
        assert described["customer_id"] == "Number on the card."
        assert described["region"] == "{{ doc('region') }}"
    assert described["day"] == "Column of churn_predictions."
    (entry,) = yaml.safe_load((project / "models/ml/_churn_predictions.yml").read_text())["models"]
    assert {"name": "shop", "description": "Column of customers."} in entry["columns"]
