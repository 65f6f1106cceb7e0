{% test replay_agrees(model, min_rows=1) %}
    {% do scorehouse._check_number('replay_agrees', 'min_rows', min_rows, 'ask for at least one row', 1) %}

with replays as (

    select * from {{ model }}

),

judged as (

    select
        *,
        case
            when rows_different > 0 then 'different'
            when rows_compared < {{ min_rows }} then 'too_few_rows'
        end as problem
    from replays

),

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endtest %}
