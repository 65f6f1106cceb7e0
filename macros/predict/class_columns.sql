{# The class of each score column, from the registry: a mapping from columns to labels. #}
{% macro class_columns(name, alias='champion', version=none) %}
    {% if name is not string or not name %}
        {% do scorehouse._argument_error(
            'class_columns', 'name', name, 'the name of a registered ML model',
            "write `scorehouse.class_columns('churn')`"
        ) %}
    {% endif %}
    {#- This ref adds the edge to the lineage and makes dbt load the seed first. -#}
    {% set registry = ref('ml_' ~ name) %}
    {#- While dbt parses, there is no connection. -#}
    {% if not execute or load_relation(registry) is none %}
        {{ return({}) }}
    {% endif %}
    {% set call = "scorehouse.class_columns('" ~ name ~ "')" %}
    {% if version is none %}
        {% set number = scorehouse._version_by_alias(call, name, registry, alias) %}
    {% else %}
        {% set number = version %}
        {% do scorehouse._check_registry_table(call, name, registry) %}
    {% endif %}
    {% set found = scorehouse._rows_of('select * from ' ~ registry.render() ~ ' where version = ' ~ number | int) %}
    {% set known = scorehouse._version_without_rows(name, number) if not found else none %}
    {% if known %}
        {{ return(fromjson(known.get('class_columns') or '{}')) }}
    {% elif not found %}
        {% do scorehouse._argument_error(
            'class_columns', 'version', number, 'the number of a registered version',
            'name one that `scorehouse list` shows'
        ) %}
    {% endif %}
    {{ return(fromjson(found[0].get('class_columns') or '{}')) }}
{% endmacro %}
