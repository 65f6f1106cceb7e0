{#- Whether a column of this type has a time zone, and is cut into days in the session's. -#}
{% macro _has_zone(data_type) %}
    {{ return(adapter.dispatch('_has_zone', 'scorehouse')((data_type or '') | lower)) }}
{% endmacro %}

{% macro default___has_zone(data_type) %}
    {{ return('with time zone' in data_type or 'timestamptz' in data_type
        or 'timestamp_tz' in data_type or 'timestamp_ltz' in data_type) }}
{% endmacro %}

{#- A timestamp is an instant, and any date or datetime is converted to one in UTC:
    https://cloud.google.com/bigquery/docs/reference/standard-sql/data-types#timestamp_type -#}
{% macro bigquery___has_zone(data_type) %}
    {{ return(false) }}
{% endmacro %}
