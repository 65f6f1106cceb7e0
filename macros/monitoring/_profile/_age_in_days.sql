{#- SQL of the days from a date to the time of its row, negative for a date to come. Only one of them having a time
    zone is refused: the session's would change the age. -#}
{% macro _age_in_days(column, value, time, time_type) %}
    {% set zones = [scorehouse._has_zone(column.type), scorehouse._has_zone(time_type)] %}
    {% do scorehouse._check_rules('profile', [
        ('day', time_type, column.type and time_type and zones[0] != zones[1],
            'a time that has a zone if the date does: `' ~ column.name ~ '` is ' ~ column.type,
            'convert one of them in the model, such as ' ~ column.name ~ " at time zone 'UTC'"),
    ]) %}
    {% set stamp = dbt.type_timestamp() %}
    {% set value = value if zones[0] else 'cast(' ~ value ~ ' as ' ~ stamp ~ ')' %}
    {% set time = time if zones[1] else 'cast(' ~ time ~ ' as ' ~ stamp ~ ')' %}
    {{ return('cast(' ~ dbt.datediff(value, time, 'second') ~ ' as ' ~ scorehouse._type_double() ~ ') / 86400e0') }}
{% endmacro %}
