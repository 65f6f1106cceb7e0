{# Minutes since midnight of a time of day that is written as the integer HHMM. #}
{% macro minutes_of_day(time) %}
    {{- return('((' ~ time ~ ' - ' ~ time ~ ' % 100) / 100 * 60 + ' ~ time ~ ' % 100)') -}}
{% endmacro %}
