{#- The CTE `repeats`: the rows that have the features of another row, and the mean size of the windows that they were
    counted in, each row being as much as any other. -#}
{% macro _drift_repeats(cut) %}
{% set n = 'cast(n_rows as ' ~ scorehouse._type_double() ~ ')' %}
repeats as (

    select
        {{ cut }}, part, feature,
        sum(case when is_current = 1 and kind = 'repeated' then {{ n }} else 0e0 end) as repeated_current,
        sum(case when is_current = 0 and kind = 'repeated' then {{ n }} else 0e0 end) as repeated_reference,
        sum(case when is_current = 1 and kind = 'all' then {{ n }} * {{ n }} end)
        / sum(case when is_current = 1 and kind = 'all' then {{ n }} end) as size_current,
        {#- Registration counts all training rows at once. #}
        coalesce(
            sum(case when is_current = 0 and kind = 'all' then {{ n }} * {{ n }} end)
            / sum(case when is_current = 0 and kind = 'all' then {{ n }} end),
            sum(case when is_current = 0 then {{ n }} end)
        ) as size_reference
    from both_rows
    where feature = {{ scorehouse._all_features() }}
    group by {{ cut }}, part, feature

)
{%- endmacro %}
