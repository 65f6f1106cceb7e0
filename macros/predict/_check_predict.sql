{#- Refuses arguments of `predict` that cannot be used. -#}
{% macro _check_predict(name, relation, version, keep, macro_called='predict') %}
    {% do scorehouse._check_text(
        macro_called, 'name', name, 'the name of a registered ML model',
        "write `scorehouse." ~ macro_called ~ "('churn', relation=ref('customer_features'))`"
    ) %}
    {#- A relation is a mapping; a string names a CTE of the same model, whose columns only its author
        knows. -#}
    {% do scorehouse._check_rules(macro_called, [
        ('version', version, version is not none and version is not integer,
            'the number of a version', 'name it, or an alias'),
        ('keep', keep, relation is string and keep is none,
            'the columns to keep, since the columns of a CTE cannot be looked up',
            "write `keep=['customer_id']`, or pass a ref"),
        ('relation', relation, relation is not string and relation is not mapping,
            'a relation, or the name of a CTE', "write `relation=ref('customer_features')`"),
    ]) %}
{% endmacro %}
