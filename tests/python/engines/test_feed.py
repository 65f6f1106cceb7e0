"""The rule `feed`: rows to score from the change feed of a DuckLake, compared with the rule `changed`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from churn import FEATURES, ROWS, classifier, training
from lake import LakeProject, needs_lake
from scorehouse import promote
from scorehouse.replay import logged_run

pytestmark = needs_lake
STATES = ("rows_in", "rows_new", "rows_changed", "rows_stale", "rows_unchanged")
OF_A_RUN = "scoring_run_id, scored_at"
TABLES: dict[str, dict[str, Any]] = {
    "deleted": {"vanished": "delete"},
    "flagged": {"vanished": "flag"},
    "long": {"vanished": "delete", "alias": ["champion", "challenger"]},
    "wide": {"vanished": "delete", "alias": ["champion", "challenger"], "layout": "wide"},
    "ranked": {"vanished": "delete", "model": "order", "group": "shop"},
    "best": {"vanished": "delete", "decision": {"score": "score", "top_n": 40, "per": "shop"}},
    "unplaced": {"decision": {"score": "score", "top_n": 40, "per": "shop"}},
}


class FeedProject(LakeProject):
    """Tables of the rule `feed`, each beside one of the rule `changed`, over one table."""

    def __init__(self, folder: Path, *, beside: bool, tables: dict[str, dict[str, Any]]) -> None:
        super().__init__(folder, beside=beside)
        self.beside = beside
        (self.folder / "models/features.sql").unlink()
        self.write(
            "models/sources.yml",
            "sources: [{name: lake, database: lake, schema: main, tables: [{name: customers}]}]\n",
        )
        X = training()
        second = classifier().fit(X, X.amount > 50)
        self.register(second, "churn", X, task="classification", alias="challenger")
        self.register(second, "order", X, X.amount > 50, task="ranking")
        self.change(f"create table customers as {FEATURES}")
        self.tables = tables
        for name, settings in tables.items():
            for rule in ("feed", "changed"):
                self.scored(f"{name}_{rule}", rule, **settings)

    def scored(self, name: str, rule: str, *, model: str = "churn", **settings: Any) -> None:
        rescore = {"rule": rule} | {
            each: settings.pop(each) for each in ("vanished", "max_rows") if each in settings
        }
        self.sql_model(name, model, key="id", passthrough=["shop"], rescore=rescore, **settings)
        path = f"models/{name}.sql"
        text = (self.folder / path).read_text().replace("ref('features')", "source('lake', 'customers')")
        self.write(path, text)

    def change(self, *statements: str) -> None:
        """Change the lake, each statement in a snapshot of its own."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, sql: str) -> list[Any]:
        return super(LakeProject, self).query(sql) if self.beside else self.query(sql)

    def last(self, node: str) -> dict[str, Any]:
        """The last run of a model, of its live version."""
        columns = [*STATES, "rows_vanished", "feature_snapshot", "feed_from", "feed_reason", "rows_left"]
        (row,) = self.rows(
            f"select {', '.join(columns)} from scorehouse_run_log where status = 'success' and is_live "
            f"and node like '%{node}' order by started_at desc limit 1"
        )
        return dict(zip(columns, row, strict=True))

    def built(self, *, reads_feed: bool = True) -> dict[str, dict[str, Any]]:
        """Build, compare each pair of tables, and return the last run of each table of the rule `feed`."""
        self.build().check()
        found = {}
        for name in self.tables:
            fed, changed = self.last(f"{name}_feed"), self.last(f"{name}_changed")
            assert [fed[each] for each in STATES] == [changed[each] for each in STATES], name
            differing = " except ".join(
                f"(select * exclude ({OF_A_RUN}) from {name}_{rule})" for rule in ("feed", "changed")
            )
            assert self.rows(differing) == [], name
            count = "select count(*) from {}_{}"
            assert self.rows(count.format(name, "feed")) == self.rows(count.format(name, "changed"))
            assert (fed["feed_from"] is not None) == reads_feed, (name, fed["feed_reason"])
            found[name] = fed
        return found


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> FeedProject:
    """A DuckDB file with the lake beside it, after the first run."""
    project = FeedProject(tmp_path_factory.mktemp("feed") / "house", beside=True, tables=TABLES)
    for run in project.built(reads_feed=False).values():
        assert (run["rows_in"], run["feature_snapshot"], run["feed_reason"]) == (ROWS, 1, None)
    return project


