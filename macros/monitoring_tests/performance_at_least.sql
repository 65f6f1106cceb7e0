{% test performance_at_least(model, metrics, segments=false, latest=false, min_labels=0, require_rows=false) %}
    {% set call = 'performance_at_least' %}
    {% do scorehouse._check_metrics(call, metrics, 'limits by metric', '{roc_auc: 0.7, log_loss: 0.5}') %}
    {% do scorehouse._check_bool(call, 'require_rows', require_rows) %}

{#- For a metric where lower is better, such as log loss, the limit is the highest value allowed. -#}
with measured as (

    {{ scorehouse._mature_rows(call, model, metrics, segments, latest, min_labels) }}

),

limited as (

    select *, {{ scorehouse._case_of('metric', metrics) }} as own_threshold
    from measured

),

{{ scorehouse._certainly_worse('limited', 'judged', 'own_threshold', scorehouse._has_intervals(model)) }},

validation_errors as (

    select
        ml_model,
        version,
        segment,
        metric,
        value,
        own_threshold as threshold,
        window_start,
        window_end,
        n_current,
        'below' as problem
    from judged
    where adjusted_p < 0.01e0
    {%- if require_rows %}

    union all

    select null, null, null, null, null, null, null, null, count(*), 'no_rows'
    from measured
    having count(*) = 0
    {%- endif %}

)

select * from validation_errors
{% endtest %}
