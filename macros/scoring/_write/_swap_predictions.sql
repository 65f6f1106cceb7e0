{#- Puts the new table in the place of the old one. -#}
{% macro _swap_predictions(staging, existing, target_relation) %}
    {% if existing is not none %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% do adapter.rename_relation(staging, target_relation) %}
{% endmacro %}


{#- The table beside a relation whose name is longer by `suffix`. -#}
{% macro _beside(relation, suffix) %}
    {{ return(api.Relation.create(
        database=relation.database,
        schema=relation.schema,
        identifier=relation.identifier ~ suffix,
        type='table'
    )) }}
{% endmacro %}


{# The table to swap in: the staging table itself, or if the model has constraints, a copy created with them. #}
{% macro _constrained(staging) %}
    {% set found = [model['constraints']] + model['columns'].values() | map(attribute='constraints') | list %}
    {% if not config.get('contract').enforced or not found | select | list %}
        {{ return(staging) }}
    {% endif %}
    {% set constrained = staging.incorporate(path={'identifier': staging.identifier ~ '_constrained'}) %}
    {% call statement('make_constrained') %}
        create table {{ constrained }} {{ get_table_columns_and_constraints() }}
    {% endcall %}
    {% call statement('fill_constrained') %}
        {% set columns = adapter.get_columns_in_relation(staging) | map(attribute='name') %}
        {% set names = scorehouse._quoted(columns) | join(', ') %}
        insert into {{ constrained }} ({{ names }}) select {{ names }} from {{ staging }}
    {% endcall %}
    {% do adapter.drop_relation(staging) %}
    {{ return(constrained) }}
{% endmacro %}


{# `contract: enforced`: checks that names and types of the scored columns are those in the YAML, before the
   previous table is changed. Constraints are part of the table that is created with them. #}
{% macro _enforce_contract(staging) %}
    {% if config.get('contract').enforced %}
        {{ get_assert_columns_equivalent('select * from ' ~ staging) }}
    {% endif %}
{% endmacro %}
