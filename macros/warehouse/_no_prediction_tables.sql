{#- Stops where there are no prediction tables, and says what to do there. -#}
{% macro _no_prediction_tables() %}
    {% set name = model['config']['meta'].get('scorehouse', {}).get('ml_model', '<name>') %}
    {% do scorehouse._fail(
        "materialized='predictions' on the model " ~ model['name'],
        'there are no prediction tables ' ~ ('of Python models ' if model['language'] == 'python') ~ 'on '
            ~ target.type,
        'an SQL model on duckdb, postgres, snowflake, bigquery or spark, or a Python model on duckdb or spark',
        "select from scorehouse.predict('" ~ name ~ "', relation=ref('<features>')) in a table or view, which is plain"
            ~ ' SQL; the column program of ml_' ~ name ~ ' says for which databases a version is compiled'
    ) %}
{% endmacro %}
