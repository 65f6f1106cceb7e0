{# The keys of predictions to flag or delete, from the runtime. #}
{% macro _vanished_relation(staging) %}
    {{ return(api.Relation.create(
        database=staging.database,
        schema=staging.schema,
        identifier=staging.identifier ~ '_vanished',
        type='table'
    )) }}
{% endmacro %}
