{#- The columns that a table of findings begins with; windows are none of runs, but where `run_id` says so. -#}
{% macro _shared_columns(n_reference, n_current, has_part=true, feature='feature', status='status', run_id=none) -%}
        {{ run_id or 'cast(null as ' ~ dbt.type_string() ~ ')' }} as run_id,
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


{#- The column `feature` of a table of outputs: which one it is about, NULL where there is one. -#}
{% macro _feature_of_output(spec) %}
    {% set name = scorehouse._text_literal(spec.output) if spec.output else 'null' %}
    {{ return('cast(' ~ name ~ ' as ' ~ dbt.type_string() ~ ') as feature') }}
{% endmacro %}
