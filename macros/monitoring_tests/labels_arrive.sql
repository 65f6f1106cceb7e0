{% test labels_arrive(model, min_share, after_days, as_of=none) %}
    {% set call = 'labels_arrive' %}
    {% do scorehouse._check_number(call, 'min_share', min_share, 'write a share, such as 0.9', lowest=0, highest=1) %}
    {% do scorehouse._check_number(call, 'after_days', after_days, 'write a number of days, such as 90', lowest=0) %}

select
    ml_model,
    version,
    metric,
    value,
    case when metric = 'labels_arrived' then {{ scorehouse._double_literal(min_share) }} end as threshold,
    window_start,
    window_end,
    n_reference as n_predictions
from {{ model }}
where segment = 'all'
    and n_reference > 0
    and (
        status = 'overdue'
        or metric = 'labels_arrived'
        and {{ dbt.dateadd('day', after_days | int, 'window_end') }} <= {{
            scorehouse._moment(as_of) if as_of else scorehouse._utc_now() }}
        and coalesce(value, 0e0) < {{ scorehouse._double_literal(min_share) }}
    )
{% endtest %}
