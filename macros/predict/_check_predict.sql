{#- Refuses arguments of `predict` that cannot be used. -#}
{% macro _check_predict(name, relation, version, keep, macro_called='predict') %}
    {% if name is not string or not name %}
        {% do scorehouse._argument_error(
            macro_called, 'name', name,
            'the name of a registered ML model',
            "write `scorehouse." ~ macro_called ~ "('churn', relation=ref('customer_features'))`"
        ) %}
    {% endif %}
    {% if version is not none and version is not integer %}
        {% do scorehouse._argument_error(
            macro_called, 'version', version, 'the number of a version', 'name it, or an alias'
        ) %}
    {% endif %}
    {#- A relation is a mapping; a string names a CTE of the same model, whose columns only its author
        knows. -#}
    {% if relation is string and keep is none %}
        {% do scorehouse._argument_error(
            macro_called, 'keep', keep,
            'the columns to keep, since the columns of a CTE cannot be looked up',
            "write `keep=['customer_id']`, or pass a ref"
        ) %}
    {% elif relation is not string and relation is not mapping %}
        {% do scorehouse._argument_error(
            macro_called, 'relation', relation, 'a relation, or the name of a CTE',
            "write `relation=ref('customer_features')`"
        ) %}
    {% endif %}
{% endmacro %}
