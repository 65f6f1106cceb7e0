{#- Whether a row of a registry, `ml_<name>`, holds an alias. -#}
{% macro _holds_alias(alias) -%}
{{ dbt.position(scorehouse._text_literal('|' ~ alias ~ '|'), dbt.concat(["'|'", 'aliases', "'|'"])) }} > 0
{%- endmacro %}
