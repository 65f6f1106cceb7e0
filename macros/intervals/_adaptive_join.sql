{#- The options `levels` and `day`, checked: the level of each row as SQL, or none if all rows have the same. -#}
{% macro _adaptive_level_of(call, options, level) %}
    {% if options.get('levels') is none and options.get('day') is none %}
        {{ return(none) }}
    {% endif %}
    {% do scorehouse._check_relation(call, 'levels', options.get('levels'), 'demand_levels') %}
    {% if options.get('day') is not string %}
        {% do scorehouse._argument_error(
            call, 'options', options.get('day'), 'the column `day` by which `adaptive_level` makes its windows',
            "write `options: {'levels': ref('demand_levels'), 'day': 'week_start'}`"
        ) %}
    {% endif %}
    {{ return('coalesce(adapted.interval_level, ' ~ scorehouse._double_literal(level) ~ ')') }}
{% endmacro %}


{#- The join from predictions to the level of their window. -#}
{% macro _adaptive_join(predictions, options) %}
    {%- set day = 'cast(' ~ predictions ~ '.' ~ scorehouse._identifier(options.day) ~ ' as '
        ~ dbt.type_timestamp() ~ ')' %}
    left join {{ scorehouse._named(options.levels, 'adapted') }}
        on {{ predictions }}.model_name = adapted.ml_model
        and {{ predictions }}.model_version = adapted.version
        and {{ day }} >= adapted.window_start
        and (adapted.window_end is null or {{ day }} < adapted.window_end)
{%- endmacro %}
