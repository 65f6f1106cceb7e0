{#- Whether a table is there that a monitor reads to write its SQL. While dbt parses there is no connection, and what
    only compiles is never built; a command that builds is refused without it. -#}
{% macro _is_loaded(call, argument, relation) %}
    {% if not execute or relation.is_cte %}
        {{ return(false) }}
    {% elif load_relation(relation) is not none %}
        {{ return(true) }}
    {% elif flags.WHICH in ['compile', 'generate', 'list', 'parse'] %}
        {{ return(false) }}
    {% endif %}
    {% set name = scorehouse._registered_seed(relation, '') %}
    {% do scorehouse._argument_error(
        call, argument, relation.identifier, 'a table that exists; ' ~ relation ~ ' does not',
        'run `' ~ (scorehouse._build_command(name) if name else 'dbt build --select +' ~ model['name']) ~ '`'
    ) %}
{% endmacro %}


{#- Refuses a reference without a version that scored and that version control has: the profile could not count its
    rows, and drift would have nothing to say about it. Those of an archived version are left out. -#}
{% macro _check_reference(call, reference, predictions) %}
    {% set name = scorehouse._registered_seed(reference, '__reference') %}
    {% if name is none or flags.EMPTY %}
        {{ return('') }}
    {% endif %}
    {% set missing = scorehouse._versions_not_in(
        reference, 'reference', scorehouse._registered_versions(name) or []
    ) %}
    {% set archived = scorehouse._archived_versions(name) %}
    {% if missing or archived %}
        {% for row in run_query('select distinct model_version from ' ~ predictions ~ ' order by 1').rows %}
            {% do scorehouse._check_rules(call, [
                ('reference', reference.identifier, row[0] in missing,
                    'the reference of version ' ~ row[0]
                        ~ ', which scored; the table does not have it as in version control',
                    'run `' ~ scorehouse._build_command(name) ~ '`'),
            ]) %}
            {% if row[0] in archived %}
                {% do log('note: ' ~ call ~ ' leaves out the rows of ' ~ name ~ ' version ' ~ row[0]
                    ~ ', which is archived', info=true) %}
            {% endif %}
        {% endfor %}
    {% endif %}
{% endmacro %}


{#- The ML model that a relation is the table of a seed of, with this end of its name; none if it is no such seed. -#}
{% macro _registered_seed(relation, end) %}
    {% set seed = scorehouse._node_of(relation, ['seed']) %}
    {% if seed is none or not seed['name'].startswith('ml_') or not seed['name'].endswith(end) %}
        {{ return(none) }}
    {% endif %}
    {{ return(seed['name'][3:].rpartition('__')[0] or seed['name'][3:]) }}
{% endmacro %}


{#- The node of these kinds that a relation is the table of; none if it is of no such node. -#}
{% macro _node_of(relation, kinds) %}
    {% for node in graph['nodes'].values() if node['resource_type'] in kinds
        and node['alias'] | lower == relation.identifier | lower
        and node['schema'] | lower == relation.schema | lower %}
        {{ return(node) }}
    {% endfor %}
    {{ return(none) }}
{% endmacro %}
