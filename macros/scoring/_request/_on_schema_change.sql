{# dbt's setting if the model or its project has it: dbt's own default `ignore` would leave columns out. #}
{% macro _on_schema_change() %}
    {% set setting = config.get('on_schema_change') if 'on_schema_change' in model['unrendered_config'] else none %}
    {% if setting not in [none, 'ignore', 'append_new_columns', 'sync_all_columns', 'fail'] %}
        {% do scorehouse._fail(
            'on_schema_change on the model ' ~ model['name'],
            "it is '" ~ setting ~ "'",
            'ignore, append_new_columns, sync_all_columns or fail',
            'correct the config of the model'
        ) %}
    {% endif %}
    {{ return(setting or '') }}
{% endmacro %}
