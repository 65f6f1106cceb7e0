{% test reasons_add_up(model, tolerance=1e-9) %}
    {% do scorehouse._check_number(
        'reasons_add_up', 'tolerance', tolerance, 'write a small number, such as 1e-9', lowest=0
    ) %}

{#- A row without reasons was not asked for. A NULL contribution is that of no feature, and adds nothing. -#}
with predictions as (

    select * from {{ model }}

),

summed as (
    {%- for one in scorehouse._reason_sets('reasons_add_up', model) %}
    {%- set base = scorehouse._identifier('reason_base' ~ one.ending) %}
    {%- set rest = scorehouse._identifier('reason_rest' ~ one.ending) %}
    {%- set total = scorehouse._identifier('reason_total' ~ one.ending) %}

    select
        *,
        {{ scorehouse._text_literal(one.ending) }} as reason_ending,
        {{ scorehouse._identifier(one.status) }} as reason_status,
        case
            when {{ base }} is not null or {{ rest }} is not null or {{ total }} is not null then 'some'
            when {{ one.parts | join(' is not null or ') }} is not null then 'incomplete'
            else 'none'
        end as reason_presence,
        {{ total }} as reason_aim,
        {{ base }} + {{ rest }}
        {%- for part in one.parts %}
            + coalesce({{ part }}, 0e0)
        {%- endfor %} as reason_sum,
        1e0 + abs({{ base }}) + abs({{ total }})
        {%- for part in one.parts %}
            + abs(coalesce({{ part }}, 0e0))
        {%- endfor %} as reason_scale
    from predictions
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

judged as (

    select
        *,
        case
            when reason_presence <> 'some' then nullif(reason_presence, 'none')
            when reason_sum is null or reason_aim is null then 'incomplete'
            when reason_status = 'rejected' then 'reasons_of_rejected_row'
            when not {{ scorehouse._is_finite('reason_sum') }} then 'not_finite'
            when abs(reason_sum - reason_aim) > {{ scorehouse._double_literal(tolerance) }} * reason_scale
                then 'sum_is_not_total'
        end as problem
    from summed

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
