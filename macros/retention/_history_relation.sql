{#- The table of a model of this project; it must be a prediction history. -#}
{% macro _history_relation(call, table, as_of) %}
    {% if execute %}
        {% set models = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') %}
        {% set nodes = models | selectattr('name', 'equalto', table) | list %}
        {% set relation = adapter.get_relation(nodes[0].database, nodes[0].schema, nodes[0].alias) if nodes %}
        {% do scorehouse._check_rules(call, [
            ('table', table, not relation, 'the name of a model of this project whose table exists',
                'correct the name, or build the model first'),
        ]) %}
        {% set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
        {% do scorehouse._check_rules(call, [
            ('as_of', as_of, as_of not in columns or 'scoring_run_id' not in columns,
                'the column of as-of dates of a prediction history; ' ~ table ~ ' has ' ~ columns | join(', '),
                'name the column that the model has in `as_of`; other tables are not pruned'),
        ]) %}
        {{ return(relation) }}
    {% endif %}
{% endmacro %}
