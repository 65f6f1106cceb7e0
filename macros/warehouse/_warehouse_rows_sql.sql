{# The rows of the prediction table: passed-through columns, outputs of the compiled SQL, and audit columns. `table` is
   what the last statement of the version reads. #}
{% macro _warehouse_rows_sql(table, scored) %}
    {% set body = scorehouse._warehouse_body(scored['select'], table, scored) %}
    {% set made = get_columns_in_query(body)[scored['keep'] | length:] %}
    select
        {{ scored['keep'][:-1] | join(', ') }},
        {%- for column in made %}
        {{ scorehouse._quote(column) }},
        {%- endfor %}
        cast('{{ scored['name'] }}' as {{ dbt.type_string() }}) as model_name,
        {{ scored['number'] }} as model_version,
        cast('{{ scored['digest'] }}' as {{ dbt.type_string() }}) as model_digest,
        cast('{{ scored['run_id'] }}' as {{ scorehouse._type_uuid() }}) as scoring_run_id,
        {{ scorehouse._utc_now() }} as scored_at,
        feature_hash
    from (
        {{ body }}
    ) as scored
{% endmacro %}
