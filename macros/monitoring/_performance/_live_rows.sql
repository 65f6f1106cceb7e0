{#- CTEs up to `live`: one prediction per key, with its label as `scorehouse_label`, which is NULL without
    labels. -#}
{% macro _live_rows(predictions, labels, spec) %}
{%- set has_challengers = 'is_live' in scorehouse._existing_columns(predictions) | map('lower') %}
predictions as (

    select * from {{ predictions }}
    {#- Nobody acted on a challenger's predictions: `compare_metric` judges them. #}
    {%- if has_challengers and labels is not none %}
    where is_live
    {%- endif %}

),

{% if labels is not none -%}
labels as (

    select * from {{ labels }}

),

{#- If a key has several predictions: the last one that was made before the label was known; `<= 1` below, as
    PostgreSQL would expect few rows of `= 1`, and join them row by row. -#}
versions_of_row as (

    select
        predictions.*,
        labels.{{ spec.label }} as scorehouse_label,
        {%- if spec.label_time %}
        labels.{{ spec.label_time }} as scorehouse_label_time,
        {%- endif %}
        row_number() over (
            partition by {% for name in spec.key %}predictions.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
            order by predictions.scored_at desc
        ) as scorehouse_place
    from predictions
    left join labels
        on {{ scorehouse._same('predictions', 'labels', spec.key) }}
    {%- if spec.label_time %}
    where labels.{{ spec.label_time }} is null
        or predictions.scored_at <= labels.{{ spec.label_time }}
    {%- endif %}

),

live as (

    select * from versions_of_row
    where scorehouse_place <= 1

)
{%- else -%}
{%- set is_flag, is_text = spec.positive is boolean, spec.positive is string -%}
{#- in the type of the class that it is compared with -#}
{%- set kind = dbt.type_boolean() if is_flag else dbt.type_string() if is_text else scorehouse._type_double() -%}
live as (

    select
        *,
        cast(null as {{ kind }}) as scorehouse_label
    from predictions

)
{%- endif %}
{%- endmacro %}
