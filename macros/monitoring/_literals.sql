{#- A text as an SQL literal. -#}
{% macro _text_literal(value) %}
    {{ return(dbt.string_literal(dbt.escape_single_quotes(value | string))) }}
{% endmacro %}

{#- One value for each version of an ML model: the value itself where all agree, else a `case`. -#}
{% macro _by_version(values) %}
    {% if values.values() | unique | list | length == 1 %}
        {{ return(values.values() | first) }}
    {% endif %}
    {% set whens = [] %}
    {% for version, value in values.items() %}
        {% do whens.append('when ' ~ version ~ ' then ' ~ value) %}
    {% endfor %}
    {{ return('case version ' ~ whens | join(' ') ~ ' end') }}
{% endmacro %}

{#- A moment, given as a date or a timestamp in a text, as a timestamp. -#}
{% macro _moment(value) %}
    {{ return('cast(' ~ scorehouse._text_literal(value) ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
{% endmacro %}
