{#- CTEs that end in `data_faults`: the features of the newest window of each drift table whose values are wrong rather
    than changed, as a load that failed leaves them; training on them would not help. Such are values that are missing,
    unseen, constant, repeated or far away, values beyond the range of training where these are more than a quarter of
    what has moved (another unit), and a mean or spread that no world reaches in one step: what ages gets there in small
    ones. Where windows of training left the range of the others, as those of a counter do, to be beyond it is no
    fault. -#}
{% macro _data_faults(tables, reference) -%}
{%- set known = scorehouse._metrics().drift %}
{%- set limits = {} %}
{%- for name, least in known.fault.items() if least %}
    {%- do limits.update({name: least ~ 'e0'}) %}
{%- endfor %}
{%- set metrics = scorehouse._text_literals(limits.keys() | list) | join(', ') %}
{%- for table in tables %}
{#- Read several times: DuckDB and PostgreSQL would compute a view in it again for each reader; other databases know no
    such word, and decide for themselves. #}
recent_windows_{{ loop.index }} as{{ ' materialized' if target.type in ('duckdb', 'postgres') }} (

    select *
    from (
        select
            *,
            max(window_start) over (partition by ml_model) as newest_start,
            dense_rank() over (partition by ml_model, version order by window_start desc) as window_age,
            dense_rank() over (partition by ml_model, version order by window_start) as window_place
        from {{ scorehouse._named(table, 'all_rows') }}
    ) as placed
    where window_start is null
        or window_start = newest_start
        or (window_age <= {{ known.windows }} and metric in ({{ metrics }}))

),

newest_window_{{ loop.index }} as (

    select * from recent_windows_{{ loop.index }}
    where window_start is null
        or window_start = newest_start

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
shifts as (

    {%- for table in tables %}
    select
        {{ loop.index }} as table_place, ml_model, version, feature, metric, value, window_place,
        {{ scorehouse._case_of('metric', limits) }} as least,
        window_place + window_age - 1 >= {{ known.windows }} as is_cut,
        max(value) over (
            partition by ml_model, version, feature, metric order by window_start
            rows between {{ known.step_over }} preceding and 1 preceding
        ) as reached_before
    from recent_windows_{{ loop.index }}
    where segment = 'all'
        and part = 'feature'
        and metric in ({{ metrics }})
        and status in ('ok', 'small_drift', 'drift')
        and value is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{#- A step of half the limit over the largest of the windows before, or a first window, since they began to be beyond
    the limit. So neither a single low window nor a swing of the week is a step; nor, on purpose, is what took several
    windows to get there (0.1, 1.2, 2.4, 2.6), which may be ageing. Windows within the limit, but fewer than are
    compared, end nothing. Where a history is cut off, nobody knows what was before its first window. #}
sudden as (

    select table_place, ml_model, version, feature, metric
    from shifts
    where value >= least
    group by table_place, ml_model, version, feature, metric
    having
        max(case when value - reached_before >= least / 2e0 or (reached_before is null and not is_cut)
            then window_place end)
        >= max(case when coalesce(reached_before, 0e0) < least then window_place else 0 end)

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
