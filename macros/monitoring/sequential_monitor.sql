{#- The select of a monitor with one error rate for life: for every window, the evidence collected so far that a share
    or a mean is beyond its limit. However often one looks, at most `alpha` of unchanged ML models ever raise an
    alert. -#}
{% macro sequential_monitor(source, limits, kind='performance', alpha=0.05, segments=false, options={}) %}
    {% set call = 'sequential_monitor' %}
    {% do scorehouse._check_relation(call, 'source', source, 'churn_performance') %}
    {% do scorehouse._check_choice(call, 'kind', kind, scorehouse._metrics().watched | list, 'performance') %}
    {% do scorehouse._check_number(call, 'alpha', alpha, 'write a share, such as 0.05', lowest=0, highest=1) %}
    {% do scorehouse._check_bool(call, 'segments', segments) %}
    {% set known = {'design_effect': 1, 'bounds': {}, 'date_from': none} %}
    {% set options = scorehouse._options(call, 'options', options, known) %}
    {% do scorehouse._check_number(
        call, 'options', options.design_effect, 'write `design_effect: 1`, or more', lowest=1
    ) %}
    {% set series = scorehouse._sequential_series(call, kind, limits, options.bounds) %}

{% set id = 'ml_model, version, segment, feature, metric, side' %}
{#- The run log has none. -#}
{% set zone = 'cast(null as ' ~ dbt.type_string() ~ ')' if kind == 'runs' else 'time_zone' %}
with source_rows as (

    select * from {{ source }}

),

{{ scorehouse._sequential_batches(series, kind, segments, options, zone) }},

{{ scorehouse._sequential_evidence(id) }},

judged as (

    select
        *,
        max(e_value) over (
            partition by {{ id }} order by place rows between unbounded preceding and current row
        ) as highest,
        {#- All series of a version share the error rate. #}
        n_series / {{ scorehouse._double_literal(alpha) }} as needed
    from evidence

),

final as (

    select
        {{ scorehouse._shared_columns(
            'rows_so_far', 'n_rows', has_part=false, feature="nullif(feature, '') as feature",
            status="case when highest >= needed then 'alert' else 'ok' end as status"
        ) }},
        side,
        e_value,
        least(1e0, n_series / highest) as p_value,
        min(case when highest >= needed then window_start end) over (partition by {{ id }}) as alert_since,
        time_zone
    from judged

)

select * from final
{% endmacro %}
