{# The registries among the model's parents, each with the path of its CSV: the version in the CSV scores,
   and the table of the seed is only compared with it. For a parent that is not a seed, dbt knows of no CSV.
   #}
{% macro _registries() %}
    {% set found = [] %}
    {% for id in model['depends_on']['nodes'] %}
        {% set node = graph['nodes'].get(id) or graph['sources'].get(id) %}
        {% if node and node['name'].startswith('ml_') and '__' not in node['name'] %}
            {% if node['resource_type'] == 'source' %}
                {% set relation = source(node['source_name'], node['name']) %}
            {% else %}
                {% set relation = ref(node['package_name'], node['name'], v=node.get('version')) %}
            {% endif %}
            {% do found.append({
                'name': node['name'][3:],
                'relation': (relation.render() if relation.render is defined else relation) | string,
                'package': '' if node['package_name'] == project_name else node['package_name'],
                'path': node['original_file_path'] if node['resource_type'] == 'seed' else '',
                'root': node.get('root_path') or '',
                'not_loaded': scorehouse._seeds_not_loaded(node['name'][3:])
            }) %}
        {% endif %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
