{% test no_sequential_alert(model, metrics=none) %}
    {% set call = 'no_sequential_alert' %}
    {% set names = scorehouse._column_list(call, 'metrics', metrics, 'accuracy') if metrics is not none else [] %}

{#- One row per series that has ever raised an alert: its newest window. -#}
with windows as (

    select
        *,
        row_number() over (
            partition by ml_model, version, feature, segment, metric, side order by window_start desc
        ) as age
    from {{ model }}
    {%- if names %}
    where metric in ({{ scorehouse._text_literals(names) | join(', ') }})
    {%- endif %}

)

select * from windows
where age = 1
    and status = 'alert'
{% endtest %}
