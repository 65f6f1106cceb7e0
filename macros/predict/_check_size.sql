{#- Refuses a statement that is longer than the database accepts, before it is sent. -#}
{% macro _check_size(call, sql, with_reasons=false) %}
    {% set limit = scorehouse._dialect().get('statement') %}
    {% if limit and sql | length > limit %}
        {% do scorehouse._fail(
            call,
            'the statement has ' ~ sql | length ~ ' characters',
            'at most ' ~ limit ~ ', which is the limit of ' ~ target.type,
            ('ask for fewer reasons, ' if with_reasons)
                ~ 'keep fewer columns, register a smaller estimator (fewer or shallower trees), or score on an engine'
                ~ ' with Python; what the statement has beside the compiled SQL is the select of the features'
        ) %}
    {% endif %}
{% endmacro %}
