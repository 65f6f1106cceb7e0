{#- CTEs that end in `data_faults`: the features of the newest window of each drift table whose values are wrong rather
    than changed, as a load that failed leaves them; training on them would not help. Such are values that are missing,
    unseen, constant, repeated or far away, values beyond the range of training where these are more than a quarter of
    what has moved (another unit), and a mean or spread that no world reaches from one window to the next: what ages
    gets there in small steps. Where windows of training left the range of the others, as those of a counter do, to be beyond
    it is no fault. -#}
{% macro _data_faults(tables, reference) -%}
{%- set known = scorehouse._metrics().drift %}
{%- set limits = {} %}
{%- for name, least in known.fault.items() if least %}
    {%- do limits.update({name: least ~ 'e0'}) %}
{%- endfor %}
{%- for table in tables %}
{#- Read several times: DuckDB and PostgreSQL would compute a view in it again for each reader; other databases know no
    such word, and decide for themselves. #}
newest_window_{{ loop.index }} as{{ ' materialized' if target.type in ('duckdb', 'postgres') }} (

    {{ scorehouse._latest_rows(table, true) }}

),

{% endfor -%}
{% if reference -%}
growing as (

    select distinct
        version,
        name as feature
    from {{ reference }}
    where part = 'feature'
        and kind = 'window'
        and {{ dbt.split_part('category', "' '", 2) }} = 'out_of_range_share'
        and upper > {{ known.thresholds.out_of_range_share }}e0

),

{% endif -%}
numbered_shifts as (

    {%- for table in tables %}
    select
        {{ loop.index }} as table_place, ml_model, version, feature, metric, value,
        {{ scorehouse._case_of('metric', limits) }} as least,
        lag(value) over (partition by ml_model, version, feature, metric order by window_start) as value_before,
        row_number() over (partition by ml_model, version, feature, metric order by window_start) as window_place
    from {{ scorehouse._named(table, 'all_rows') }}
    where segment = 'all'
        and part = 'feature'
        and metric in ({{ scorehouse._text_literals(limits.keys() | list) | join(', ') }})
        and value is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{#- A step of half the limit, or the first window, since the last window that was within it. #}
sudden as (

    select table_place, ml_model, version, feature, metric
    from numbered_shifts
    group by table_place, ml_model, version, feature, metric
    having
        max(case when value >= least and (value_before is null or value - value_before >= least / 2e0)
            then window_place end)
        > coalesce(max(case when value < least then window_place end), 0)

),

fault_rows as (

    {%- for table in tables %}
    select
        newest.ml_model,
        newest.version,
        newest.feature,
        newest.metric,
        newest.status,
        newest.value,
        sudden.metric as sudden_metric,
        max(case when newest.metric = 'tvd' then newest.value end)
            over (partition by newest.ml_model, newest.version, newest.feature) as moved_share
        {{- ',\n        growing.feature as growing_feature' if reference }}
    from newest_window_{{ loop.index }} as newest
    left join sudden
        on {{ scorehouse._same('newest', 'sudden', ['ml_model', 'version', 'feature', 'metric']) }}
        and sudden.table_place = {{ loop.index }}
    {%- if reference %}
    left join growing
        on {{ scorehouse._same('newest', 'growing', ['version', 'feature']) }}
    {%- endif %}
    where newest.segment = 'all'
        and newest.part = 'feature'
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

faults as (

    select distinct
        ml_model,
        version,
        feature,
        metric || ' of ' || feature as fault
    from fault_rows
    where status = 'drift'
        and (
            (
                metric = 'out_of_range_share'
                and value > {{ known.outside_fault }}e0 * coalesce(moved_share, value)
                {{- '\n                and growing_feature is null' if reference }}
            )
            {%- for name, least in known.fault.items() %}
            or (metric = '{{ name }}' and value >= {{ least }}e0{{ ' and sudden_metric is not null' if least }})
            {%- endfor %}
        )

),

data_faults as (

    select
        ml_model,
        version,
        {{ scorehouse._listed('fault') }} as faults
    from faults
    group by ml_model, version

),
{%- endmacro %}
