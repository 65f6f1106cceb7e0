"""What the registry admits, without a registration: types, labels, libraries, places, visible shifts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from scorehouse.errors import ArtifactError, ConfigurationError, LoadRefusedError
from scorehouse.registry.detectable import monthly_shifts
from scorehouse.registry.label_rule import fault_of
from scorehouse.registry.policy import LoadPolicy, saved_by
from scorehouse.registry.program_facts import backend_lines, certified_in_words, not_certified
from scorehouse.registry.signature import Feature, fits, spelled
from scorehouse.registry.storage import Location, locate, read_unpinned, read_verified, write
from scorehouse.registry.version import Version

SAVED = Version(
    name="churn",
    version=12,
    artifact_format="joblib",
    sklearn_version="1.9.1",
    libraries={"numpy": "2.4.6", "joblib": "1.6.0"},
)

# --- types ---

NUMBERS = [pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.decimal128(9, 2), pa.decimal256(60, 2)]
TEXTS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())]
TIMES, ZONED = [pa.date32(), pa.timestamp("s"), pa.timestamp("ns")], [pa.timestamp("us", "UTC")]
FITTING = {
    ("double", "float64"): NUMBERS,
    ("integer", "int64"): NUMBERS,
    ("boolean", "bool"): [pa.bool_()],
    ("string", "object"): TEXTS,
    ("timestamp", "datetime64[ns]"): TIMES,
    ("timestamp", "datetime64[ns, UTC]"): ZONED,
}


def test_types_that_can_hold_a_feature() -> None:
    others = [
        pa.binary(),
        pa.time64("us"),
        pa.list_(pa.int8()),
        pa.duration("s"),
        pa.dictionary(pa.int8(), pa.int8()),
    ]
    every = [*NUMBERS, *TEXTS, *TIMES, *ZONED, pa.bool_(), *others]
    for (kind, dtype), fitting in FITTING.items():
        feature = Feature("f", kind, dtype)
        assert [one for one in every if fits(feature, one)] == [one for one in every if one in fitting]
        assert fits(feature, pa.null())


def test_columns_are_found_by_spelling() -> None:
    found, missing = spelled(["a", "B", "c", "amount"], ["A", "a", "b", "C", "c ", "amuont"])
    assert found == {"a": "a", "B": "b", "c": "C"} and missing == ["'amount' (near: 'amuont')"]
    assert spelled(["x"], ["X", "x "]) == ({"x": "X"}, [])
    assert spelled(["xy"], ["XY", "Xy"])[0] == {} and spelled(["zzz"], ["a"])[1] == ["'zzz'"]


# --- labels ---

TWO = Version(name="m", version=1, task="classification", classes=(0, 1), score_method="predict_proba")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, None),
        ({"classes": ("a", "b"), "threshold": 0.5}, None),
        ({"classes": (0, 1.5)}, None),
        ({"classes": (True, False)}, None),
        ({"classes": (0, "1")}, "of the types ['int', 'str'], such as 0"),
        ({"classes": (0, 1.5, "1")}, "of the types ['float', 'int', 'str'], such as 0"),
        ({"classes": (True, 0.5)}, "of the types ['bool', 'float'], such as True"),
        ({"classes": ((1,), (2,))}, "of the types ['tuple']"),
        ({"classes": ("a", "a")}, "classes is ['a', 'a']"),
        ({"classes": ("a", "b", "c"), "threshold": 0.5}, "a classification of 3 classes"),
        ({"threshold": 0.5, "score_method": "none"}, "that gives no scores"),
        ({"threshold": 0.5, "task": "regression"}, "a regression of 2 classes"),
        ({"threshold": 0.5, "task": "multilabel_classification"}, None),
        ({"classes": (0, 2), "task": "multilabel_classification"}, "classes is [0, 2], and the task is"),
        ({"class_columns": {"score": 1}}, None),
        ({"class_columns": {"score": 0}}, "class_columns names the classes [0], and classes is [0, 1]"),
        ({"classes": (0, 1, 2), "class_columns": {"a": 0, "b": 1, "c": 2}}, None),
        ({"classes": (0, 1, 2), "class_columns": {"a": 1, "b": 2}}, "class_columns names"),
        ({"program": {"proven_for": {"classes": 2, "threshold": False}}}, None),
        ({"program": {"proven_for": {"threshold": False}}, "threshold": 0.5}, None),
        ({"program": {"proven_for": {"threshold": True}}}, "threshold is empty, and its backends were"),
        ({"program": {"proven_for": {"classes": 3}}}, "2 classes, and its backends were proven with 3"),
        ({"program": {"proven_for": {"score_method": "none"}}}, "score_method is 'predict_proba', and its"),
    ],
    ids=str,
)
def test_labels_that_contradict_the_version(changed: dict[str, Any], said: str | None) -> None:
    fault = fault_of(replace(TWO, **changed))
    assert (fault and said in fault.problem) if said else fault is None


def test_what_is_certified_and_proven() -> None:
    fact = {
        "rows": 1200,
        "largest_difference": 2e-16,
        "dialects": ["duckdb", "postgres"],
        "stages": {"postgres": 3},
    }
    program = {
        "native": {**fact, "dialects": [], "background": {"rows": 1}},
        "sql": fact,
        "refused": {"matrix": "why"},
    }
    lines = backend_lines(SAVED, program)
    assert lines[0].startswith("churn version 12: native against 1 background row proven on 1,200 rows")
    assert "sql for duckdb, postgres in 3 stages proven on 1,200 rows, largest difference 2e-16" in lines[1]
    assert lines[2] == "churn version 12: no matrix: why"
    certificate = {
        "certified": ["inputs", "sql"],
        "within": {"sql": "1e-9"},
        "on_rows": {"trees": "x", "links": "y"},
    }
    known = replace(SAVED, program={"certificate": certificate})
    assert (
        certified_in_words(known) == "for every input: inputs, sql (1e-9); proven on rows only: links, trees"
    )
    assert not_certified(known, "sql") == ["checks of sql"] and certified_in_words(SAVED) == ""
    assert not_certified(SAVED, "reasons") == ["inputs", "reasons"]


# --- policy and places ---


def test_rules_for_libraries() -> None:
    saved = replace(SAVED, sklearn_version="0.1", libraries={"lightgbm": "9.9", "numpy": "1.0"})
    assert saved_by(saved) == {"scikit-learn": "0.1", "lightgbm": "9.9"}
    assert saved_by(replace(saved, artifact_format="lightgbm")) == {"lightgbm": "9.9"}
    assert saved_by(replace(SAVED, artifact_format="lightgbm")) == {}
    saved = replace(saved, libraries={})
    warn = {"scikit-learn": "warn"}
    for rules in ("warn", warn):
        (warning,) = LoadPolicy.from_variable({"library_versions": rules}).check_libraries(saved, "x")
        assert "was saved by scikit-learn 0.1, but" in warning
    for rules in ("refuse", {"lightgbm": "warn"}, ">=1.0"):
        with pytest.raises(LoadRefusedError, match=r"saved by scikit-learn 0\.1") as raised:
            LoadPolicy.from_variable({"library_versions": rules}).check_libraries(saved, "x")
        assert (raised.value.expected == "both versions within >=1.0") == (rules == ">=1.0")
    booster = replace(saved, artifact_format="lightgbm", libraries={"lightgbm": "0.1"})
    with pytest.raises(LoadRefusedError):  # one text is a range of scikit-learn
        LoadPolicy.from_variable({"library_versions": ">=0.0.1"}).check_libraries(booster, "x")
    assert LoadPolicy.from_variable({"library_versions": "warn"}).check_libraries(booster, "x")


def test_formats_and_estimators_that_may_be_opened() -> None:
    strict = LoadPolicy.from_variable({"pickle": "refuse"})
    assert LoadPolicy().allows("joblib") and not strict.allows("joblib") and strict.allows("onnx")
    assert not LoadPolicy.from_variable({"formats": ["skops"]}).allows("onnx")
    with pytest.raises(LoadRefusedError, match="churn version 12 is stored as 'joblib'"):
        strict.check_format(SAVED, "x")
    with pytest.raises(LoadRefusedError, match="would have to be opened"):
        LoadPolicy.from_variable({"estimator": "never"}).check_opening(SAVED, "x")
    LoadPolicy().check_opening(SAVED, "x")
    signed = LoadPolicy.from_variable({"require_signed_by": "key.pem"})
    signed.check_alias(None, "x")
    LoadPolicy().check_alias("champion", "x")
    with pytest.raises(LoadRefusedError, match="not signed yet"):
        signed.check_alias("champion", "x")
    for wrong in ({"require_signed_by": [""]}, {"require_certificate": "yes"}, {"cache": 5}):
        with pytest.raises(ConfigurationError):
            LoadPolicy.from_variable(wrong)


def test_places_are_inside_the_project_or_a_root(tmp_path: Path) -> None:
    project, shared = tmp_path / "house", tmp_path / "shared files"
    for folder in (project / "in", shared, tmp_path / "house2"):
        folder.mkdir(parents=True)
    (project / "link").symlink_to(tmp_path / "house2")
    policy = LoadPolicy(roots=("../shared files", "s3://bucket/models/"))
    allowed: dict[str, Path | str] = {
        "in/a": project / "in/a",
        "in/../in/a": project / "in/a",
        str(shared / "a"): shared / "a",
        (shared / "a").as_uri(): shared / "a",
        "s3://bucket/models/1/a": "s3://bucket/models/1/a",
    }
    for text, place in allowed.items():
        found = locate(project, text, policy, "x")
        assert str(found) == str(place) and (found.path is None) == isinstance(place, str)
    for text in (
        *("../house2/a", "in/../../a", "link/a", str(tmp_path / "a"), "../shared files/a"),
        *(
            "s3://bucket/models2/a",
            "s3://bucket/models/../a",
            "s3://bucket/models/%2e/a",
            "s3://bucket/models/a?b",
        ),
        *(
            "s3://bucket/models/a::file",
            "s3://other/models/a",
            "s3://bucket/models/a b",
            "FILE:///etc/passwd",
        ),
    ):
        with pytest.raises(LoadRefusedError):
            locate(project, text, policy, "x")


def test_bytes_are_read_by_their_digest(tmp_path: Path) -> None:
    place, policy = Location(tmp_path / "deep" / "a"), LoadPolicy()
    assert read_unpinned(place, "x") is None
    with pytest.raises(ArtifactError, match=r"of m cannot be read \(No such file"):
        read_verified(tmp_path, place, "0", "m", policy, "x")
    write(place, b"abc", "x")
    assert read_unpinned(place, "x") == b"abc" and list((tmp_path / "deep").iterdir()) == [
        tmp_path / "deep/a"
    ]
    assert read_verified(tmp_path, place, sha256(b"abc").hexdigest(), "m", policy, "x") == b"abc"
    with pytest.raises(ArtifactError, match=r"\(3 bytes\)"):
        read_verified(tmp_path, place, sha256(b"abd").hexdigest(), "m", policy, "x")


def test_bytes_of_a_url_are_kept_and_hashed_again(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec", reason="needs the extra remote")
    url = f"memory://{tmp_path.name}/a"
    place, policy, digest = Location(None, url), LoadPolicy(), sha256(b"abc").hexdigest()
    read: Callable[[], bytes] = lambda: read_verified(tmp_path, place, digest, "m", policy, "x")  # noqa: E731
    assert read_unpinned(place, "x") is None
    with pytest.raises(ArtifactError, match="cannot be fetched"):
        read()
    write(place, b"abc", "x")
    assert read_unpinned(place, "x") == b"abc" == read()
    fsspec.filesystem("memory").pipe_file(url, b"other")
    assert read() == b"abc"  # from the cache
    (tmp_path / policy.cache / digest).write_bytes(b"abd")
    with pytest.raises(ArtifactError, match="has the sha256"):
        read()


# --- what a month shows ---


def learned(unit: str, effect: float, usual: float, rows: float) -> dict[str, str]:
    numbers = {"lower": effect, "upper": usual, "row_count": rows}
    return {
        **{"part": "feature", "name": "f", "kind": "window", "category": f"{unit} mean_shift"},
        **{name: str(value) for name, value in numbers.items()},
    }


def shift(*units: dict[str, str], missing: float = 0, deviation: float = 2.0) -> float | None:
    own = {"part": "feature", "name": "f", "category": "", "lower": "0"}
    rows = [
        {**own, "kind": "moments", "row_count": "10000", "upper": str(deviation)},
        {**own, "kind": "missing", "row_count": str(missing)},
        {**own, "part": "score", "kind": "window", "category": "day mean_shift"},
        *(
            {**own, "kind": kind, "category": "day psi", "upper": "9", "row_count": "9"}
            for kind in ("window", "bin")
        ),
        *units,
    ]
    return monthly_shifts(rows)["f"]


def test_the_shift_that_a_month_shows() -> None:
    # of months alone: the limit, and 0.84 errors of a mean of n rows beside one of 10,000
    for effect, rows in ((1.0, 500.0), (4.0, 500.0), (2.0, 90.0)):
        error = math.sqrt(effect * (1 / rows + 1 / 10000))
        certain = error * math.sqrt(2 * math.log(1e4) - math.log(math.pi * math.log(1e4)))
        for usual in (0.0, 0.7):
            expected = (max(0.3, usual, certain) + 0.84 * error) * 2.0
            assert shift(learned("month", effect, usual, rows)) == pytest.approx(expected, rel=1e-12)
    # a row that is missing half the time counts half; a month has 30 days
    assert shift(learned("month", 1, 0, 500), missing=10000) == pytest.approx(
        shift(learned("month", 1, 0, 250))
    )
    assert shift(learned("day", 1, 0, 10)) == pytest.approx(shift(learned("month", 1, 0, 300)))
    assert shift(learned("month", 50, 0, 50)) is None  # beyond two deviations
    # an effect that grows with the unit as its rows do stays in a month; one that does not grow fades
    grows = shift(learned("day", 2, 0.5, 100), learned("week", 14, 0.5, 700))
    stays = shift(learned("day", 2, 0.5, 100), learned("week", 2, 0.5, 700))
    between = shift(learned("day", 2, 0.5, 90), learned("week", 7, 0.5, 700))
    slower = (30 / 7) ** (math.log(3.5) / math.log(700 / 90) - 1)
    for found, part in (
        (grows, 1.0),
        (stays, 7 / 30),
        (between, slower),
    ):  # of an effect and a usual shift, in a month
        effect, windows = {grows: 14, stays: 2, between: 7}[found], 30 / 7
        error = math.sqrt((1 / (700 * windows) + 1 / 10000) * (1 + (effect - 1) * windows * part))
        certain = error * math.sqrt(2 * math.log(1e4) - math.log(math.pi * math.log(1e4)))
        expected = max(0.3, 0.5 * math.sqrt(part), certain) + 0.84 * error
        assert found == pytest.approx(2.0 * expected, rel=1e-12)
    assert shift(learned("month", 1, 1.9, 500), deviation=1.0) == pytest.approx(1.938, abs=0.002)
    assert monthly_shifts([learned("month", 1, 0, 500)]) == {}
