{#- Each label with the prediction that was live when the labelled event happened: the newest prediction of
    its key whose as-of date is not later. A label without one keeps its row, with NULL in the prediction's
    columns. -#}
{% macro live_predictions(predictions, labels, key, label_time, as_of='as_of', max_age_days=none) %}
    {% set call = 'live_predictions' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_history_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% do scorehouse._column_list(call, 'label_time', label_time, 'churned_at') %}
    {% do scorehouse._column_list(call, 'as_of', as_of, 'as_of') %}
    {% do scorehouse._check_number(
        call, 'max_age_days', max_age_days, 'write a number of days, such as 90', lowest=0, optional=true
    ) %}

{% set keys = scorehouse._identifiers(keys) %}
{% set label_time, as_of = scorehouse._identifier(label_time), scorehouse._identifier(as_of) %}
{% set columns, label_columns = scorehouse._existing_columns(predictions), scorehouse._existing_columns(labels) %}
{% set taken = label_columns | map('lower') | list %}
with predictions as (

    select * from {{ predictions }}
    {%- if 'is_live' in columns | map('lower') %}
    where is_live
    {%- endif %}

),

labels as (

    select * from {{ labels }}

),

matched as (

    select
        labels.*,
        {%- for column in columns if column | lower not in taken %}
        predictions.{{ scorehouse._quote(column) }},
        {%- endfor %}
        row_number() over (
            partition by {% for name in keys %}labels.{{ name }}, {% endfor %}labels.{{ label_time }}
            order by predictions.{{ as_of }} desc nulls last
        ) as scorehouse_nearness
    from labels
    left join predictions
        on {{ scorehouse._same('labels', 'predictions', keys) }}
        and predictions.{{ as_of }} <= labels.{{ label_time }}
        {%- if max_age_days is not none %}
        and predictions.{{ as_of }} >= {{ dbt.dateadd(
            'second', -((max_age_days * 86400) | round | int), 'labels.' ~ label_time
        ) }}
        {%- endif %}

),

final as (

    select
        {% for column in label_columns %}{{ scorehouse._quote(column) }}, {% endfor %}
        {%- for column in columns if column | lower not in taken %}
        {{ scorehouse._quote(column) }}{{ ',' if not loop.last }}
        {%- else %}
        *
        {%- endfor %}
    from matched
    where scorehouse_nearness = 1

)

select * from final
{% endmacro %}
