{#- SQL that is true if two rows have the same key. -#}
{% macro _same_key(left, right, keys) %}
    {%- for key in keys -%}
        {%- set name = scorehouse._quote(key) -%}
        {{ ' and ' if not loop.first }}{{ left }}.{{ name }} = {{ right }}.{{ name }}
    {%- endfor -%}
{% endmacro %}