UPSERT = (  # of what the first snapshot has
    "merge into customers as new using (select * from customers at (version => 1) where {}) as old "
    "on new.id = old.id when matched then update set amount = old.amount "
    "when not matched then insert values (old.id, old.amount, old.visits, old.plan, old.shop, old.note)"
)
CHANGES = (
    "update customers set amount = amount + 1 where id in (3, 4)",
    "update customers set amount = amount + 1 where id = 3",
    "update customers set note = 'no feature' where id between 20 and 29",
    "delete from customers where id in (7, 8)",
    "insert into customers select * replace (id + 1000 as id) from customers where id < 3",
    "insert into customers select * replace (2000 as id) from customers where id = 1",
    "delete from customers where id = 2000",  # came and went
    "insert into customers select * replace (amount + 5 as amount) from customers where id = 30",
    "delete from customers where id = 30 and amount = 10",  # a new state first, and then the old one left
    "insert into customers select * replace (amount + 5 as amount) from customers where id = 31",
    "delete from customers where id = 31 and amount <> 17",  # a second state came and went
    "begin; delete from customers where id = 32; insert into customers values "
    "(32, 1.5, 2, 'free', 3, 'again'); commit",
    "update customers set id = 3000 where id = 40",
    # an upsert that creates a deleted key again, which may get its old row id
    "delete from customers where id between 50 and 52",
    UPSERT.format("id between 50 and 52"),
    "delete from customers where id = 52",
    "delete from customers where id between 53 and 55",
    UPSERT.format("id between 53 and 55").replace("old.amount", "old.amount + 1"),
)


def test_the_rows_of_the_feed_are_those_that_changed(house: FeedProject) -> None:
    assert house.query("select amount from customers where id in (30, 31) order by id") == [
        (10,),
        (17,),
    ]
    for run in house.built().values():
        assert (run["rows_in"], run["rows_unchanged"]) == (0, ROWS)
    house.change(*CHANGES)
    runs = house.built()
    runs.pop("ranked")  # whole groups
    for name, run in runs.items():
        # 1000, 1001, 1002 and 3000 are new; 3, 4, 30, 32 and 53 to 55 changed; 7, 8, 40 and 52 left
        assert (run["rows_new"], run["rows_changed"], run["rows_vanished"]) == (4, 7, 4), name
    assert house.rows("select count(*) from flagged_feed where is_vanished") == [(4,)]
    house.change("insert into customers values (7, 1.5, 2, 'free', 3, 'back')")
    runs = house.built()
    assert runs.pop("unplaced")["rows_vanished"] == 3  # those that left before, too
    assert {run["rows_new"] for run in runs.values()} == {1}
    undecided = "select id from unplaced_feed where row_status = 'scored' and decision is null order by id"
    assert house.rows(undecided) == [(8,), (40,), (52,)]


def test_what_the_feed_cannot_tell_is_compared(house: FeedProject) -> None:
    def reasons() -> set[str]:
        return {run["feed_reason"] for run in house.built(reads_feed=False).values()}

    house.change(
        "alter table customers add column later integer", "update customers set amount = 1 where id = 50"
    )
    (reason,) = reasons()
    assert "the table was altered in snapshot" in reason
    house.change(
        "update customers set amount = 2 where id = 50", "update customers set amount = 3 where id = 51"
    )
    (snapshot,) = house.query("select id from ducklake_current_snapshot('lake')")[0]
    house.change(f"call ducklake_expire_snapshots('lake', versions => [{snapshot - 1}])")
    assert reasons() == {f"snapshot {snapshot - 1} was expired"}
    house.change(
        "create table other as select * replace (amount + 1 as amount) from customers where id < 400",
        "begin; drop table customers; alter table other rename to customers; commit",
    )
    (reason,) = reasons()
    assert "the table was made anew in snapshot" in reason
    promote("churn", 1, alias="challenger", project_dir=house.folder)
    house.build().check()
    for name in ("long", "wide"):
        assert "another version" in house.last(f"{name}_feed")["feed_reason"]
    assert house.last("deleted_feed")["feed_from"] is not None
    promote("churn", 2, alias="challenger", project_dir=house.folder)
    house.build().check()


