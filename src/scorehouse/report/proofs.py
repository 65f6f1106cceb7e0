"""SQL that recomputes a drift number from the counts in the profile and the reference."""

from __future__ import annotations

from scorehouse.dialect import DUCKDB
from scorehouse.report.gather import ModelData
from scorehouse.report.warehouse import Row

COUNTS = """with reference as (

    select
        kind,
        {key} as bin_key,
        row_count as n
    from {reference}
    where version = {version}
        and part = {part}
        and name = {feature}
        and kind in ('numeric', 'category', 'other', 'missing')

),

current as (

    select
        kind,
        {key} as bin_key,
        sum(row_count) as n,
        sum(n_below + n_above) as n_outside
    from {profiles}
    where ml_model = {model}
        and version = {version}
        and part = {part}
        and feature = {feature}
        and segment = {segment}
        and window_start >= timestamp '{start}'
        and window_end <= timestamp '{end}'
    group by all

)"""
KEY = """case kind
            when 'numeric' then cast(bin as varchar)
            when 'category' then 'c:' || coalesce(category, '')
            when 'unseen' then 'c:' || coalesce(category, '')
            else kind
        end"""
VALUES = {
    "psi": """,

counted as (

    select
        coalesce(reference.bin_key, current.bin_key) as bin_key,
        coalesce(reference.kind, current.kind) = 'numeric' as is_number,
        coalesce(reference.n, 0) as a,
        coalesce(current.n, 0) as b
    from (select * from reference where kind <> 'missing') as reference
    full join (select * from current where kind not in ('missing', 'all')) as current
        on reference.bin_key = current.bin_key

),

placed as (

    select
        *,
        sum(a) over () as n,
        sum(b) over () as m,
        row_number() over (order by a desc, bin_key) as place
    from counted

),

shares as (

    select
        sum(a) / any_value(n) as p,
        sum(b) / any_value(m) as q
    from placed
    group by case
        when is_number or place = 1 or (
            place * (1 / n + 1 / m) <= 0.05 and a >= 10 and a / n * m >= 10 and bin_key <> 'other'
        ) then bin_key
        else 'rare'
    end

)

select sum((case when q = 0 then 1e-4 else q end - case when p = 0 then 1e-4 else p end)
    * ln(case when q = 0 then 1e-4 else q end / case when p = 0 then 1e-4 else p end)) as psi
from shares""",
    "missing_share": """

select sum(n) filter (where kind = 'missing') / sum(n) filter (where kind <> 'all') as missing_share
from current""",
    "out_of_range_share": """

select
    sum(n_outside) filter (where kind = 'all')
    / sum(n) filter (where kind not in ('all', 'missing')) as out_of_range_share
from current""",
    "repeated_share": """

select sum(n) filter (where kind = 'repeated') / sum(n) filter (where kind <> 'all') as repeated_share
from current""",
    "unseen_share": """

select
    sum(n) filter (where bin_key not in (select bin_key from reference where n > 0))
    / sum(n) as unseen_share
from current
where kind not in ('all', 'missing')""",
}


def drift_sql(data: ModelData, row: Row) -> str | None:
    """SQL for the metric of a drift row, from counts; None when the counts are not available."""
    if not data.profiles or data.reference_table is None or row["metric"] not in VALUES:
        return None
    counts = COUNTS.format(
        key=KEY,
        reference=data.reference_table.quoted,
        profiles=data.profiles[0].quoted,
        version=row["version"],
        model=DUCKDB.literal(data.name),
        start=row["window_start"],
        end=row["window_end"],
        **{name: DUCKDB.literal(row[name]) for name in ("part", "feature", "segment")},
    )
    return counts + VALUES[row["metric"]]
