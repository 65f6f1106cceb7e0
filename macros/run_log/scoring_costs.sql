{#- The select of one row per prediction table, ML model and period: what scoring cost, and skipped. -#}
{% macro scoring_costs(runs, period='month') %}
    {% set call = 'scoring_costs' %}
    {% do scorehouse._check_relation(call, 'runs', runs, 'scorehouse_runs') %}
    {% set periods = ['day', 'week', 'month', 'quarter', 'year'] %}
    {% do scorehouse._check_facts(call, [
        (period not in periods, 'period is ' ~ (period | string), 'one of ' ~ periods | join(', '), 'correct the call'),
    ]) %}

{% set bigint, double = dbt.type_bigint(), scorehouse._type_double() %}

with runs as (

    select
        *,
        cast({{ dbt.date_trunc(period, 'started_at') }} as date) as period_start,
        -- versions of one scan read the same rows at the same time: the first of them stands for all
        case when coalesce(is_live, true) then seconds end as own_seconds,
        rows_in + coalesce(rows_unchanged, 0) + coalesce(rows_left, 0) as rows_there,
        -- a change feed shows what changed: apart from a sample, no other row is read
        rows_in + coalesce(rows_left, 0)
        + case when feed_from is null then coalesce(rows_unchanged, 0) else 0 end as rows_read
    from {{ runs }}
    where status <> 'started'

),

costs as (

    select
        prediction_table,
        model_name,
        period_start,
        cast(count(*) as {{ bigint }}) as runs,
        cast(sum(case when status <> 'success' then 1 else 0 end) as {{ bigint }}) as failed_runs,
        cast(coalesce(sum(rows_read), 0) as {{ bigint }}) as rows_read,
        cast(coalesce(sum(rows_scored), 0) as {{ bigint }}) as rows_scored,
        cast(coalesce(sum(rows_rejected), 0) as {{ bigint }}) as rows_rejected,
        cast(coalesce(sum(rows_unchanged), 0) as {{ bigint }}) as rows_skipped,
        cast(coalesce(sum(own_seconds), 0) as {{ double }}) as seconds,
        max(peak_memory_mib) as peak_memory_mib,
        cast(sum(case when backend = 'estimator' then 1 else 0 end) as {{ bigint }}) as runs_by_estimator,
        case when sum(rows_there) > 0 then sum(coalesce(rows_unchanged, 0)) * 1e0 / sum(rows_there) end as skipped_share
    from runs
    group by prediction_table, model_name, period_start

),

final as (

    select
        *,
        case when rows_scored > 0 then seconds * 1e6 / rows_scored end as seconds_per_million_rows
    from costs

)

select * from final
{% endmacro %}
