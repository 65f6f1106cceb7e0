{#- The error that both raise. -#}
{% macro _no_prediction_tables() %}
    {% set name = model['config']['meta'].get('scorehouse', {}).get('ml_model', '<name>') %}
    {% do scorehouse._fail(
        "materialized='predictions' on the model " ~ model['name'],
        'there are no prediction tables on ' ~ target.type,
        'a target of type duckdb, postgres, snowflake, bigquery or spark',
        "select from scorehouse.predict('" ~ name ~ "', relation=ref('<features>')) in a table or view, which is plain"
            ~ ' SQL; the column program of ml_' ~ name ~ ' says for which databases a version is compiled'
    ) %}
{% endmacro %}
