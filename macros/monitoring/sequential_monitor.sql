{#- The select of a monitor with one error rate for life: for every window, the evidence collected so far that a share
    or a mean is beyond its limit. However often one looks, at most `alpha` of unchanged ML models ever raise an
    alert. -#}
{% macro sequential_monitor(source, limits, kind='performance', alpha=0.05, segments=false, options={}) %}
    {% set call = 'sequential_monitor' %}
    {% do scorehouse._check_relation(call, 'source', source, 'churn_performance') %}
    {% do scorehouse._check_choice(call, 'kind', kind, scorehouse._metrics().watched | list, 'performance') %}
    {% do scorehouse._check_share(call, 'alpha', alpha, 'write a share, such as 0.05') %}
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

{{ scorehouse._sequential_alerts(id, alpha) }}

select * from final
{% endmacro %}
