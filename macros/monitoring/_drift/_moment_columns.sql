{#- Columns of a profile's row of kind `all`: the number of finite values, and their moments. NULL in other rows. -#}
{% macro _moment_columns(alias) -%}
        case when {{ alias }}.kind = 'all' and {{ alias }}.mean is not null then
            {{ alias }}.row_count - {{ alias }}.n_null - {{ alias }}.n_nan - {{ alias }}.n_infinite
        end as n_finite,
        {{ alias }}.mean,
        {{ alias }}.deviation,
        {{ alias }}.minimum,
        {{ alias }}.maximum
{%- endmacro %}
