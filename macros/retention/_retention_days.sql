{#- The number of days, from the argument or else the variable; without either, nothing may be deleted. -#}
{% macro _retention_days(call, older_than_days, variable, default) %}
    {% set days = older_than_days if older_than_days is not none else default %}
    {% do scorehouse._check_number(
        call, 'older_than_days', days,
        'pass older_than_days in --args, or set the variable ' ~ variable, lowest=1, highest=1000000
    ) %}
    {{ return(days) }}
{% endmacro %}
