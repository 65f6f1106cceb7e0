{#- Refuses a value of `period` that is not a calendar period. -#}
{% macro _check_period(call, period) %}
    {% do scorehouse._check_choice(
        call, 'period', period, ['day', 'week', 'month', 'quarter', 'year'], 'month',
        'day, week, month, quarter or year'
    ) %}
{% endmacro %}


{#- SQL of the end of the period that begins with `start`. -#}
{% macro _period_end(period, start='window_start') %}
    {% set unit, count = ('month', 3) if period == 'quarter' else (period, 1) %}
    {{ return('cast(' ~ dbt.dateadd(unit, count, start) ~ ' as ' ~ dbt.type_timestamp() ~ ')') }}
{% endmacro %}
