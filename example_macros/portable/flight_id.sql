{# Key of a flight in the source `flights`: carrier, number and scheduled hour in UTC, `UA-1545-20130101T10Z`. #}
{% macro flight_id(flights) %}
    {%- set text = dbt.type_string() -%}
    concat_ws(
        '-',
        {{ flights }}.carrier,
        cast({{ flights }}.flight as {{ text }}),
        replace(replace(substring(cast({{ flights }}.time_hour as {{ text }}), 1, 13), '-', ''), ' ', 'T') || 'Z'
    )
{%- endmacro %}
