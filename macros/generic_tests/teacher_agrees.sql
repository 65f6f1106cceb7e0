{% test teacher_agrees(
    model, key, gap, max_share=0.1, columns='score', min_rows=30, student='student', teacher='teacher'
) %}
    {% set call = 'teacher_agrees' %}
    {% set keys = scorehouse._column_list(call, 'key', key, 'customer_id') %}
    {% set names = scorehouse._column_list(call, 'columns', columns, 'score') %}
    {% do scorehouse._check_number(call, 'gap', gap, 'write a distance of scores, such as 0.1', lowest=0) %}
    {% do scorehouse._check_number(
        call, 'max_share', max_share, 'write a share, such as 0.1 for one row in ten', lowest=0, highest=1
    ) %}
    {% do scorehouse._check_number(call, 'min_rows', min_rows, 'ask for at least one row', lowest=1) %}
    {% for name, alias in {'student': student, 'teacher': teacher}.items() %}
        {% if alias is not string or not alias %}
            {% do scorehouse._argument_error(
                call, name, alias, 'the alias of a version', 'write `' ~ name ~ ': ' ~ name ~ '`'
            ) %}
        {% endif %}
    {% endfor %}
    {% set double = scorehouse._type_double() %}

with students as (

    select * from {{ model }}
    where model_alias = {{ scorehouse._text_literal(student) }}

),

teachers as (

    select * from {{ model }}
    where model_alias = {{ scorehouse._text_literal(teacher) }}

),

{#- A row that only one of them scores is beyond any gap; one that both reject is no row to compare. -#}
pairs as (

    {% for name in names -%}
    select
        {{ scorehouse._text_literal(name) }} as column_name,
        students.row_status as student_status,
        teachers.row_status as teacher_status,
        abs(
            cast(students.{{ scorehouse._identifier(name) }} as {{ double }})
            - cast(teachers.{{ scorehouse._identifier(name) }} as {{ double }})
        ) as distance
    from students
    inner join teachers
        on {{ scorehouse._same('students', 'teachers', scorehouse._identifiers(keys)) }}
    where students.row_status = 'scored' or teachers.row_status = 'scored'
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

asked as (

    {% for name in names -%}
    select {{ scorehouse._text_literal(name) }} as column_name
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counted as (

    select
        asked.column_name,
        count(pairs.student_status) as n_rows,
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

validation_errors as (

    select * from judged
    where problem is not null

)

select * from validation_errors
{% endtest %}
