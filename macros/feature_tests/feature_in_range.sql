{% test feature_in_range(
    model, column_name, min_value=none, max_value=none, allow_nan=false, max_share=0, training_rows=none
) %}
    {% set call = 'feature_in_range' %}
    {% do scorehouse._check_limits(call, min_value, max_value, 'leave `<value>` out') %}
    {% do scorehouse._check_rules(call, [
        ('min_value', min_value, min_value is none and max_value is none, 'at least one limit',
            'pass min_value, max_value or both'),
    ]) %}
    {% do scorehouse._check_bool(call, 'allow_nan', allow_nan) %}
    {% do scorehouse._check_share(call, 'max_share', max_share, 'write a share of rows, such as 0.01') %}
    {% do scorehouse._check_number(
        call, 'training_rows', training_rows, 'write the number of training rows, or leave it out', lowest=1,
        optional=true
    ) %}
    {% set column = scorehouse._feature_column(call, model, column_name, 'double') %}
    {% if column is none %}
        {{ return(scorehouse.test_feature_has_type(model, column_name, 'double')) }}
    {% endif %}

{#- NULL passes: use `not_null` to forbid it. A new row may exceed the range of training by chance, so with
    `training_rows` more rows than chance explains are needed, as in a drift table. -#}
with features as (

    select
        *,
        cast({{ column }} as {{ scorehouse._type_double() }}) as feature_value
    from {{ model }}

),

{# The order of the `case` matters: NaN first, since comparisons with it are unreliable. #}
judged as (

    select
        *,
        case
            when feature_value is null then null
            when {{ scorehouse._is_nan('feature_value') }} then {{ 'null' if allow_nan else "'nan'" }}
            {{ 'when feature_value < ' ~ scorehouse._double_literal(min_value) ~ " then 'below_min'"
                if min_value is not none }}
            {{ 'when feature_value > ' ~ scorehouse._double_literal(max_value) ~ " then 'above_max'"
                if max_value is not none }}
        end as problem
    from features

)

select * from judged
where problem = 'nan'
    or (problem is not null and exists (
        select 1
        from (
            select
                sum(case when problem in ('below_min', 'above_max') then 1e0 else 0e0 end) as n_outside,
                cast(count(feature_value) as {{ scorehouse._type_double() }}) as n_rows
            from judged
        ) as counted
        where n_outside > {{ scorehouse._double_literal(max_share) }} * n_rows
            {%- if training_rows is not none %}
            and {{ scorehouse._outside_exponent(
                'n_outside', 'n_rows', scorehouse._double_literal(training_rows)
            ) }} > {{ scorehouse._double_literal(4.605170185988091) }}  -- p below 0.01
            {%- endif %}
    ))
{% endtest %}
