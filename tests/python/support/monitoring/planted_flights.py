"""Flights in which one feature was changed, one change per ML model, and what a drift table says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from monitoring.warehouse import MonitoredWarehouse

Plant = tuple[str, str]  # a feature, and the SQL expression that it becomes

# As `flight_features` of the examples has them.
FEATURES = """
    select
        carrier, flights.origin, dest,
        cast(isodow(flight_date) as integer) as day_of_week,
        cast(sched_dep_time // 100 as integer) as departure_hour,
        cast((sched_arr_time // 100 * 60 + sched_arr_time % 100 - sched_dep_time // 100 * 60
            - sched_dep_time % 100 + 1440) % 1440 as integer) as clock_minutes,
        cast(distance as integer) as distance,
        dep_delay::double as dep_delay,
        temp, humid, wind_speed, precip, pressure, visib,
        (year(flight_date) - planes.year)::double as plane_age,
        seats::double as seats,
        flight_date
    from '{data}/flights.parquet' as flights
    left join '{data}/weather.parquet' as weather
        on flights.origin = weather.origin and flights.time_hour = weather.time_hour
    left join '{data}/planes.parquet' as planes on flights.tailnum = planes.tailnum
    where dep_delay is not null
"""
NUMBERS = (
    "clock_minutes", "distance", "dep_delay", "temp", "humid", "wind_speed", "precip", "pressure", "visib",
    "plane_age", "seats",
)  # fmt: skip
CATEGORIES = ("carrier", "origin", "dest", "day_of_week", "departure_hour")
UNCHANGED = "unchanged"


def plants() -> dict[str, Plant]:
    """Every planted change, by its name."""
    found = {
        "Mondays only": ("day_of_week", "1"),
        "heat wave": ("temp", "80 + 10 * (hash(n) % 1000) / 1000"),
    }
    for name in NUMBERS:
        found[f"{name} +2 sd"] = (name, f"{name} + 2 * (select {name}_sd from raw.facts)")
    for name in CATEGORIES:
        found[f"{name} collapsed"] = (name, f"(select {name}_mode from raw.facts)")
    for name in NUMBERS + CATEGORIES:
        found[f"{name} 30 % NULL"] = (name, f"case when hash(n + 7) % 10 < 3 then null else {name} end")
    return found


def planted_flights(
    folder: Path, chosen: Mapping[str, Plant], since: str, units: tuple[str, ...], planted: str = "2013-01-01"
) -> MonitoredWarehouse:
    """Flights `since` a day, once per plant and once unchanged, with a drift table `by_<unit>` per unit.

    Flights before the day `planted` are unchanged in all of them.
    The reference has learned from January to June how much days and weeks differ.
    """
    warehouse = MonitoredWarehouse(folder)
    warehouse.table("features", f"select row_number() over () as n, * from ({FEATURES})")
    training = "from raw.features where flight_date < date '2013-07-01'"
    query = {(1, "feature"): f"select * exclude (n, flight_date) {training}"}
    warehouse.reference("ml_flights__reference", query, time=f"select flight_date {training}")
    facts = [f"stddev_pop({name}) as {name}_sd" for name in NUMBERS]
    facts += [f"mode({name}) as {name}_mode" for name in CATEGORIES]
    warehouse.table("facts", f"select {', '.join(facts)} {training}")
    warehouse.table(
        "ml_flights__signature",
        " union all ".join(
            f"select 1 as version, '{name}' as feature, min({name})::double as minimum, "
            f"max({name})::double as maximum {training}"
            for name in NUMBERS
        ),
    )
    changes = {UNCHANGED: ("origin", "origin"), **chosen}
    selects = [
        f"select '{plant}' as model_name, * replace (case when flight_date >= date '{planted}' "
        f"then {expression} else {name} end as {name}) from scored"
        for plant, (name, expression) in changes.items()
    ]
    head = "1 as model_version, timestamp '2026-01-01' as scored_at, 'r' as scoring_run_id"
    scored = f"select *, {head} from raw.features where flight_date >= date '{since}'"
    warehouse.table("flights", f"with scored as ({scored}) {' union all '.join(selects)}")
    reference = "source('raw', 'ml_flights__reference')"
    profile = (
        f"source('raw', 'flights'), {reference}, day='flight_date', segments=['origin'], "
        "signature=source('raw', 'ml_flights__signature')"
    )
    warehouse.model("profiles", f"{{{{ scorehouse.profile({profile}) }}}}")
    for unit in units:
        drift = f"ref('profiles'), {reference}, window='{unit}'"
        warehouse.model(f"by_{unit}", f"{{{{ scorehouse.drift({drift}) }}}}")
    warehouse.build().check()
    return warehouse


def lights(
    warehouse: MonitoredWarehouse, unit: str, segment: str = "all"
) -> dict[tuple[str, str], list[str]]:
    """By plant and feature, the light of each window: `red`, `grey` if anything is not judged, or `green`."""
    rows = warehouse.query(
        f"""
        with windows as (
            select ml_model, feature, window_start,
                case
                    when bool_or(status = 'drift') then 'red'
                    when bool_or(status in ('blind', 'not_judged') and reason is not null) then 'grey'
                    when bool_or(status = 'ok' and metric in ('psi', 'mean_shift')) then 'green'
                    else 'grey'
                end as light
            from by_{unit} where segment = '{segment}' group by all
        )
        select ml_model, feature, list(light order by window_start) from windows group by all
        """
    )
    return {(plant, feature): found for plant, feature, found in rows}
