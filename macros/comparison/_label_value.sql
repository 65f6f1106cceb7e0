{#- The label as a number: 1 for the positive class, 0 for the other, the value itself in a regression. -#}
{% macro _label_value(label, metric, positive) -%}
    {%- if metric in ['rmse', 'mae'] -%}
    cast({{ label }} as {{ scorehouse._type_double() }})
    {%- else -%}
    {%- set wanted = dbt.string_literal(dbt.escape_single_quotes(positive)) if positive is string else positive -%}
    case when {{ label }} = {{ wanted }} then 1e0 else 0e0 end
    {%- endif -%}
{%- endmacro %}
