{#- What tells the bins of one column from each other, in a row of a profile. -#}
{% macro _bin_key() -%}
    case
            when kind = 'numeric' then cast(bin as {{ dbt.type_string() }})
            when kind in ('category', 'unseen') then 'c:' || coalesce(category, '')
            else kind
        end
{%- endmacro %}
