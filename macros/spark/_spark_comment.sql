{#- Puts the model's description on its table if `persist_docs` is set. -#}
{% macro _spark_comment(relation) %}
    {% if config.persist_relation_docs() and model['description'] %}
        {% set text = model['description'] | replace('\\', '\\\\') | replace("'", "\\'") %}
        {% do run_query("comment on table " ~ relation ~ " is '" ~ text ~ "'") %}
    {% endif %}
{% endmacro %}
