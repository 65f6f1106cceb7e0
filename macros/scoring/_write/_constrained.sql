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
        {% set names = scorehouse._quoted_list(adapter.get_columns_in_relation(staging) | map(attribute='name')) %}
        insert into {{ constrained }} ({{ names }}) select {{ names }} from {{ staging }}
    {% endcall %}
    {% do adapter.drop_relation(staging) %}
    {{ return(constrained) }}
{% endmacro %}
