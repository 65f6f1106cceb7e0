{# The class of each score column, from the registry: a mapping from columns to labels. #}
{% macro class_columns(name, alias='champion', version=none) %}
    {% do scorehouse._check_text(
        'class_columns', 'name', name, 'the name of a registered ML model', "write `scorehouse.class_columns('churn')`"
    ) %}
    {#- This ref adds the edge to the lineage and makes dbt load the seed first. -#}
    {% set registry = ref('ml_' ~ name) %}
    {#- While dbt parses, there is no connection. -#}
    {% if not execute or load_relation(registry) is none %}
        {{ return({}) }}
    {% endif %}
    {% set call = "scorehouse.class_columns('" ~ name ~ "')" %}
    {% set number = scorehouse._named_version(call, name, registry, alias, version) %}
    {% set row = scorehouse._registry_row(name, registry, number) %}
    {% do scorehouse._check_rules('class_columns', [
        ('version', number, not row, 'the number of a registered version', 'name one that `scorehouse list` shows'),
    ]) %}
    {{ return(fromjson(row.get('class_columns') or '{}')) }}
{% endmacro %}
