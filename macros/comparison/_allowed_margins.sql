{#- What to judge, each with its margin: the outputs, and their mean, whose margin is the mean of theirs. -#}
{% macro _allowed_margins(call, margin, outputs) %}
    {% set action = 'write how much worse the challenger may be, such as 0.005' %}
    {% set found, sum = [], namespace(value=0.0) %}
    {% set by_output = margin is mapping and outputs[0].name != '' %}
    {% if by_output %}
        {% do scorehouse._check_keys(call, 'margin', margin, outputs | map(attribute='name') | list) %}
    {% endif %}
    {% for output in outputs %}
        {% set own = margin.get(output.name) if by_output else margin %}
        {% do scorehouse._check_number(call, 'margin', own, action, lowest=0) %}
        {% set sum.value = sum.value + own %}
        {% do found.append({'name': output.name, 'margin': own}) %}
    {% endfor %}
    {% if outputs | length > 1 %}
        {% do found.append({'name': '(mean)', 'margin': sum.value / outputs | length}) %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}
