{% macro _no_prediction_tables() %}
    {% set name = model['config']['meta'].get('scorehouse', {}).get('ml_model', '<name>') %}
    {% do exceptions.raise_compiler_error(
        "materialized='predictions' on the model " ~ model['name'] ~ ": there are no prediction tables on "
        ~ target.type ~ ".\n  Expected: a target of type duckdb, postgres or spark.\n  What to do: select from"
        ~ " scorehouse.predict('" ~ name ~ "', relation=ref('<features>')) in a table or view, which is plain SQL;"
        ~ " the column forms of ml_" ~ name ~ " says for which databases a version is compiled."
    ) %}
{% endmacro %}
