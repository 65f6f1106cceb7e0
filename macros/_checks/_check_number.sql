{#- Refuses an argument that is not a finite number or lies outside `lowest` to `highest`. -#}
{% macro _check_number(call, argument, value, action, lowest=-1e308, highest=1e308) %}
    {#- `lowest <= value` is false for NaN. Jinja treats a bool as a number, but it is never meant as one. -#}
    {% if value is not number or value is boolean or not lowest <= value <= highest %}
        {% if highest < 1e308 %}
            {% set expected = 'a number from ' ~ lowest ~ ' to ' ~ highest %}
        {% elif lowest > -1e308 %}
            {% set expected = 'a finite number not below ' ~ lowest %}
        {% else %}
            {% set expected = 'a finite number' %}
        {% endif %}
        {% do scorehouse._argument_error(call, argument, value, expected, action) %}
    {% endif %}
{% endmacro %}
