"""Which versions score in one scan, on what their predictions depend, and what the run log says of them."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from scorehouse.errors import ConfigurationError, RegistryError
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.registry_file import RegistryFile
from scorehouse.registry.version import Version
from scorehouse.scoring.options import ScoreOptions
from scorehouse.scoring.parts import Part, resolve_parts, scoring_bases
from scorehouse.scoring.request import Request, RunRecord, resident_memory

FIRST = Version(name="churn", version=1, aliases=("champion",), task="classification", sha256="aa")
SECOND = replace(FIRST, version=2, aliases=("challenger", "next"), sha256="bb")
RANKS = replace(FIRST, task="ranking")


def options(**given: Any) -> ScoreOptions:
    return ScoreOptions.checked("score()", **{"key": "id", **given})


def parts(versions: list[Version], **given: Any) -> list[tuple[int, str, str, bool]]:
    found = resolve_parts(versions, options(**given), "score()")
    return [(part.version.version, part.label, part.suffix, part.is_live) for part in found]


def test_the_first_version_is_live() -> None:
    both = [FIRST, SECOND]
    assert parts(both) == [(1, "champion", "", True)]
    assert parts(both, alias=["challenger", "champion"]) == [
        (2, "challenger", "", True),
        (1, "champion", "__champion", False),
    ]
    assert parts(both, version=[2, 1]) == [(2, "version 2", "", True), (1, "version 1", "__version_1", False)]


def test_a_version_with_two_aliases_scores_once_but_fills_the_columns_of_both() -> None:
    asked = {"alias": ["challenger", "next"]}
    assert [each[1] for each in parts([FIRST, SECOND], **asked)] == ["challenger"]
    assert [each[1] for each in parts([FIRST, SECOND], layout="wide", **asked)] == ["challenger", "next"]


def test_an_alias_behind_the_first_may_be_free(caplog: pytest.LogCaptureFixture) -> None:
    assert [each[1] for each in parts([FIRST], alias=["champion", "challenger"])] == ["champion"]
    with pytest.raises(RegistryError, match="has the alias 'challenger'"):
        parts([FIRST], alias=["challenger", "champion"])
    with pytest.raises(RegistryError, match="has the alias 'challenger'"):
        parts([replace(FIRST, aliases=())], alias=["challenger", "champion"])


@pytest.mark.parametrize(
    ("version", "given", "said"),
    [
        (FIRST, {"group": "shop"}, "group is 'shop', but churn version 1 does not rank"),
        (RANKS, {}, "ranks, but no group was given"),
        (RANKS, {"group": "shop", "version": [1, 2], "layout": "wide"}, "ranks, but layout is 'wide'"),
        (RANKS, {"group": "shop", "rescore": "changed"}, "the group 'shop' is neither in key"),
        (RANKS, {"group": "shop"}, None),
        (RANKS, {"group": "shop", "rescore": "changed", "passthrough": "shop"}, None),
        (RANKS, {"group": "id", "rescore": "changed"}, None),
    ],
    ids=lambda value: None,
)
def test_a_group_is_for_rankings(version: Version, given: dict[str, Any], said: str | None) -> None:
    versions = [version, replace(version, version=2, aliases=())]
    if said is None:
        assert parts(versions, **given)
        return
    with pytest.raises(ConfigurationError) as raised:
        parts(versions, **given)
    assert said in raised.value.problem


def basis(of: Version, *, live: bool = True, **given: Any) -> str:
    return Part(of, "champion", live).basis(options(**given))


def test_a_basis_is_of_all_that_a_prediction_depends_on() -> None:
    changed: dict[str, Any] = {
        "sha256": "cc",
        "signature_sha256": "dd",
        "version": 3,
        "threshold": 0.3,
        "classes": (0, 1),
        "outputs": {"prediction_a": "a"},
        "score_method": "decision_function",
        "label_method": "predict",
    }
    found = [basis(FIRST), *(basis(replace(FIRST, **{name: value})) for name, value in changed.items())]
    found += [basis(FIRST, group=column) for column in ("shop", "day")]
    found += [basis(FIRST, strict="null"), basis(FIRST, reasons=3), basis(FIRST, reasons=4)]
    proven = ({"reasons": {"proof_sha256": digest}} for digest in ("ee", "ff"))
    found += [basis(replace(FIRST, program=program), reasons=3) for program in proven]
    found += [basis(FIRST, version=[1, 2], live=live) for live in (True, False)]
    assert len(set(found)) == len(found)
    # neither what describes a version nor what does not reach a prediction
    assert basis(replace(FIRST, description="x", aliases=("a",))) == found[0] == basis(FIRST, batch_rows=7)
    assert basis(FIRST, strict=["null", "not_finite"]) == basis(FIRST, strict=["not_finite", "null"])


def test_versions_side_by_side_share_a_basis() -> None:
    both = [Part(FIRST, "champion", True), Part(SECOND, "challenger", False)]
    asked = {"alias": ["champion", "challenger"]}
    long, wide = (scoring_bases(both, options(layout=layout, **asked)) for layout in ("long", "wide"))
    assert len(set(long)) == 2 and len(set(wide)) == 1 and len(wide) == 2
    assert wide[0] not in long and len(wide[0]) == 16


@pytest.mark.parametrize(
    ("given", "column", "value", "keys"),
    [
        ({}, None, None, ("id",)),
        ({"as_of": "day"}, "day", None, ("id", "day")),
        ({"as_of": "2024-01-31"}, "as_of", "2024-01-31", ("id", "as_of")),
        ({"key": ["id", "day"], "as_of": "day"}, "day", None, ("id", "day")),
        ({"alias": ["a", "b"]}, None, None, ("id", "model_alias")),
        ({"alias": ["a", "b"], "layout": "wide"}, None, None, ("id",)),
    ],
    ids=str,
)
def test_the_key_of_the_prediction_table(given: Any, column: Any, value: Any, keys: tuple[str, ...]) -> None:
    asked = options(**given)
    assert (asked.as_of_column, asked.as_of_value, asked.table_key) == (column, value, keys)
    assert asked.several == ("alias" in given) and asked.is_wide == ("layout" in given)


def test_what_follows_from_arguments() -> None:
    assert [options().rescore.rule, options(rescore="new").rescore.rule] == ["all", "new"]
    assert options(rescore={"max_rows": 5}).rescore.rule == "changed"
    assert options(rescore={"updated_at": "at"}).rescore.rule == "updated_at"
    assert [options(rescore={"rule": "new", **one}).rescore.has_budget for one in ({}, {"max_rows": 1})] == [
        *(False, True)
    ]
    assert options(rescore={"rule": "new", "max_seconds": 0.5}).rescore.has_budget
    assert [options().read_rows, options(batch_rows=5).read_rows] == [32_768, 5]
    ranks = [options(decision=one).ranks_by_score for one in (None, {"threshold": 0.5}, {"top_n": 1})]
    assert ranks == [False, False, True]
    flags = options(rescore={"rule": "changed", "vanished": "flag"})
    kept = [flags.of_request(partial=partial).rescore.vanished for partial in (False, True)]
    assert kept == ["flag", "keep"]
    written = json.loads(options(strict=["null", "not_finite"]).to_json())
    assert written["strict"] == ["not_finite", "null"] and list(written) == sorted(written)
    assert options(version=2**31 - 1).version == (2**31 - 1,)
    for number in (0, 2**31):
        with pytest.raises(ConfigurationError):
            options(version=number)


REQUEST = Request("run", "call", "model.shop.scores", '"scores"', "runs", Path(), LoadPolicy())


def test_the_row_of_a_run_that_chose_no_version() -> None:
    assert not (REQUEST.exists or REQUEST.is_partial or REQUEST.is_empty or REQUEST.full_refresh)
    row = RunRecord(REQUEST).to_row("failed", error=ValueError("no such table"))
    assert (row["status"], row["error"], row["run_id"]) == ("failed", "no such table", "run")
    empty = ("model_name", "is_live", "key_columns", "configuration", "rescore_rule", "decision_policy")
    assert {row[name] for name in (*empty, "slice_from", "slice_to", "backend", "feature_query")} == {None}
    assert [row[name] for name in ("rows_in", "rows_scored", "rows_rejected", "rows_left")] == [0] * 4
    assert row["peak_memory_mib"] == 0 and row["seconds"] >= 0
    started = RunRecord(REQUEST).to_row("started", is_ended=False)
    assert (started["finished_at"], started["seconds"]) == (None, None)


def test_the_row_of_a_run() -> None:
    asked = options(decision={"threshold": 0.5}, rescore="changed")
    record = RunRecord(
        replace(REQUEST, slice_from="2024-01-01", slice_to="2024-01-02"),
        asked,
        Part(replace(FIRST, threshold=0.5), "champion", True),
        run_id="own",
        write_mode="merge",
        rows_in=1200,
        rows_scored=1199,
        rows_rejected=1,
        reject_reasons=Counter({"null:a": 1}),
        feature_query="select 1",
        found={"new": 3, "changed": 2, "stale": 0, "unchanged": 9, "vanished": 1},
        rows_left=4,
        backend="native",
        scoring_basis="basis",
        peak_memory_mib=12.34,
    )
    row = record.to_row()
    assert (row["run_id"], row["parent_run_id"], row["model_version"]) == ("own", "run", 1)
    assert (row["alias_asked"], row["is_live"], row["rescore_rule"]) == ("champion", True, "changed")
    assert (row["slice_from"], row["slice_to"], row["feature_query"]) == (
        "2024-01-01",
        "2024-01-02",
        "select 1",
    )
    assert (row["rows_new"], row["rows_stale"], row["rows_left"]) == (3, 0, 4)
    assert (row["decision_policy"], row["backend"]) == (asked.decision and asked.decision.digest, "native")
    assert (row["scoring_basis"], row["peak_memory_mib"]) == ("basis", 12.3)
    assert json.loads(row["decision_settings"])["threshold"] == 0.5
    assert json.loads(row["reject_reasons"]) == {"null:a": 1} and json.loads(row["key_columns"]) == ["id"]
    configuration = json.loads(row["configuration"])
    assert configuration["registry"]["threshold"] == "0.5" and list(configuration) == sorted(configuration)
    assert isinstance(row["finished_at"], datetime) and row["finished_at"].tzinfo is None
    many = Counter({f"null:{number:02}": 100 - number for number in range(30)})
    told = json.loads(replace(record, reject_reasons=many).to_row()["reject_reasons"])
    assert told == dict(many.most_common(20))  # the others are not said
    assert ";" not in replace(record, write_mode="replace", rows_left=0).summary()
    said = re.sub(r"\d+\.\d\d s", "0.00 s", record.summary())
    assert said.startswith(
        "model.shop.scores: 1,200 rows in, 1,199 scored, 1 rejected, 0.00 s; 3 new, 2 changed"
    )
    assert said.endswith("1 vanished; 4 left to later runs, by churn version 1 (native)")
    assert re.search(r"0 rejected, \d\.\d\d s$", RunRecord(REQUEST).summary())


def test_a_run_that_waits_for_its_versions_names_the_aliases() -> None:
    asked = [RunRecord(REQUEST, options(**one)).to_row() for one in ({"alias": ["a", "b"]}, {"version": 3})]
    assert [row["alias_asked"] for row in asked] == ["a, b", None]


def test_a_request_as_the_materialization_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = {"run_id": "run", "invocation_id": "call", "node": "n", "relation": "r", "run_log": "l"}
    policy = {"pickle": "refuse"}
    seed = {"name": "churn", "relation": "ml_churn", "path": "seeds/ml_churn.csv", "package": ""}
    written |= {"package_version": installed("scorehouse"), "project_root": "", "load_policy": policy}
    found = Request.from_json(json.dumps({**written, "registries": [seed], "registry_files": None}))
    assert found.project_root == tmp_path.resolve() and found.load_policy.pickle == "refuse"
    assert [file.files for file in found.registries] == [(tmp_path.resolve() / "seeds/ml_churn.csv",)]
    with pytest.raises(ConfigurationError):
        Request.from_json(json.dumps({**written, "package_version": "0.0.1"}))


def test_a_version_that_nothing_would_monitor_does_not_score() -> None:
    registry = RegistryFile("churn", "ml_churn", not_loaded={"2": ["ml_churn__signature"]})
    asked = replace(REQUEST, registries=(registry,))
    asked.check_loaded(FIRST, "score()")
    asked.check_loaded(replace(SECOND, name="other"), "score()")
    with pytest.raises(RegistryError, match="not in the table of ml_churn__signature"):
        asked.check_loaded(SECOND, "score()")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_is_in_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    status = Path("/proc/self/status").read_text()
    now, peak = (float(status.partition(f"{name}:")[2].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    assert resident_memory() == pytest.approx(now, abs=40)
    monkeypatch.setattr("builtins.open", lambda *_: (_ for _ in ()).throw(OSError("no /proc")))
    found = resident_memory()
    monkeypatch.undo()
    assert found == pytest.approx(peak, abs=40)
