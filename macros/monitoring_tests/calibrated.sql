{% test calibrated(model, max_ece=0.05, segments=false, latest=false, min_labels=200) %}
    {% set call = 'calibrated' %}
    {% do scorehouse._check_number(
        call, 'max_ece', max_ece, 'write a difference of probabilities, such as 0.05', lowest=0, highest=1
    ) %}

with measured as (

    {{ scorehouse._mature_rows(call, model, ['ece'], segments, latest, min_labels) }}

),

{#- With the interval, chance does not count: a perfectly calibrated score has an ECE of 0.06 at 200 labels. #}
{{ scorehouse._certainly_worse(
    'measured', 'judged', scorehouse._double_literal(max_ece), scorehouse._has_intervals(model)
) }},

validation_errors as (

    select
        ml_model,
        version,
        segment,
        metric,
        value,
        {{ scorehouse._double_literal(max_ece) }} as threshold,
        window_start,
        window_end,
        n_current
    from judged
    where adjusted_p < 0.01e0

)

select * from validation_errors
{% endtest %}
