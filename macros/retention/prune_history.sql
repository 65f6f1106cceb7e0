{#- Deletes old as-of dates from a prediction history, in one transaction; by default it only says how many rows
    it would delete. A date that the feature table still has would be scored again by the next run. -#}
{% macro prune_history(table, older_than_days=none, as_of='as_of', dry_run=true) %}
    {% set call = 'prune_history' %}
    {% set days = scorehouse._retention_days(
        call, older_than_days, 'scorehouse_history_retention_days', var('scorehouse_history_retention_days', none)
    ) %}
    {% do scorehouse._check_bool(call, 'dry_run', dry_run) %}
    {% set relation = scorehouse._history_relation(call, table, as_of) %}
    {% set condition = adapter.quote(as_of) ~ ' < ' ~ scorehouse._days_ago(days) %}
    {{ return(scorehouse._prune(
        relation, condition, 'rows with ' ~ as_of ~ ' older than ' ~ days ~ ' days', dry_run
    )) }}
{% endmacro %}

{#- The table of a model of this project, which has to be a prediction history. -#}
{% macro _history_relation(call, table, as_of) %}
    {% set nodes = [] %}
    {% if execute %}
        {% for node in graph.nodes.values() if node.resource_type == 'model' and node.name == table %}
            {% do nodes.append(node) %}
        {% endfor %}
        {% set relation = adapter.get_relation(nodes[0].database, nodes[0].schema, nodes[0].alias) if nodes %}
        {% if not relation %}
            {% do scorehouse._argument_error(
                call, 'table', table, 'the name of a model of this project that is built',
                'correct the name, or build the model first'
            ) %}
        {% endif %}
        {% set columns = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
        {% if as_of not in columns or 'scoring_run_id' not in columns %}
            {% do scorehouse._argument_error(
                call, 'as_of', as_of, 'the column of as-of dates of a prediction history; ' ~ table ~ ' has '
                ~ columns | join(', '),
                'name its column, as the model does in `as_of`; no other table is pruned'
            ) %}
        {% endif %}
        {{ return(relation) }}
    {% endif %}
{% endmacro %}
