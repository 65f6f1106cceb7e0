{#- Refuses an argument that is not a finite number or lies outside `lowest` to `highest`; an optional one may be
    null. -#}
{% macro _check_number(call, argument, value, action, lowest=-1e308, highest=1e308, optional=false) %}
    {% set expected = 'a finite number' ~ (' not below ' ~ lowest if lowest > -1e308 else '') %}
    {#- `lowest <= value` is false for NaN. Jinja treats a bool as a number, but it is never meant as one. -#}
    {% do scorehouse._check_rules(call, [
        (argument, value, (value is not none or not optional)
            and (value is not number or value is boolean or not lowest <= value <= highest),
            'a number from ' ~ lowest ~ ' to ' ~ highest if highest < 1e308 else expected, action),
    ]) %}
{% endmacro %}


{#- Refuses what is not a number from 0 to 1. -#}
{% macro _check_share(call, argument, value, action) %}
    {% do scorehouse._check_number(call, argument, value, action, lowest=0, highest=1) %}
{% endmacro %}


{#- Refuses a share of rows that an interval cannot cover: it has to lie between 0 and 1. -#}
{% macro _check_level(call, argument, value) %}
    {% do scorehouse._check_rules(call, [
        (argument, value, value is not number or value is boolean or not 0 < value < 1,
            'a share between 0 and 1, such as 0.9', 'write 0.9 for 90 %'),
    ]) %}
{% endmacro %}


{#- Refuses an argument that is not a string, or is empty; an optional one may be null. -#}
{% macro _check_text(call, argument, value, expected, action, optional=false) %}
    {% if (value is not none or not optional) and (value is not string or not value) %}
        {% do scorehouse._argument_error(call, argument, value, expected, action) %}
    {% endif %}
{% endmacro %}


{#- Refuses an argument that is not true or false; the string 'false' would count as true. -#}
{% macro _check_bool(call, argument, value) %}
    {% do scorehouse._check_rules(call, [
        (argument, value, value is not boolean, 'true or false',
            'write `' ~ argument ~ ': true` or `' ~ argument ~ ': false`'),
    ]) %}
{% endmacro %}
