{% test reasons_add_up(model, tolerance=1e-9) %}
    {% do scorehouse._check_number(
        'reasons_add_up', 'tolerance', tolerance, 'write a small number, such as 1e-9', lowest=0
    ) %}

    {{ return(adapter.dispatch('test_reasons_add_up', 'scorehouse')(model, tolerance)) }}
{% endtest %}

{#- A row without reasons was not asked for. A NULL contribution is that of no feature, and adds nothing. -#}
{% macro default__test_reasons_add_up(model, tolerance) %}
{% set contributions = scorehouse._contribution_columns('reasons_add_up', model) %}

with predictions as (

    select * from {{ model }}

),

summed as (

    select
        *,
        reason_base + reason_rest
        {%- for contribution in contributions %}
            + coalesce({{ contribution }}, 0e0)
        {%- endfor %} as reason_sum,
        1e0 + abs(reason_base) + abs(reason_total)
        {%- for contribution in contributions %}
            + abs(coalesce({{ contribution }}, 0e0))
        {%- endfor %} as reason_scale
    from predictions

),

judged as (

    select
        *,
        case
            when reason_base is null and reason_rest is null and reason_total is null
                then case when {{ contributions | join(' is not null or ') }} is not null then 'incomplete' end
            when reason_sum is null or reason_total is null then 'incomplete'
            when row_status = 'rejected' then 'reasons_of_rejected_row'
            when not {{ scorehouse._is_finite('reason_sum') }} then 'not_finite'
            when abs(reason_sum - reason_total) > {{ scorehouse._double_literal(tolerance) }} * reason_scale
                then 'sum_is_not_total'
        end as problem
    from summed

),

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endmacro %}
