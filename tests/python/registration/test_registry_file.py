"""What scores is the registry in version control; the table of its seed is compared, never trusted."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from sklearn.linear_model import LogisticRegression

from churn import FEATURES, classifier, training
from edited_registry import decided, edit
from project import REPOSITORY, DbtProject
from scorehouse import load, register
from scorehouse.cli.main import main
from scorehouse.registration.groups import grouped
from scorehouse.registration.promote import promote
from scorehouse.registry.storage import sha256

DOORS = ("by_sql", "by_python", "by_table")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Two versions of one ML model, which scores through each door."""
    project = DbtProject(tmp_path_factory.mktemp("registry") / "house")
    project.features(FEATURES)
    estimator, X = classifier(), training()
    y = X.amount + 5 * X.visits > 70
    project.register(estimator, "churn", X, y, task="classification", threshold=0.5)
    project.register(
        estimator, "churn", X, y, task="classification", threshold=0.25, alias="challenger", program=False
    )
    project.sql_model("by_sql", "churn", key="id")
    project.python_model("by_python", "churn", key="id")
    project.python_model("by_table", "churn", key="id", config="materialized='table'")
    project.python_model("by_estimator", "churn", key="id", backend="estimator")
    project.python_model("by_matrix", "churn", key="id", backend="matrix")
    project.sql_model("by_change", "churn", key="id", rescore="changed")
    project.write("models/by_macro.sql", "select * from {{ scorehouse.predict('churn', ref('features')) }}")
    project.build().check()
    shutil.copy(project.database, project.folder / "sound.duckdb")
    shutil.copytree(project.folder / "seeds", project.folder / "sound_seeds")
    return project


@pytest.fixture
def project(built: DbtProject) -> Iterator[DbtProject]:
    yield built
    shutil.copy(built.folder / "sound.duckdb", built.database)
    # with times of now, as git restores files: dbt reads a file again whose time has changed
    restored = {"dirs_exist_ok": True, "copy_function": shutil.copy}
    shutil.copytree(built.folder / "sound_seeds", built.folder / "seeds", **restored)


def refused(project: DbtProject, *words: str) -> None:
    """Each door refuses with these words, the tables stand, and the run log says why."""
    before = {name: project.content(name) for name in DOORS}
    ended = project.dbt("run", "--select", *DOORS)
    for name in DOORS:
        assert ended.statuses[name] == "error"
        for word in (*words, "dbt seed --select tag:ml_churn"):
            assert word in ended.messages[name], ended.messages[name]
        assert project.content(name) == before[name]
        last = project.runs(name)[-1]
        assert (last["status"], words[0] in last["error"]) == ("failed", True)


@pytest.mark.slow
def test_a_pickle_that_was_put_into_the_table_is_never_opened(project: DbtProject, tmp_path: Path) -> None:
    proof = tmp_path / "it_ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return open, (str(proof), "w")

    file = project.folder / "artifacts/evil.joblib"
    file.write_bytes(pickle.dumps(Evil()))
    digest = sha256(file.read_bytes())
    project.query(f"update ml_churn set artifact = 'artifacts/evil.joblib', sha256 = '{digest}'")
    refused(
        project,
        "version 1 has artifact 'artifacts/evil.joblib' in the table and 'artifacts/churn/1/model.joblib'",
    )
    assert not proof.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "set classes = '[true, false]'",
            "version 1 has classes (True, False) in the table and (False, True)",
        ),
        (
            "set threshold = 0.9 where version = 1",
            "version 1 has threshold 0.9 in the table and 0.5 in the file",
        ),
    ],
)
def test_a_table_whose_facts_were_swapped_is_refused(project: DbtProject, change: str, said: str) -> None:
    project.query(f"update ml_churn {change}")
    refused(project, said)


@pytest.mark.slow
def test_words_that_score_nothing_may_differ(project: DbtProject) -> None:
    project.query("update ml_churn set owner = 'someone', description = 'else', metrics = null")
    project.dbt("run", "--select", *DOORS).check()


@pytest.mark.slow
def test_a_promotion_counts_when_its_seed_is_loaded(project: DbtProject) -> None:
    promote("churn", 2, project_dir=project.folder)
    refused(project, "version 1 has aliases ('champion',) in the table and () in the file")
    project.dbt("seed", "--select", "ml_churn").check()
    project.dbt("run", "--select", *DOORS).check()
    for name in DOORS:
        assert project.query(f"select distinct model_version from {name}") == [(2,)]


@pytest.mark.slow
def test_proven_anew_without_a_seed_is_named(project: DbtProject) -> None:
    """An old table would keep the slow backend in silence."""
    project.query("update ml_churn set program = null")
    refused(project, "version 1 has program {} in the table and {")


@pytest.mark.slow
def test_a_version_that_the_file_has_not(project: DbtProject) -> None:
    project.query(
        "insert into ml_churn select * replace (3 as version, '' as aliases) from ml_churn where version = 2"
    )
    refused(project, "the table has the versions [1, 2, 3] and the file has [1, 2]")


