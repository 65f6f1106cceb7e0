{#- The columns that a table of findings begins with; windows are none of runs. -#}
{% macro _shared_columns(n_reference, n_current, has_part=true, feature='feature', status='status') -%}
        cast(null as {{ dbt.type_string() }}) as run_id,
        ml_model,
        cast(version as {{ dbt.type_int() }}) as version,
        {{ 'part,' if has_part }}
        {{ feature }},
        segment,
        metric,
        window_start,
        window_end,
        value,
        threshold,
        {{ status }},
        cast({{ n_reference }} as {{ dbt.type_bigint() }}) as n_reference,
        cast({{ n_current }} as {{ dbt.type_bigint() }}) as n_current
{%- endmacro %}
