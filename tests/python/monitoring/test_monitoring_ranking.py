"""Ranking metrics in SQL equal scikit-learn's, and their means over all orders of equal scores."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, permutations, product

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from monitoring.cohorts import FRAMES, MATURITY, TASKS
from monitoring.warehouse import MonitoredWarehouse, intervals, values

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("ranking") / "house")
    frame = FRAMES["ranked"]
    warehouse.table(
        "ranked",
        """
        select * exclude (y), 'm' as model_name, 1 as model_version, 'scored' as row_status,
            'r' as scoring_run_id, timestamp '2026-01-01' as scored_at
        from frame
        """,
        frame=frame,
    )
    warehouse.table(
        "ranked_labels", "select id, case when not isnan(y) then y end as y from frame", frame=frame
    )
    warehouse.model(
        "ranked_performance",
        "{{ scorehouse.performance(source('raw', 'ranked'), source('raw', 'ranked_labels'), "
        f"key='id', label='y', day='day', {MATURITY}, {TASKS['ranked']}) }}}}",
    )
    for items, relevant in ((10, 1), (7, 3), (4, 4)):  # every item has the same score
        warehouse.table(
            f"constant_{items}",
            f"""
            select i as id, 'q' as query, 0.5e0 as score, 0 as prediction, 'm' as model_name,
                1 as model_version, 'scored' as row_status, date '2026-01-01' as day,
                timestamp '2026-01-01' as scored_at, if(i < {relevant}, 1, 0) as y
            from range({items}) as numbers (i)
            """,
        )
        warehouse.table(f"constant_{items}_labels", f"select id, y from raw.constant_{items}")
        warehouse.model(
            f"constant_{items}_performance",
            f"{{{{ scorehouse.performance(source('raw', 'constant_{items}'), "
            f"source('raw', 'constant_{items}_labels'), key='id', label='y', day='day', task='ranking', "
            f"options={{'query': 'query', 'k': {10 if items == 10 else 5}}}) }}}}",
        )
    warehouse.build().check()
    yield warehouse


@pytest.mark.parametrize("month", [1, 2])
def test_ranking_equals_sklearn(month: int, warehouse: MonitoredWarehouse) -> None:
    frame = FRAMES["ranked"]
    frame = frame[(frame["day"].dt.month == month) & frame["score"].notna()]
    expected: dict[str, list[float]] = {}
    for _, group in frame.groupby("query"):
        for name, value in ranked_query(group).items():
            expected.setdefault(name, []).append(value)
    found = values(warehouse, "ranked", month)
    assert found.pop("n_queries") == frame["query"].nunique()
    for name, each in expected.items():
        assert found[name] == pytest.approx(np.nanmean(each), rel=0, abs=1e-9), name
        if name != "hit_rate":
            half = 1.959963984540054 * np.nanstd(each, ddof=1) / np.sqrt(np.isfinite(each).sum())
            ends = (np.nanmean(each) - half, np.nanmean(each) + half)
            assert intervals(warehouse, "ranked", month)[name] == pytest.approx(ends, rel=1e-9), name


def orders(group: pd.DataFrame, k: int) -> Iterator[tuple[bool, ...]]:
    """Every order of a query's items by falling score, as hits of the first k places or more."""
    tied: list[list[bool]] = []
    for _, same in sorted(group.groupby("score"), reverse=True):
        if sum(map(len, tied)) < k:
            tied.append(list(same["y"] >= 1))
    for order in product(*map(permutations, tied)):
        yield tuple(chain(*order))


def ranked_query(group: pd.DataFrame, k: int = 5) -> dict[str, float]:
    """The metrics of one query, k places deep, as means over all orders of items with the same score.

    Where the query has nothing relevant to find, 0, but for `ndcg_with_hits`.
    """
    relevant = int((group["y"] >= 1).sum())
    ndcg = metrics.ndcg_score([group["y"]], [group["score"]], k=k)
    each = []
    for order in orders(group, k):
        places = np.flatnonzero(order[:k]) + 1
        precisions = sum((i + 1) / place for i, place in enumerate(places))
        each.append([1 / places[0] if len(places) else 0.0, len(places) > 0, len(places), precisions])
    rank, any_hit, hits, precisions = np.mean(np.array(each, dtype=float), axis=0)
    return {
        "ndcg": ndcg,
        "ndcg_with_hits": ndcg if relevant else np.nan,
        "mrr": rank,
        "hit_rate": any_hit,
        "precision_at_k": hits / k,
        "recall_at_k": hits / relevant if relevant else 0.0,
        "map": precisions / min(relevant, k) if relevant else 0.0,
    }


@pytest.mark.parametrize(
    ("items", "relevant", "mrr"), [(10, 1, 0.29289682539682538), (7, 3, None), (4, 4, 1.0)]
)
def test_a_constant_score_ranks_as_chance_does(
    items: int, relevant: int, mrr: float | None, warehouse: MonitoredWarehouse
) -> None:
    found = values(warehouse, f"constant_{items}", 1)
    frame = pd.DataFrame({"score": 0.5, "y": [float(i < relevant) for i in range(items)]})
    if items < 10:  # the orders of ten items are too many
        expected = ranked_query(frame)
        assert {name: found[name] for name in expected} == pytest.approx(expected, rel=0, abs=1e-9)
    if mrr is not None:
        assert found["mrr"] == pytest.approx(mrr, rel=0, abs=1e-12)
