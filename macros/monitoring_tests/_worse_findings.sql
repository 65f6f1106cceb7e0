{#- The rows of a performance table whose metric is certainly worse than its limit: for a metric where lower is better,
    such as log loss, the highest value allowed. -#}
{% macro _worse_findings(call, model, limits, segments, latest, min_labels, require_rows=false) %}
with measured as (

    {{ scorehouse._mature_rows(call, model, limits, segments, latest, min_labels) }}

),

limited as (

    select *, {{ scorehouse._case_of('metric', limits) }} as own_threshold
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
        {{ "'above'" if call == 'calibrated' else "'below'" }} as problem
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
{% endmacro %}
