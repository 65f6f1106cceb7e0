{#- Puts the new table in the place of the old one. -#}
{% macro _swap_predictions(staging, existing, target_relation) %}
    {% if existing is not none %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% do adapter.rename_relation(staging, target_relation) %}
{% endmacro %}
