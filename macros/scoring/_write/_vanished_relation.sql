{# Keys of predictions to flag or delete, as the runtime hands them over. #}
{% macro _vanished_relation(staging) %}
    {{ return(api.Relation.create(
        database=staging.database,
        schema=staging.schema,
        identifier=staging.identifier ~ '_vanished',
        type='table'
    )) }}
{% endmacro %}
