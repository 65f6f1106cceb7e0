{#- Refuses a SQL model without `scored`. -#}
{% macro _not_scored() %}
    {% do scorehouse._fail(
        "materialized='predictions' on the SQL model " ~ model['name'],
        'no ML model is named',
        'the macro above the select',
        "put scorehouse.scored('<name>', key='<column>') at the top of the model"
    ) %}
{% endmacro %}