def command(project: DbtProject, *words: str) -> str:
    """What a command of scorehouse prints, after it succeeded."""
    ended = CliRunner().invoke(main, [*words, "--project-dir", str(project.folder)])
    assert ended.exit_code == 0, ended.output
    return ended.output


EDITS = {
    "threshold": ({"threshold": "0.05"}, 0.05, (False, True)),
    "classes": ({"classes": "[7,9]", "class_columns": '{"score": 9}'}, 0.5, (7, 9)),
    "both": (
        {"threshold": "0.95", "classes": '["stays", "goes"]', "class_columns": '{"score":"goes"}'},
        0.95,
        ("stays", "goes"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_a_reviewed_edit_decides_at_every_door(project: DbtProject, name: str) -> None:
    """Labels are those of the row in version control; a run before it is replayed by the row of then."""
    values, threshold, classes = EDITS[name]
    before = str(project.runs("by_sql")[-1]["run_id"])
    doors = (*DOORS, "by_estimator", "by_matrix", "by_macro", "by_change")
    edit(project.folder, "churn", **values)
    project.dbt("seed", "--select", "ml_churn").check()
    ended = project.dbt("run", "--select", "by_macro")
    for word in ("version 1 has ", "scorehouse promote churn 1 --alias champion"):
        assert word in ended.messages["by_macro"], ended.messages
    command(project, "promote", "churn", "1", "--alias", "champion")
    command(project, "check")
    full = ["--full-refresh"] if "classes" in values else []
    project.dbt("run", "--select", *doors, *full).check()
    for door in doors:
        rows = project.query(f"select prediction, score from {door} where row_status = 'scored'")
        assert {label for label, _ in rows} == set(classes)
        assert decided(rows, classes, threshold), door
    features = project.query("select id, amount, visits, plan from features where id < 40 order by id")
    given = [dict(zip(("amount", "visits", "plan"), row[1:], strict=True)) for row in features]
    for asked in ("auto", "sql", "matrix", "estimator"):
        found = load("churn", project.folder, backend=asked).predict(given)
        assert all(
            row["prediction"] == (None if row["score"] is None else classes[row["score"] >= threshold])
            for row in found
        )
    place = ("--database", str(project.database))
    shown = json.loads(command(project, "score", "churn", *place, "--json"))["rows"]
    assert all(row["prediction"] == classes[row["score"] >= threshold] for row in shown if row["score"])
    shutil.copy(project.folder / "sound.duckdb", project.database)
    again = json.loads(command(project, "replay", before, *place, "--json"))
    assert (again["rows_different"], again["rows_compared"]) == (0, 500)


@pytest.mark.slow
@pytest.mark.parametrize("threshold", ["1.5", "0.0"])
def test_a_threshold_by_which_all_rows_have_one_label(project: DbtProject, threshold: str) -> None:
    """By SQL alone, too, where no Python reads the row."""
    edit(project.folder, "churn", threshold=threshold)
    project.dbt("seed", "--select", "ml_churn").check()
    ended = project.dbt("run", "--select", *DOORS, "by_macro")
    for name in (*DOORS, "by_macro"):
        assert f"churn version 1: threshold is {threshold}, and the scores" in ended.messages[name]
        assert "Expected: a threshold above 0, and at most 1" in ended.messages[name]


@pytest.mark.slow
def test_an_edit_that_needs_a_new_proof_names_it(project: DbtProject) -> None:
    edit(project.folder, "churn", threshold="")
    project.dbt("seed", "--select", "ml_churn").check()
    ended = project.dbt("run", "--select", *DOORS, "by_estimator", "by_matrix")
    for name in (*DOORS, "by_estimator", "by_matrix"):
        for word in ("threshold is empty", "run `scorehouse compile churn --version 1`"):
            assert word in ended.messages[name], ended.messages[name]
    for said in ("threshold is empty", "version 1, undecided"):
        assert said in CliRunner().invoke(main, ["check", "--project-dir", str(project.folder)]).output
    command(project, "compile", "churn", "--version", "1")
    command(project, "check")
    project.dbt("seed", "--select", "ml_churn").check()
    project.dbt("run", "--select", *DOORS, "by_macro").check()


SEED_PATH = "{{ 'seeds' if target.type == 'duckdb' else 'no_seeds' }}"


class DistantProject:
    """A stranger's project, its path with a blank in it, that dbt is run for from elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.platform = folder / "my shop", folder / "platform"
        self.elsewhere, self.database = folder / "elsewhere", folder / "shop.duckdb"
        outputs = {"dev": {"type": "duckdb", "path": str(self.database), "threads": 1}}
        self._write("my shop/profiles.yml", {"shop": {"target": "dev", "outputs": outputs}})
        self._write(
            "my shop/packages.yml", {"packages": [{"local": str(REPOSITORY)}, {"local": str(self.platform)}]}
        )
        self.variables({})
        platform = {"name": "platform", "version": "1.0", "profile": "shop", "seed-paths": [SEED_PATH]}
        self._write("platform/dbt_project.yml", platform)
        self.elsewhere.mkdir()
        self.text("models/offers_in.sql", "select i as nr, i / 7.0e0 as price from range(50) as numbers(i)")

    def variables(self, values: dict[str, Any]) -> None:
        document = {
            "name": "shop",
            "version": "1.0",
            "profile": "shop",
            "seed-paths": [SEED_PATH],
            "seeds": {
                "shop": {"ml": {"+schema": "registries", "leads": {"ml_leads": {"+alias": "all_leads"}}}}
            },
            "vars": values,
        }
        self._write("my shop/dbt_project.yml", document)

    def _write(self, path: str, document: Any) -> None:
        file = self.folder.parent / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(document))

    def text(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def python_model(self, name: str, registry: str, config: str = "predictions") -> None:
        self.text(
            f"models/{name}.py",
            "import scorehouse\n\n\ndef model(dbt, session):\n"
            f"    dbt.config(materialized='{config}')\n    registry = {registry}\n"
            "    features = dbt.ref('offers_in')\n"
            "    return scorehouse.score(dbt, session, features=features, model=registry, key='nr')\n",
        )

    def dbt(self, *arguments: str, fails: bool = False) -> str:
        command = [str(Path(sys.executable).with_name("dbt")), *arguments]
        places = ["--project-dir", str(self.folder), "--profiles-dir", str(self.folder)]
        settings = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
        ended = subprocess.run(
            [*command, *places], cwd=self.elsewhere, env=settings, capture_output=True, text=True
        )
        assert (ended.returncode != 0) == fails, ended.stdout + ended.stderr
        return ended.stdout


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> DistantProject:
    """Registries of the project's own, of a package, and of a source that another project loads."""
    shop = DistantProject(tmp_path_factory.mktemp("strangers"))
    X = training()[["amount"]].rename(columns={"amount": "price"})
    estimator = LogisticRegression().fit(X, X.price > 50)
    facts: dict[str, Any] = {"task": "classification", "alias": "champion", "program": False}
    register(estimator, "leads", X, project_dir=shop.folder, **grouped(facts))
    register(estimator, "offers", X, project_dir=shop.platform, **grouped(facts))
    shutil.copytree(shop.platform / "artifacts", shop.folder / "artifacts", dirs_exist_ok=True)
    sources = {
        "version": 2,
        "sources": [{"name": "theirs", "schema": "main", "tables": [{"name": "ml_offers"}]}],
    }
    shop.text("models/_theirs.yml", yaml.safe_dump(sources))
    shop.text(
        "models/own.sql", "{{ scorehouse.scored('leads', key='nr') }} select * from {{ ref('offers_in') }}"
    )
    shop.python_model("own_table", "dbt.ref('ml_leads')", config="table")
    shop.python_model("of_package", "dbt.ref('platform', 'ml_offers')")
    shop.python_model("of_package_table", "dbt.ref('ml_offers')", config="table")
    shop.dbt("deps")
    return shop


@pytest.mark.slow
def test_registries_of_a_stranger(shop: DistantProject) -> None:
    """A seed with an alias and a schema, a package's, and both doors and dbt's own `table`."""
    shop.dbt("build")
    everything = ("own", "own_table", "of_package", "of_package_table")
    with duckdb.connect(shop.database) as connection:
        for name in everything:
            assert connection.sql(f"select count(*) from {name} where row_status = 'scored'").fetchall() == [
                (50,)
            ]
        connection.execute("update main_registries.all_leads set threshold = 0.1")
        connection.execute("update main.ml_offers set name = 'leads'")
    said = shop.dbt("run", "--select", *everything, fails=True)
    assert "ERROR=4" in said
    words = " ".join(said.split())
    assert words.count("version 1 has threshold 0.1 in the table and None in the file") >= 2
    assert words.count("version 1 has name 'leads' in the table and 'offers' in the file") >= 2
    shop.dbt("seed")


@pytest.mark.slow
def test_a_registry_that_another_project_loads(shop: DistantProject) -> None:
    """The variable says where the CSV of a source lies; without it the run is refused in words."""
    shop.dbt("seed")
    shop.dbt("run", "--select", "offers_in")
    for name, config in (("of_source", "predictions"), ("of_source_table", "table")):
        shop.python_model(name, "dbt.source('theirs', 'ml_offers')", config=config)
    said = " ".join(shop.dbt("run", "--select", "of_source", "of_source_table", fails=True).split())
    assert "ERROR=2" in said
    assert said.count("the variable scorehouse_registry_files: {") >= 2
    shop.variables({"scorehouse_registry_files": {"offers": "../platform/seeds/ml/offers/ml_offers.csv"}})
    shop.dbt("run", "--select", "of_source", "of_source_table")
    shop.variables({})


def test_a_version_that_is_there_twice_is_refused(project: DbtProject) -> None:
    """As a merge of two branches leaves it where both sides of a conflict are kept."""
    file = project.folder / "seeds/ml/churn/ml_churn.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1]]) + "\n")
    said = "churn version 2 is there 2 times"
    ended = project.dbt("run", "--select", "by_sql", "by_python")
    for name in ("by_sql", "by_python"):
        assert ended.statuses[name] == "error" and said in ended.messages[name], ended.messages[name]
    checked = CliRunner().invoke(main, ["check", "--project-dir", str(project.folder)])
    assert checked.exit_code == 1 and said in checked.output
