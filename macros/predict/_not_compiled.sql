{#- Stops where a version has no compiled form for the database of this target. -#}
{% macro _not_compiled(name, version, dialects) %}
    {{ exceptions.raise_compiler_error(
        "scorehouse.predict('" ~ name ~ "'): version " ~ version ~ " has no compiled form for "
        ~ target.type ~ ".\n  Expected: one of " ~ dialects | join(', ')
        ~ ".\n  What to do: score it with scorehouse.scored() on an engine with Python."
    ) }}
{% endmacro %}
