{#- The rows of the registry that a prediction table is scored by, as mappings; none where dbt only parses, or where
    the table is not one of this project's. -#}
{% macro _registered_versions_of(predictions) %}
    {% if not execute %}
        {{ return([]) }}
    {% endif %}
    {% set found = [] %}
    {% for node in graph['nodes'].values()
        if node.get('relation_name') and node['relation_name'] == predictions | string %}
        {% set seed = 'ml_' ~ scorehouse._ml_model_of(node) %}
        {% for parent in node['depends_on']['nodes'] if parent.split('.')[-1] == seed and graph['nodes'].get(parent) %}
            {% set registry = graph['nodes'][parent] %}
            {% if adapter.get_relation(registry.database, registry.schema, registry.alias) %}
                {% do found.extend(scorehouse._rows_of('select * from ' ~ registry['relation_name'])) %}
            {% endif %}
        {% endfor %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}


{#- The classes of an ML model with one label, in the order of its registry; none for other tasks. -#}
{% macro _classes_of(versions) %}
    {% set found = [] %}
    {% for version in versions if version.get('task') == 'classification' and version.get('classes') %}
        {% do found.append(fromjson(version['classes'])) %}
    {% endfor %}
    {{ return(found[-1] if found else []) }}
{% endmacro %}
