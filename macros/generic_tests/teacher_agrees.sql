{% test teacher_agrees(
    model, key, gap, max_share=0.1, columns='score', min_rows=30, student='student', teacher='teacher'
) %}
    {% set call = 'teacher_agrees' %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% set names = scorehouse._column_list(call, 'columns', columns, 'score') %}
    {% do scorehouse._check_number(call, 'gap', gap, 'write a distance of scores, such as 0.1', lowest=0) %}
    {% do scorehouse._check_share(call, 'max_share', max_share, 'write a share, such as 0.1 for one row in ten') %}
    {% do scorehouse._check_number(call, 'min_rows', min_rows, 'ask for at least one row', lowest=1) %}
    {% for name, alias in {'student': student, 'teacher': teacher}.items() %}
        {% do scorehouse._check_text(
            call, name, alias, 'the alias of a version', 'write `' ~ name ~ ': ' ~ name ~ '`'
        ) %}
    {% endfor %}
    {% set double = scorehouse._type_double() %}

{% set keyed = scorehouse._identifiers(keys) | join(', ') %}
{% set of_student = 'model_alias = ' ~ scorehouse._text_literal(student) %}
{% set of_teacher = 'model_alias = ' ~ scorehouse._text_literal(teacher) %}

{#- A row that only one of them scores, or has, is beyond any gap; one that both reject is no row to compare. -#}
with pairs as (

    {% for name in names -%}
    {% set value = 'cast(' ~ scorehouse._identifier(name) ~ ' as ' ~ double ~ ')' -%}
    select
        {{ scorehouse._text_literal(name) }} as column_name,
        max(case when {{ of_student }} then row_status end) as student_status,
        max(case when {{ of_teacher }} then row_status end) as teacher_status,
        abs(
            max(case when {{ of_student }} then {{ value }} end)
            - max(case when {{ of_teacher }} then {{ value }} end)
        ) as distance
    from {{ model }}
    where {{ of_student }} or {{ of_teacher }}
    group by {{ keyed }}
    having max(case when row_status = 'scored' then 1 else 0 end) = 1
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

asked as (

    {{ scorehouse._given_names('column_name', names) }}

),

counted as (

    select
        asked.column_name,
        count(pairs.column_name) as n_rows,
        count(case
            when pairs.student_status = pairs.teacher_status
                and pairs.distance <= {{ scorehouse._double_literal(gap) }} then 1
        end) as n_within,
        avg(pairs.distance) as mean_gap,
        max(pairs.distance) as largest_gap
    from asked
    left join pairs
        on asked.column_name = pairs.column_name
    group by asked.column_name

),

judged as (

    select
        column_name,
        n_rows,
        n_rows - n_within as n_beyond,
        case when n_rows > 0 then (n_rows - n_within) * 1e0 / n_rows end as share_beyond,
        mean_gap,
        largest_gap,
        case
            when n_rows < {{ min_rows }} then 'too_few_rows'
            when n_rows - n_within > n_rows * {{ scorehouse._double_literal(max_share) }} then 'gap_too_large'
        end as problem
    from counted

),

{{ scorehouse._problems_of('judged') }}
{% endtest %}
