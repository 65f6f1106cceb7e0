"""Which versions have a matrix backend beside or instead of SQL, and when it serves."""

from __future__ import annotations

from pathlib import Path

from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from project import registered_kernel
from scorehouse.program.choose import ProgramFiles, choose_backend
from scorehouse.registry.policy import LoadPolicy
from scorehouse.registry.version import NO_BACKENDS
from visits_frame import FRAME, LABEL, ROWS

X, NEVER = FRAME[["amount", "visits"]], LoadPolicy(estimator="never")


def test_the_registry_says_why_there_is_no_matrix_backend(tmp_path: Path) -> None:
    kernel = registered_kernel(
        tmp_path, KNeighborsClassifier().fit(X, LABEL), X, LABEL, task="classification"
    )
    assert "KNeighborsClassifier" in kernel.version.program["refused"]["matrix"]
    backend = choose_backend(kernel, "auto", ROWS, ProgramFiles(tmp_path, LoadPolicy()))
    assert backend.name == "estimator" and "matrix: KNeighborsClassifier" in backend.reason


def test_fast_sql_has_it_beside_for_engines_and_checks_without_sql(tmp_path: Path) -> None:
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, LABEL)
    kernel = registered_kernel(tmp_path, linear, X, LABEL, task="classification")
    assert set(kernel.version.program) - {*NO_BACKENDS} == {"sql", "matrix", "reasons"}
    files = ProgramFiles(tmp_path, NEVER)
    assert choose_backend(kernel, "auto", ROWS, files).name == "sql"
    assert choose_backend(kernel, "auto", ROWS, files, served=("native", "matrix")).name == "matrix"
    kernel.strict = frozenset({"out_of_range"})
    assert choose_backend(kernel, "auto", ROWS, files).name == "matrix"


def test_fast_sql_without_a_matrix_backend_is_no_news(tmp_path: Path) -> None:
    each = OneVsRestClassifier(LogisticRegression())  # which is no product
    kernel = registered_kernel(tmp_path, each.fit(X, LABEL), X, LABEL, task="classification")
    assert set(kernel.version.program) - {*NO_BACKENDS} == {"sql"}