def test_a_feed_that_the_predictions_contradict(house: FeedProject) -> None:
    house.rows("update deleted_feed set feature_hash = 1, score = 0 where id = 300")
    house.rows("delete from flagged_feed where id = 301")
    house.rows("delete from best_feed where id = 302")
    house.change("insert into customers select * replace (302 + 5000 as id) from customers where id = 302")
    house.build().check()
    assert "1 differ from their prediction" in house.last("deleted_feed")["feed_reason"]
    assert "the key id 300" in house.last("deleted_feed")["feed_reason"]
    assert "the key id 301" in house.last("flagged_feed")["feed_reason"]
    for name in house.tables:
        assert (
            house.rows(
                f"(select * exclude ({OF_A_RUN}) from {name}_feed) except "
                f"(select * exclude ({OF_A_RUN}) from {name}_changed)"
            )
            == []
        )


def test_a_key_that_is_there_twice_is_refused(house: FeedProject) -> None:
    before = house.rows("select count(*) from deleted_feed")
    house.change("insert into customers values (60, 1.5, 2, 'free', 3, 'twice', 1)")
    ended = house.build("--select", "deleted_feed")
    assert "the key id is not unique" in ended.messages["deleted_feed"]
    assert "60 (2 times)" in ended.messages["deleted_feed"]
    assert house.rows("select count(*) from deleted_feed") == before
    house.change(
        "delete from customers where note = 'twice'",
        "insert into customers values (null, 1, 2, 'free', 3, 'x', 1)",
    )
    ended = house.build("--select", "deleted_feed")
    assert "have a NULL in the key id" in ended.messages["deleted_feed"]
    house.change("delete from customers where note = 'x'")
    house.built()


def test_another_lake_and_columns_with_the_names_of_a_lake_are_not_fed(house: FeedProject) -> None:
    logged = "update scorehouse_run_log set {} where node like '%{}_feed'"
    house.rows(logged.format("feature_snapshot = feature_snapshot + 1000", "flagged"))
    house.change("alter table customers add column snapshot_id integer")
    house.build("--select", "wide_feed").check()
    assert house.last("wide_feed")["feed_reason"] == (
        "the feature table has columns that a lake uses itself: snapshot_id"
    )
    house.change("alter table customers drop column snapshot_id")
    house.build("--select", "deleted_feed", "flagged_feed").check()
    assert "an older state of it was restored" in house.last("flagged_feed")["feed_reason"]


