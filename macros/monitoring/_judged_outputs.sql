{#- What retraining_signals judges by labels: one table of performance, or for several outputs one of each, with its
    limit. `named` says whether reasons name the output. A relation is a mapping too. -#}
{% macro _judged_outputs(call, performance, limits) %}
    {% set several = performance is mapping and performance.identifier is not defined %}
    {% set tables = performance if several else {limits.output: performance} %}
    {% do scorehouse._check_rules(call, [
        ('performance', performance, several and (not tables or limits.output is not none),
            'a table, or for several outputs the table of each and no `output` in `limits`',
            "write `performance={'week_1': ref('demand_week_1_performance')}`"),
    ]) %}
    {% set by_output = several and limits.decay is mapping %}
    {% do scorehouse._check_keys(call, 'limits', limits.decay if by_output else {}, tables) %}
    {% set found = [] %}
    {% for output, relation in tables.items() %}
        {% do scorehouse._check_relation(call, 'performance', relation, 'churn_performance', optional=true) %}
        {% do scorehouse._check_output(call, 'performance', output) %}
        {% set decay = limits.decay.get(output) if by_output else limits.decay %}
        {% do scorehouse._check_number(
            call, 'limits', decay, 'write a number for `decay`, or null for no such reason', lowest=0, optional=true
        ) %}
        {% do found.append({'output': output, 'relation': relation, 'decay': decay, 'named': several}) %}
    {% endfor %}
    {{ return(found) }}
{% endmacro %}
