{#- Refuses a table that is given as a plain name: only `ref` and `source` add the edge to the lineage. -#}
{% macro _check_relation(call, argument, value, example) %}
    {% if value is not mapping or not value.identifier %}
        {% do scorehouse._argument_error(
            call, argument, value,
            'a relation',
            "write `" ~ argument ~ ": ref('" ~ example ~ "')`, or a `source(...)`"
        ) %}
    {% endif %}
    {% do scorehouse._check_built(call) %}
{% endmacro %}
