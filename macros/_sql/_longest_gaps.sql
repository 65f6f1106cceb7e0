{#- CTEs `gaps` and `longest` of a relation with one row per day: the days from the day before to each, and the ten
    newest gaps by length. The second longest is what is usual: the longest may be an outage, and it still covers
    weekends. `by` is the column that tells several series apart. -#}
{% macro _longest_gaps(relation, day, by) -%}
gaps as (

    select
        *,
        row_number() over (partition by {{ by }} order by {{ day }} desc) as place,
        {{ dbt.datediff('lead(' ~ day ~ ') over (partition by ' ~ by ~ ' order by ' ~ day ~ ' desc)', day, 'day') }}
            as gap_days
    from {{ relation }}

),

longest as (

    select
        {{ by }},
        gap_days,
        row_number() over (partition by {{ by }} order by gap_days desc) as length_place,
        count(*) over (partition by {{ by }}) as n_gaps
    from gaps
    where place <= 10
        and gap_days is not null

)
{%- endmacro %}
