{#- The CTE `repeats`, from `keyed`: per window, the rows that have the features of another row of the window. -#}
{% macro _profile_repeats(cell) %}
copies as (

    select
        {{ cell }},
        count(*) as n_copies
    from keyed
    group by {{ cell }}, row_hash

),

repeats as (

    select
        {{ cell }},
        sum(n_copies) as n_rows,
        sum(case when n_copies > 1 then n_copies else 0 end) as n_repeated
    from copies
    group by {{ cell }}

)
{%- endmacro %}


{#- What all features together are called, where a row has the name of a feature. -#}
{% macro _all_features() %}
    {{ return("'(all features)'") }}
{% endmacro %}
