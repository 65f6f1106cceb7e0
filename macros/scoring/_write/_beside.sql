{#- The table beside a relation whose name is longer by `suffix`. -#}
{% macro _beside(relation, suffix) %}
    {{ return(api.Relation.create(
        database=relation.database,
        schema=relation.schema,
        identifier=relation.identifier ~ suffix,
        type='table'
    )) }}
{% endmacro %}