def test_a_replay_reads_the_features_of_the_run(house: FeedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write(
        "python_models/again.py",
        "from scorehouse import replay_sample\n\n\ndef model(dbt, session):\n"
        "    dbt.config(materialized='table')\n"
        "    tables = {'predictions': dbt.ref('deleted_feed'), 'model': dbt.ref('ml_churn')}\n"
        "    return replay_sample(dbt, session, **tables)\n",
    )
    house.change("update customers set amount = amount + 1 where id in (60, 61)")
    house.build("--select", "deleted_feed").check()
    house.change("update customers set amount = 0 where id = 60")
    house.build("--select", "again").check()
    counts = "select rows_in_table, rows_compared, rows_different from again"
    assert house.rows(counts) == [(2, 2, 0)]
    read = house.last("deleted_feed")["feature_snapshot"]
    said: list[str] = []
    monkeypatch.setattr(logged_run.logger, "warning", said.append)
    house.rows("update scorehouse_run_log set feature_snapshot_at = feature_snapshot_at + interval 1 second")
    house.build("--select", "again").check()
    assert "an older state of the lake was restored" in said.pop()
    assert house.rows(counts) == [(2, 1, 0)]
    house.rows("update scorehouse_run_log set feature_snapshot_at = feature_snapshot_at - interval 1 second")
    house.change(f"call ducklake_expire_snapshots('lake', versions => [{read}])")
    house.build("--select", "again").check()
    (warning,) = said
    assert f"the lake has no snapshot {read} any more; features are read as they are now" in warning
    assert house.rows(counts) == [(2, 1, 0)]  # the features of the other have changed


def test_a_lake_that_was_restored_is_compared(tmp_path: Path) -> None:
    """Snapshots get the ids of those that were lost, within seconds; the sample does not see the few rows."""
    house = FeedProject(tmp_path / "house", beside=True, tables={"kept": {"vanished": "delete"}})
    catalog, backup = house.folder / "lake.ducklake", tmp_path / "backup"
    change = "update customers set amount = amount + 1 where id between {} and {}".format
    house.change(
        "insert into customers select customers.* replace (id + 10000 * copy as id) "
        "from customers, range(1, 100) as copies(copy)"
    )
    house.built(reads_feed=False)
    shutil.copy(catalog, backup)
    house.change(change(0, 9))
    house.built()
    shutil.copy(backup, catalog)
    house.change(change(20, 29))
    run = house.built(reads_feed=False)["kept"]
    assert "an older state of the lake was restored" in run["feed_reason"] and run["rows_in"] == 20
    assert house.last("kept_changed")["feature_snapshot"] == run["feature_snapshot"]

    shutil.copy(catalog, backup)
    house.change(change(40, 49))
    house.scored("kept_feed", "feed", vanished="delete", max_rows=5)
    house.build("--select", "kept_feed").check()
    assert house.last("kept_feed")["rows_left"] == 5  # its base is still there, but not what it read
    shutil.copy(backup, catalog)
    house.scored("kept_feed", "feed", vanished="delete")
    house.change(change(60, 69))
    house.build("--select", "kept_feed").check()
    run = house.last("kept_feed")
    assert "an older state of the lake was restored" in run["feed_reason"] and run["rows_in"] == 15


@pytest.mark.parametrize(
    "select", ["select * from {} where id > 3", "select id, amount, visits, plan, shop from {}"]
)
def test_features_that_are_not_a_whole_table_are_refused(select: str, house: FeedProject) -> None:
    call = "{{ scorehouse.scored('churn', key='id', rescore='feed') }}"
    house.write("models/part.sql", f"{call}\n{select.format('lake.main.customers')}\n")
    ended = house.build("--select", "part")
    (house.folder / "models/part.sql").unlink()
    assert "the features are not one whole table of a DuckLake" in ended.messages["part"]


def test_a_budget_continues_from_the_last_whole_run_in_the_lake_itself(tmp_path: Path) -> None:
    project = FeedProject(tmp_path / "house", beside=False, tables={})
    project.python_model("from_python", "churn", key="id", rescore={"rule": "feed", "vanished": "delete"})
    path = "python_models/from_python.py"
    text = (project.folder / path).read_text().replace("ref('features')", "source('lake', 'customers')")
    project.write(path, text)
    project.scored("kept", "feed")
    project.build().check()
    first = project.last("kept")["feature_snapshot"]
    project.scored("kept", "feed", max_rows=40)
    project.change("update customers set amount = amount + 1 where id < 100")
    for rows, left in ((40, 60), (40, 20), (20, 0), (0, 0)):
        project.build().check()
        run = project.last("kept")
        assert (run["feed_from"], run["rows_in"], run["rows_left"]) == (first, rows, left)
        first = run["feature_snapshot"] if left == 0 else first
    run = project.last("from_python")
    assert (run["feed_from"] is not None, run["rows_in"], run["rows_unchanged"]) == (True, 0, ROWS)
    assert project.query("select count(*) from from_python") == [(ROWS,)]
