{#- A verified select of a version over `relation`, with the reasons of its rows if `reasons` are wanted. `keep` is SQL
    that ends with a comma, `columns` are quoted, and `policy` is the argument `decision`. Refuses what is longer than
    the database accepts. -#}
{% macro _scoring_select(call, macro_called, name, number, reasons, select, relation, keep, columns, policy=none) %}
    {% if reasons is none %}
        {% set body = scorehouse._filled_select(select, relation, keep, columns) %}
    {% else %}
        {% set body = scorehouse._reasoned_select(
            call=call, macro_called=macro_called, name=name, number=number, reasons=reasons, select=select,
            relation=relation, keep=keep, columns=columns, policy=policy
        ) %}
    {% endif %}
    {% set limit = scorehouse._dialect().get('statement') %}
    {% do scorehouse._check_facts(call, [
        (limit and body | length > limit, 'the statement has ' ~ body | length ~ ' characters',
            'at most ' ~ limit ~ ', which is the limit of ' ~ target.type,
            ('ask for fewer reasons, ' if reasons is not none)
                ~ 'keep fewer columns, register a smaller estimator (fewer or shallower trees), or score on an engine'
                ~ ' with Python; what the statement has beside the compiled SQL is the select of the features'),
    ]) %}
    {{ return(body) }}
{% endmacro %}


{#- A verified select with its placeholders filled. Everything is filled in one pass, so that placeholders within a
    value are not filled again. -#}
{% macro _filled_select(text, relation, keep, columns) %}
    {% set values, parts = {'relation': relation | string, 'keep': keep}, [] %}
    {% do values.update(dict(zip(scorehouse._each('<place>', columns), columns))) %}
    {% for part in text.split('<scorehouse>') %}
        {% do parts.append(values[part] if loop.index0 is odd else part) %}
    {% endfor %}
    {{ return(parts | join) }}
{% endmacro %}
