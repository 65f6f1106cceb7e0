{% test labels_arrive(model, min_share, after_days, as_of=none) %}
    {% set call = 'labels_arrive' %}
    {% do scorehouse._check_number(
        call, 'min_share', min_share, 'write a share, such as 0.9', lowest=0, highest=1
    ) %}
    {% do scorehouse._check_number(call, 'after_days', after_days, 'write a number of days, such as 90', lowest=0) %}

{% set now = scorehouse._moment(as_of) if as_of else scorehouse._utc_now() %}

with arrivals as (

    select * from {{ model }}
    where metric = 'labels_arrived'
        and segment = 'all'

),

validation_errors as (

    select
        ml_model,
        version,
        metric,
        value,
        {{ scorehouse._double_literal(min_share) }} as threshold,
        window_start,
        window_end,
        n_reference as n_predictions
    from arrivals
    where {{ dbt.dateadd('day', after_days | int, 'window_end') }} <= {{ now }}
        and n_reference > 0
        and (value is null or value < {{ scorehouse._double_literal(min_share) }})

)

select * from validation_errors
{% endtest %}
