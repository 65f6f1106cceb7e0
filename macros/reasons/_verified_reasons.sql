{#- The select of a version's contributions, and the facts by which they become reasons, checked to equal what was
    proven. -#}
{% macro _verified_reasons(call, name, number) %}
    {% set facts = context.get('scorehouse_predict__' ~ name ~ '__v' ~ number ~ '__reason_facts') %}
    {% if facts is none or not scorehouse._pinned_md5(call, name, number, 'reasons') %}
        {% do scorehouse._no_reasons(call, name, number) %}
    {% endif %}
    {% set text = facts() %}
    {{ return({
        'facts': fromjson(text),
        'select': scorehouse._verified_select(call, name, number, 'reasons', '__reasons', [text]),
    }) }}
{% endmacro %}


{#- Stops because a version has no reasons in SQL, with the reason that registration found. -#}
{% macro _no_reasons(call, name, number) %}
    {% set row = scorehouse._registry_row(name, ref('ml_' ~ name), number) %}
    {% set backends = fromjson(row.get('program') or '{}') %}
    {% set refused = backends.get('refused', {}) %}
    {% set why = refused.get('reasons in SQL for ' ~ target.type) or refused.get('reasons in SQL')
        or refused.get('reasons') or ('its reasons are those of trees' if 'native' in backends else '') %}
    {% do scorehouse._fail(
        call,
        'version ' ~ number ~ ' has no reasons in SQL' ~ (': ' ~ why if why),
        'a linear model whose contributions SQL computes on ' ~ target.type,
        'leave reasons out, or ' ~ ('use scorehouse.scored(), which gives them by Python'
            if target.type in ['duckdb', 'spark'] and not scorehouse._is_dbt2() and not refused.get('reasons')
            else 'score on an engine with Python')
    ) %}
{% endmacro %}
