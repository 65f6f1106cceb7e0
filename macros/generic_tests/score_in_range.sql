{% test score_in_range(model, column_name=none, columns=none, min_value=0, max_value=1) %}
    {% set call = 'score_in_range' %}
    {% do scorehouse._check_rules(call, [
        ('columns', columns, (column_name is none) == (columns is none),
            'either the test on one column, or a list `columns` on the model',
            'move the test to a column, or write `columns: [score]`'),
    ]) %}
    {% set scores = scorehouse._column_list(call, 'columns', column_name or columns, 'score') %}
    {% do scorehouse._check_limits(call, min_value, max_value, '`<value>: null`') %}

{#- Every row that is not marked as rejected must have a score. -#}
with predictions as (

    select * from {{ model }}

),

{# The order of the `case` matters: NULL and NaN first, since comparisons with them are unreliable. #}
judged as (

    {%- for name in scores %}
    {%- set score = scorehouse._identifier(name) %}
    select
        *,
        {{ scorehouse._text_literal(name) }} as score_column,
        cast({{ score }} as {{ dbt.type_string() }}) as score_value,
        case
            when row_status = 'rejected' then
                case when {{ score }} is not null then 'score_on_rejected_row' end
            when {{ score }} is null then 'null'
            when not {{ scorehouse._is_finite(score) }} then 'not_finite'
            {%- if min_value is not none %}
            when {{ score }} < {{ scorehouse._double_literal(min_value) }} then 'below_min'
            {%- endif %}
            {%- if max_value is not none %}
            when {{ score }} > {{ scorehouse._double_literal(max_value) }} then 'above_max'
            {%- endif %}
        end as problem
    from predictions
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
