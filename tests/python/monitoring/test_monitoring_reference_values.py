"""Drift equals the reference values that other libraries gave for the committed data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from monitoring.warehouse import MonitoredWarehouse
from scorehouse.metrics import of_drift

pytestmark = pytest.mark.slow
# scipy 1.17.1, numpy and nannyml 0.13.1 on flights January to June against July to December, and on Online
# Retail, year 1 against year 2.
NUMBERS = {
    # column: PSI of ten quantile bins, KS, W1, W1 normed, missing share
    "arr_delay": (
        0.00403555859304024,
        0.0258524544781149,
        2.54019352116832,
        0.0552217105760123,
        0.0231511329403,
    ),
    "dep_delay": (
        0.00386566898385914,
        0.0223089899052051,
        2.11492732540251,
        0.0507452773197385,
        0.0197634481708,
    ),
    "air_time": (
        0.00813718206855114,
        0.0227320031848637,
        2.28200872054184,
        0.0244329471878562,
        0.0231511329403,
    ),
    "distance": (0.00408551214964564, 0.0160769081707121, 26.670080703252, 0.0367330189638766, 0.0),
    "hour": (0.000995807966437271, 0.0110380269204148, 0.0680390387282354, 0.0145721173035082, 0.0),
    "quantity": (0.00141864983360515, 0.00809693312109894, 2.4227510458516, 0.0222927521472312, 0.0),
    "price": (0.0169831427113623, 0.0453846589041089, 0.566815244092525, 0.00394119837354829, 0.0),
}
TEXTS = {
    # column: JS in base 2, TVD, L-infinity, Hellinger, chi-square, number of values, p, share of new values
    "carrier": (0.0185702705982, 0.00897323538071726, 0.00275862262422, 0.0155704007935, 157.30079749931, 16,
                8.50012e-26, 0.0),
    "origin": (0.0174025560312, 0.0185790339857342, 0.0185790339857, 0.0144889947757, 141.323745539203, 3,
               2.05087e-31, 0.0),
    "dest": (0.0732238880001, 0.0469042988095093, 0.00593052785083, 0.0633999448551, 2338.17829454586, 105,
             0.0, 0.000761936020818),
    "country": (0.0555593766537, 0.0176971281793457, 0.00792961820514, 0.0478688332634, 4235.30240801948, 43,
                0.0, 0.000178940636001),
}  # fmt: skip
# evidently 0.7.23 on the same data: PSI and Jensen-Shannon distance (natural logarithm), in bins of one width
# for numbers of more than 20 values, by value otherwise.
EVIDENTLY = {
    "arr_delay": (0.00408935220892147, 0.0206662591161),
    "dep_delay": (0.0042979684613746, 0.0221523258497),
    "air_time": (0.0102260803032698, 0.0350821215785),
    "distance": (0.0145278874721883, 0.0234918558374),
    "hour": (0.0021526099418607, 0.0154172835411),
    "quantity": (0.00103551635927231, 0.0106969455517),
    "price": (0.000325247996081503, 0.00284860571866),
    "carrier": (0.00197295320290394, 0.0154607644169),
    "origin": (0.00167954432727927, 0.0144885782697),
    "dest": (0.0542448534426866, 0.0609628856014),
    "country": (0.0266699646940579, 0.0462562152261),
}
FLIGHTS = """
    select arr_delay::double as arr_delay, dep_delay::double as dep_delay, air_time::double as air_time,
        distance::double as distance,
        (sched_dep_time // 100)::double as hour, carrier, origin, dest
    from '{data}/flights.parquet' where month(flight_date) %s 6
"""
RETAIL = """
    select quantity::double as quantity, price::double as price, country
    from '{data}/retail.parquet' where invoice_at %s timestamp '2010-12-01'
"""
HEAD = "'a' as model_name, 1 as model_version, 'run 1' as scoring_run_id, timestamp '2026-01-01' as scored_at"
EXACT = "{{{{ scorehouse.exact_drift(source('raw', '{0}'), source('raw', '{0}_training'), {1}) }}}}"
DRIFT = "{{{{ scorehouse.drift(ref('{0}_profiles'), source('raw', 'ml_{0}__reference')) }}}}"
PROFILE = "{{{{ scorehouse.profile(source('raw', '{0}'), source('raw', 'ml_{0}__reference')) }}}}"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredWarehouse]:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("reference") / "house")
    for name, query, before, after in (("flights", FLIGHTS, "<=", ">"), ("retail", RETAIL, "<", ">=")):
        warehouse.table(f"{name}_training", query % before)
        warehouse.table(name, f"select *, {HEAD} from ({query % after})")
        warehouse.reference(f"ml_{name}__reference", {(1, "feature"): query % before})
        numbers = [
            column
            for column, kind in warehouse.project.columns(f"raw.{name}_training").items()
            if kind == "DOUBLE"
        ]
        warehouse.model(f"{name}_exact", EXACT.format(name, numbers))
        warehouse.model(f"{name}_profiles", PROFILE.format(name))
        warehouse.model(f"{name}_drift", DRIFT.format(name))
        warehouse.table(f"ml_{name}_wide__reference", WIDE_ROWS, frame=equal_width(warehouse, name))
        warehouse.table(f"{name}_wide", f"from raw.{name}")
        warehouse.model(f"{name}_wide_profiles", PROFILE.format(f"{name}_wide"))
        warehouse.model(f"{name}_wide_drift", DRIFT.format(f"{name}_wide"))
    for n in (150, 500, 5000):
        a, b = samples(n)
        warehouse.table(f"a{n}", "select * from frame", frame=pd.DataFrame({"x": a}))
        warehouse.table(f"b{n}", "select * from frame", frame=pd.DataFrame({"x": b}))
        warehouse.model(
            f"ks{n}", f"{{{{ scorehouse.exact_drift(source('raw', 'a{n}'), source('raw', 'b{n}'), 'x') }}}}"
        )
    warehouse.build().check()
    yield warehouse


WIDE_ROWS = """
    select 1 as version, 'feature' as part, name, kind, bin::integer as bin, null::double as lower,
        upper::double as upper, category::varchar as category, row_count::bigint as row_count
    from frame
"""


def equal_width(warehouse: MonitoredWarehouse, name: str) -> pd.DataFrame:
    """A reference in Evidently's bins: Sturges' rule over both halves, [lower, upper), which is
    (lower, upper] at the next smaller doubles."""
    with duckdb.connect(warehouse.project.database) as connection:
        training = connection.sql(f"from raw.{name}_training").df()
        current = connection.sql(f"from raw.{name}").df()
    rows: list[dict[str, Any]] = []
    for column in EVIDENTLY.keys() & set(training.columns):
        values = training[column].dropna()
        if values.nunique() <= 20 or not pd.api.types.is_numeric_dtype(values):
            counted = values.map(lambda value: str(int(value)) if isinstance(value, float) else value)
            for place, (value, count) in enumerate(counted.value_counts().items(), 1):
                rows.append({"name": column, "kind": "category", "bin": place, "category": value})
                rows[-1]["row_count"] = count
            continue
        both = np.concatenate([values, current[column].dropna()])
        edges = np.nextafter(np.histogram_bin_edges(both, "sturges")[1:-1], -np.inf)
        counts = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
        for place, count in enumerate(counts):
            upper = edges[place] if place < len(edges) else None
            rows.append({"name": column, "kind": "numeric", "bin": place + 1, "upper": upper})
            rows[-1]["row_count"] = count
    return pd.DataFrame(rows).astype({"category": object})


def evidently_psi(reference: Any, current: Any) -> float:
    """PSI with Evidently's share for an empty bin: 1e-4, or a millionth of a smaller least share."""
    p, q = (np.asarray(counts, dtype=float) / np.sum(counts) for counts in (reference, current))
    for shares in (p, q):
        least = shares[shares > 0].min()
        shares[shares == 0] = least / 1e6 if least <= 1e-4 else 1e-4
    return float(((p - q) * np.log(p / q)).sum())


def samples(n: int) -> tuple[Any, Any]:
    """Two samples, a little apart; scipy's own law for small samples is not the asymptotic one."""
    rng = np.random.default_rng(n)
    return rng.normal(0, 1, 2 * n), rng.normal(0.5 / np.sqrt(n), 1, 2 * n)


def values(warehouse: MonitoredWarehouse, column: str, kind: str) -> dict[str, float]:
    name = "retail" if column in ("quantity", "price", "country") else "flights"
    return {
        metric: value
        for (feature, metric), value in warehouse.drift(f"{name}_{kind}").items()
        if feature == column
    }


@pytest.mark.parametrize("column", NUMBERS)
def test_numbers(column: str, warehouse: MonitoredWarehouse) -> None:
    psi, ks, wasserstein, normed, missing = NUMBERS[column]
    drift, exact = values(warehouse, column, "drift"), values(warehouse, column, "exact")
    assert drift["psi"] == pytest.approx(psi, rel=0, abs=1e-9)
    assert drift["missing_share"] == pytest.approx(missing, rel=0, abs=1e-9)
    assert exact["ks"] == pytest.approx(ks, rel=0, abs=1e-9)
    assert exact["wasserstein"] == pytest.approx(wasserstein, rel=0, abs=1e-9)
    assert exact["wasserstein_normed"] == pytest.approx(normed, rel=0, abs=1e-9)


@pytest.mark.parametrize("column", TEXTS)
def test_texts(column: str, warehouse: MonitoredWarehouse) -> None:
    js, tvd, l_inf, hellinger, chi2, n_values, p, new = TEXTS[column]
    drift = values(warehouse, column, "drift")
    expected = {
        "js": js,
        "tvd": tvd,
        "l_inf": l_inf,
        "hellinger": hellinger,
        "chi2": chi2,
        "unseen_share": new,
    }
    assert {metric: drift[metric] for metric in expected} == pytest.approx(expected, rel=1e-12, abs=1e-9)
    name = "retail" if column == "country" else "flights"
    ((found, bins),) = warehouse.query(
        f"select p_value, n_bins from {name}_drift where feature = '{column}' and metric = 'chi2'"
    )
    assert bins == n_values
    assert found == pytest.approx(p, rel=1e-5, abs=1e-300)


@pytest.mark.parametrize("column", EVIDENTLY)
def test_in_the_bins_of_evidently(column: str, warehouse: MonitoredWarehouse) -> None:
    psi, js = EVIDENTLY[column]
    name = "retail" if column in ("quantity", "price", "country") else "flights"
    ((found,),) = warehouse.query(
        f"select value from {name}_wide_drift where feature = '{column}' and metric = 'js'"
    )
    assert found * np.sqrt(np.log(2)) == pytest.approx(js, rel=0, abs=1e-9)
    counts = warehouse.query(
        f"""
        select coalesce(reference.row_count, 0), coalesce(profile.row_count, 0)
        from (from raw.ml_{name}_wide__reference where name = '{column}') as reference
        full join (
            from {name}_wide_profiles where feature = '{column}' and kind not in ('all', 'missing')
        ) as profile
            on coalesce(reference.category, reference.bin::varchar)
                = coalesce(profile.category, profile.bin::varchar)
        """
    )
    assert evidently_psi(*zip(*counts, strict=True)) == pytest.approx(psi, rel=0, abs=1e-9)


def test_every_metric_of_raw_values_that_is_declared_is_measured(warehouse: MonitoredWarehouse) -> None:
    found = warehouse.query("select distinct metric from flights_exact where value is not null")
    assert sorted(found) == sorted((name,) for name in of_drift("exact"))


# What the expansion of Pelz and Good leaves, by the effective number of rows.
@pytest.mark.parametrize(("n", "tolerance"), [(150, 2.1e-6), (500, 3.1e-8), (5000, 2.6e-9)])
def test_p_of_kolmogorov_smirnov(n: int, tolerance: float, warehouse: MonitoredWarehouse) -> None:
    expected = stats.ks_2samp(*samples(n), method="asymp")
    found = warehouse.drift(f"ks{n}")
    assert found["x", "ks"] == pytest.approx(float(expected.statistic), rel=0, abs=1e-12)
    assert found["x", "ks_p"] == pytest.approx(float(expected.pvalue), rel=0, abs=tolerance)
