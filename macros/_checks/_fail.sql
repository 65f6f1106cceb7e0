{#- Stops with the four-part error: what was called, what is wrong with it, what was expected, what to do. -#}
{% macro _fail(call, problem, expected, action) %}
    {% do exceptions.raise_compiler_error(
        call ~ ': ' ~ problem ~ '.\n  Expected: ' ~ expected ~ '.\n  What to do: ' ~ action ~ '.'
    ) %}
{% endmacro %}


{#- Whether a failing test may stop in words while it compiles: it is about to run on a table that can be asked, which
    an ephemeral model is not, and the user's config says nothing about how rows are judged or kept, but for a
    `severity` that the caller knows. -#}
{% macro _stops_in_words(relation, severity='error') %}
    {% set usual, changed = {
        'severity': severity, 'error_if': '!= 0', 'warn_if': '!= 0', 'fail_calc': 'count(*)', 'limit': ''
    }, [] %}
    {% for name, value in usual.items() if (config.get(name) or value) | lower != value %}
        {% do changed.append(name) %}
    {% endfor %}
    {{ return(execute and flags.WHICH in ['build', 'test', 'retry'] and '__dbt__cte__' not in relation | string
        and changed == [] and not should_store_failures()) }}
{% endmacro %}


{#- Fails by the first of these facts that holds: `(is_wrong, problem, expected, action)`. -#}
{% macro _check_facts(call, facts) %}
    {% for is_wrong, problem, expected, action in facts if is_wrong %}
        {% do scorehouse._fail(call, problem, expected, action) %}
    {% endfor %}
{% endmacro %}


{#- Refuses the arguments by the first rule that is broken. A rule is an argument, its value, whether it is wrong, what
    is expected, and what to do. -#}
{% macro _check_rules(call, rules) %}
    {% for argument, value, is_wrong, expected, action in rules if is_wrong %}
        {% do scorehouse._argument_error(call, argument, value, expected, action) %}
    {% endfor %}
{% endmacro %}


{#- Stops with an error that begins with the call as the user wrote it. -#}
{% macro _argument_error(call, argument, value, expected, action) %}
    {% if value is undefined %}
        {% set shown, got = '?', 'nothing' %}
    {% elif value is none %}
        {% set shown, got = 'null', 'null' %}
    {% elif value is string %}
        {% set shown, got = "'" ~ value ~ "'", "the string '" ~ value ~ "'" %}
    {% elif value is mapping and not value.identifier %} {#- but no relation -#}
        {% set settings = [] %}
        {% for name, setting in value.items() %}
            {% do settings.append(name ~ ': ' ~ setting) %}
        {% endfor %}
        {% set shown, got = '{...}' if settings else '{}', settings | join(', ') or 'an empty mapping' %}
    {% else %}
        {% set shown, got = value, value %}
    {% endif %}
    {% do scorehouse._fail(
        'scorehouse.' ~ call ~ '(' ~ argument ~ '=' ~ shown ~ ')', 'got ' ~ got, expected, action
    ) %}
{% endmacro %}
