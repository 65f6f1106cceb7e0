{% test calibrated(model, max_ece=0.05, segments=false, latest=false, min_labels=200) %}
    {% set call = 'calibrated' %}
    {% do scorehouse._check_number(
        call, 'max_ece', max_ece, 'write a difference of probabilities, such as 0.05', lowest=0, highest=1
    ) %}

with measured as (

    {{ scorehouse._mature_rows(call, model, ['ece'], segments, latest, min_labels) }}

),

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
    from measured
    {#- With the interval, chance does not count: a perfectly calibrated score has an ECE of 0.06 at 200 labels. #}
    where {{ scorehouse._best_end(scorehouse._has_intervals(model)) }} > {{ scorehouse._double_literal(max_ece) }}

)

select * from validation_errors
{% endtest %}
