{% macro _not_scored() %}
    {% do exceptions.raise_compiler_error(
        "materialized='predictions' on the SQL model " ~ model['name']
        ~ ": no ML model is named. Expected: the macro above the select. "
        ~ "What to do: put scorehouse.scored('<name>', key='<column>') at the top of the model."
    ) %}
{% endmacro %}
