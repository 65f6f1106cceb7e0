{#- The end of a test: the rows of a CTE that have a problem. -#}
{% macro _problems_of(judged) -%}
validation_errors as (

    select * from {{ judged }}
    where problem is not null

)

select * from validation_errors
{%- endmacro %}
