"""Features as of a time, and training sets: equal, row for row, to a loop over all rows in plain Python."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.warehouse import MonitoredWarehouse

NEW_YORK = ZoneInfo("America/New_York")
# an hour apart, across the night in which clocks go back and one hour comes twice
HOURS = [datetime(2026, 10, 31, 20, tzinfo=UTC) + timedelta(hours=n) for n in range(40)]
SOURCES = """[
    {'relation': source('raw', 'events'), 'key': ['shop', 'customer id'], 'event_time': 'happened at',
     'known_at': 'known_at', 'columns': ['amount', 'plan'], 'ttl': '1 day'},
    {'relation': source('raw', 'events'), 'key': ['customer id', 'shop'], 'spine_key': ['Buyer', 'shop'],
     'event_time': 'happened at', 'columns': ['amount'], 'prefix': 'late ', 'delay': '90 minutes'}
]"""
CALL = f"source('raw', 'spine'), {SOURCES}, key=['shop', 'Buyer'], at='decided at'"
# the window form, which other databases have, on DuckDB
WINDOWS = f"""{{%- set sources = scorehouse._feature_sources(
    'x', {SOURCES}, ['shop', 'Buyer'], none, none, none, none, none, none
) -%}}
with spine_0 as (select * from {{{{ source('raw', 'spine') }}}})
{{%- for one in sources %}}, {{{{ scorehouse.default___as_of_ctes(
    loop.index, one, sources[:loop.index0],
    scorehouse._identifiers(['shop', 'Buyer', 'decided at', 'place']), scorehouse._identifier('decided at')
) }}}}{{% endfor %}}
select * from spine_{{{{ sources | length }}}}"""
MODELS = {"by_asof": f"{{{{ scorehouse.features_as_of({CALL}) }}}}", "by_windows": WINDOWS}
ZONES = {"timestamps": "timestamp", "moments of a zone": "timestamptz"}

KEYS = st.tuples(st.none() | st.sampled_from(["a", "b"]), st.none() | st.integers(0, 2))
TIMES = st.none() | st.sampled_from(HOURS)
EVENTS = st.lists(
    st.tuples(KEYS, TIMES, TIMES, st.none() | st.integers(0, 3), st.none() | st.sampled_from("xy"))
)
SPINES = st.lists(st.tuples(KEYS, TIMES), max_size=30)


@pytest.fixture(scope="module")
def statements(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, str]]]:
    """Per type of times: a database, and the statements that dbt compiled for it."""
    found = {}
    for name, kind in ZONES.items():
        warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("asof") / "house")
        warehouse.table(
            "events",
            f"""select 'a' as shop, 0 as "customer id", null::{kind} as "happened at",
            null::{kind} as known_at, 0 as amount, 'x' as plan limit 0""",
        )
        warehouse.table(
            "spine",
            f"""select 'a' as shop, 0 as "Buyer", null::{kind} as "decided at",
            0 as place limit 0""",
        )
        for model, sql in MODELS.items():
            warehouse.model(model, sql)
        warehouse.build().check()
        compiled = (warehouse.project.folder / "target" / "compiled").rglob("by_*.sql")
        found[name] = (warehouse.project.database, {file.stem: file.read_text() for file in compiled})
    return found


def largest(value: Any) -> tuple[bool, str]:
    """To sort by: NULL counts as the largest value."""
    return value is None, str(value)


def brute_force(events: list[Any], key: Any, moment: datetime | None) -> tuple[Any, ...]:
    """The three values of a row of the spine, by looking at every event."""
    if moment is None or None in key:
        return None, None, None
    mine = [event for event in events if event[0] == key and event[1] is not None]
    seen = [event for event in mine if event[2] is not None and max(event[1], event[2]) <= moment]
    amount, plan = None, None
    if seen:
        newest = max(seen, key=lambda event: (event[1], event[2], largest(event[3]), largest(event[4])))
        if newest[1] + timedelta(days=1) >= moment:
            amount, plan = newest[3], newest[4]
    late = [event for event in mine if event[1] + timedelta(minutes=90) <= moment]
    newest_late = max(late, key=lambda event: (event[1], largest(event[3])), default=None)
    return amount, plan, newest_late and newest_late[3]


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, spine=SPINES)
def test_equals_brute_force(
    statements: dict[str, tuple[Path, dict[str, str]]], events: list[Any], spine: list[Any]
) -> None:
    expected = [(place, *brute_force(events, key, moment)) for place, (key, moment) in enumerate(spine)]
    for kind, (database, compiled) in statements.items():
        with duckdb.connect(database) as connection:
            connection.sql("set timezone = 'America/New_York'")
            fill(connection, ZONES[kind], events, spine)
            for model, sql in compiled.items():
                query = f'select place, amount, plan, "late amount" from ({sql}) order by place'
                assert connection.sql(query).fetchall() == expected, (kind, model)


def fill(connection: Any, kind: str, events: list[Any], spine: list[Any]) -> None:
    """Times are moments in UTC; as timestamps without a zone they are what a clock in UTC shows."""
    rows = [(shop, customer, *times, amount, plan) for (shop, customer), *times, amount, plan in events]
    columns = list(zip(*rows, strict=True)) or [()] * 6
    stamp = pa.timestamp("us", "UTC")
    types = [pa.string(), pa.int32(), stamp, stamp, pa.int32(), pa.string()]
    events_given = pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], list("abcdef"))
    places = [(shop, buyer, moment, place) for place, ((shop, buyer), moment) in enumerate(spine)]
    columns = list(zip(*places, strict=True)) or [()] * 4
    types = [pa.string(), pa.int32(), stamp, pa.int32()]
    spine_given = pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], list("abcd"))
    connection.register("events_given", events_given)
    connection.register("spine_given", spine_given)
    time = "{0}" if kind == "timestamptz" else "timezone('UTC', {0})"
    connection.sql(f"""truncate raw.events; insert into raw.events
        select a, b, {time.format("c")}, {time.format("d")}, e, f from events_given""")
    connection.sql(
        f"truncate raw.spine; insert into raw.spine select a, b, {time.format('c')}, d from spine_given"
    )


PREDICTIONS = """
    select * from (values
        (1, date '2026-01-01', 0.1, 1, timestamp '2026-01-01 06:00', true),
        (1, date '2026-01-01', 0.2, 1, timestamp '2026-01-01 07:00', true),  -- scored again
        (1, date '2026-01-01', 0.9, 2, timestamp '2026-01-01 08:00', false), -- a challenger
        (1, date '2026-02-01', 0.3, 2, timestamp '2026-02-01 06:00', true),
        (2, date '2026-01-01', 0.4, 1, timestamp '2026-01-01 06:00', true),
        (3, date '2026-01-01', 0.5, 1, timestamp '2026-01-01 06:00', true),
        (4, date '2026-01-01', 0.6, 1, timestamp '2026-01-01 06:00', true),
        (5, date '2026-03-05', 0.7, 1, timestamp '2026-03-05 06:00', true),
        (6, date '2026-01-01', 0.8, 1, timestamp '2026-01-01 06:00', true),
        (7, date '2026-01-01', 0.8, 1, timestamp '2026-01-01 06:00', true),
        (8, date '2026-01-01', 0.8, 1, timestamp '2026-01-01 06:00', true)
    ) as t(id, as_of, score, model_version, scored_at, is_live)
