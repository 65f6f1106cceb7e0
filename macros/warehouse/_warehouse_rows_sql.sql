{# The rows of the prediction table: passed-through columns, outputs of the compiled SQL, and audit columns. `table` is
   what the last statement of the version reads. #}
{% macro _warehouse_rows_sql(table, scored) %}
    {% set body = scorehouse._warehouse_body(scored['select'], table, scored) %}
    {% set made = get_columns_in_query(body)[scored['keep'] | length:] %}
    {# each date of a history has places of its own #}
    {% set within = scorehouse._quoted(scorehouse._same_but_for_case(scored['key'], scored['as_of'] or '')) %}
    {% set decided = scorehouse._decided_columns(scored['policy'], made + scored['kept'], scored['order'], within) %}
    select
        {{ scored['keep'][:-1] | join(', ') }},
        {%- for column in made %}
        {{ scorehouse._quote(column) }},
        {%- endfor %}
        {%- for column, sql in decided.items() %}
        {{ sql }} as {{ scorehouse._identifier(column) }},
        {%- endfor %}
        {%- if scored['vanished'] == 'flag' %}
        false as is_vanished,
        {%- endif %}
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
