{#- A label as text, as sets write its class. Databases write a number as `1`, `1.0` or `1.00` and a flag as `true`, by
    the type of the column; labels are equal by value, as in the other metrics. `classes` are labels of its kind. -#}
{% macro _label_text(label, classes) %}
    {% set text = 'cast(' ~ label ~ ' as ' ~ dbt.type_string() ~ ')' %}
    {% set kinds = [] %}
    {% for one in classes %}
        {% do kinds.append(
            'flag' if one is boolean else 'float' if one is float else 'whole' if one is number else 'text'
        ) %}
    {% endfor %}
    {% set kind = kinds[0] if kinds | unique | list | length == 1 else 'text' %}
    {% if kind == 'text' %}
        {{ return(text) }}
    {% endif %}
    {% set before, after = dbt.split_part(text, "'.'", 1), dbt.split_part(text, "'.'", 2) %}
    {% set is_whole = 'coalesce(' ~ dbt.replace(after, "'0'", "''") ~ ", '') = ''" %}
    {% set number = 'case when ' ~ is_whole ~ ' then ' ~ before ~ ' else ' ~ text ~ ' end' %}
    {% if kind == 'flag' %}
        {{ return('case ' ~ number ~ " when '1' then 'true' when '0' then 'false' else " ~ text ~ ' end') }}
    {% endif %}
    {% set flags = " when 'true' then '1' when 'false' then '0' else " %}
    {% if kind == 'whole' %}
        {{ return('case ' ~ text ~ flags ~ number ~ ' end') }}
    {% endif %}
    {{ return('case when ' ~ is_whole ~ ' then case ' ~ text ~ flags ~ before ~ " end || '.0' else " ~ text ~ ' end') }}
{% endmacro %}
