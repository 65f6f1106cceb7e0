{% test feature_in_categories(model, column_name, type, values) %}
    {% set call = 'feature_in_categories' %}
    {% do scorehouse._check_feature_type(call, type) %}
    {% do scorehouse._check_rules(call, [
        ('values', values, values is string or values is mapping or values is not sequence or not values,
            'a list of values', "write `values: ['basic', 'plus']`"),
    ]) %}
    {% set column = scorehouse._feature_column(call, model, column_name, type) %}
    {% if column is none %}
        {{ return(scorehouse.test_feature_has_type(model, column_name, type)) }}
    {% endif %}
    {% set value = 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' if type == 'string' else column %}

{#- NULL passes: use `feature_not_null` to forbid it. -#}
select
    {{ value }} as category,
    count(*) as n_rows
from {{ model }}
where {{ value }} not in (
    {%- for category in values %}
    {{ scorehouse._literal(category) }}{{ ',' if not loop.last }}
    {%- endfor %}
)
group by {{ value }}
{% endtest %}