"""
LABELS = """
    select * from (values
        (1, true, timestamp '2026-01-20'), (2, false, timestamp '2025-12-30'),
        (4, true, timestamp '2026-05-01'), (5, false, timestamp '2026-03-06'),
        (6, false, timestamp '2025-12-30'), (6, true, timestamp '2026-02-02'),
        (6, false, timestamp '2026-02-09'), (7, true, null),
        (8, null, timestamp '2026-01-02'), (8, true, timestamp '2026-02-02')  -- awaited, then known
    ) as t(id, churned, known_at)
"""
BALANCES = """
    select * from (values (1, date '2025-12-01', 10), (1, date '2026-01-15', 20), (3, date '2025-12-01', 30)
    ) as t(id, day, balance)
"""
TRAINED = """{{{{ scorehouse.training_set(source('raw', 'made'), source('raw', 'labels'), key='id',
    label='churned', label_time='known_at', matures_after='30 days', until='2026-03-10', keep=['score'],
    features=source('raw', 'balances'), event_time='day', columns=['balance']{0}) }}}}"""


def test_a_training_set(tmp_path: Path) -> None:
    """Live predictions, with the labels that came true after them and the features that were known."""
    warehouse = MonitoredWarehouse(tmp_path / "house")
    for name, sql in {"made": PREDICTIONS, "labels": LABELS, "balances": BALANCES}.items():
        warehouse.table(name, sql)
    warehouse.model("trained", TRAINED.format(""))
    warehouse.model("every_row", TRAINED.format(", only_labelled=false"))
    warehouse.build().check()
    read = """select id, as_of::varchar, score::double, model_version, churned, label_status, balance
        from {} order by all"""
    first, later = "2026-01-01", "2026-02-01"
    labelled = (1, first, 0.2, 1, True, "labelled", 10)
    second = (6, first, 0.8, 1, True, "labelled", None)
    awaited = (8, *second[1:])
    assert warehouse.query(read.format("trained")) == [labelled, second, awaited]
    assert warehouse.query(read.format("every_row")) == [
        labelled,
        (1, later, 0.3, 2, True, "known_before", 20),  # the label of January was known in February
        (2, first, 0.4, 1, False, "known_before", None),
        (3, first, 0.5, 1, None, "missing", 30),
        (4, first, 0.6, 1, True, "not_known_yet", None),
        (5, "2026-03-05", 0.7, 1, False, "immature", None),
        second,
        (7, first, 0.8, 1, True, "undated", None),
        awaited,
    ]


SPINE, BALANCE = "source('raw', 'made')", "source('raw', 'balances'), key='id', prefix='b_'"
REFUSED = {
    f"features_as_of({SPINE}, {SPINE}, key='id', event_time='as_of')": ("'as_of'", "or give a `prefix`"),
    f"features_as_of({SPINE}, {BALANCE})": ("event_time=null", "write `event_time: happened_at`"),
    f"features_as_of({SPINE}, {BALANCE}, event_time='day', ttl=30)": ("ttl=30", "write `ttl: '30 days'`"),
    f"features_as_of({SPINE}, [], key='id')": ("features=[]", "a list of mappings"),
    f"features_as_of({SPINE}, [{{'relation': {SPINE}, 'keys': 'id'}}], key='id')": (
        "features='keys'",
        "correct or remove `keys`",
    ),
    f"features_as_of({SPINE}, {BALANCE}, event_time='day', known_at='day', delay='1 day')": (
        "either known_at or delay",
        "leave delay out",
    ),
    f"training_set({SPINE}, 'labels', key='id', label='churned')": ("'labels'", "ref('churn_labels')"),
}


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    warehouse = MonitoredWarehouse(tmp_path_factory.mktemp("refused") / "house")
    for name, sql in {"made": PREDICTIONS, "balances": BALANCES}.items():
        warehouse.table(name, sql)
    for number, call in enumerate(REFUSED):
        warehouse.model(f"refused_{number}", f"{{% if execute %}}{{{{ scorehouse.{call} }}}}{{% endif %}}")
    return warehouse.build()


@pytest.mark.parametrize("call", REFUSED)
def test_refuses(call: str, refusing: Any) -> None:
    name = f"refused_{list(REFUSED).index(call)}"
    assert refusing.statuses[name] == "error"
    for said in (*REFUSED[call], "Expected:", "What to do:"):
        assert said in refusing.messages[name], refusing.messages[name]
