{#- Stops with the four-part error: what was called, what is wrong with it, what was expected, what to do. -#}
{% macro _fail(call, problem, expected, action) %}
    {% do exceptions.raise_compiler_error(
        call ~ ': ' ~ problem ~ '.\n  Expected: ' ~ expected ~ '.\n  What to do: ' ~ action ~ '.'
    ) %}
{% endmacro %}
