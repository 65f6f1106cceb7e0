{# The ML model of a prediction table: the one in the call of `scored`, or the only registry that a Python
   model reads. #}
{% macro _ml_model_of(node) %}
    {% set registries = [] %}
    {% for parent in node['depends_on']['nodes']
        if parent.split('.')[0] == 'seed' and parent.split('.')[2].startswith('ml_') %}
        {% do registries.append(parent.split('.')[2][3:]) %}
    {% endfor %}
    {% set asked = node['config']['meta'].get('scorehouse') or {} %}
    {{ return(asked.get('ml_model') or (registries[0] if registries | length == 1 else none)) }}
{% endmacro %}
