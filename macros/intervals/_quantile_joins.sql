{#- The CTEs `of_all` and `of_group`: the quantiles of a calibration, half widths of intervals or, with
    `method`, score quantiles of sets; with one level, those of that level. -#}
{% macro _quantiles_of(calibration, group, level=none, method=none) %}
{% set level_of = 'interval_level, ' if level is none %}
calibration as (

    select *
    from {{ calibration }}
    where status = 'calibrated'
        {%- if level is not none %}
        and abs(interval_level - {{ scorehouse._double_literal(level) }}) < 1e-9
        {%- endif %}
        {%- if method %}
        and method = {{ scorehouse._text_literal(method) }}
        {%- endif %}

)
{%- for basis in ['all', 'group'] if basis == 'all' or group %},

of_{{ basis }} as (

    select ml_model, version, {{ level_of }}{{ 'interval_group, ' if basis == 'group' }}
        {{- 'score_quantile' if method else 'half_width' }} as quantile
    from calibration
    where basis = '{{ basis }}'

)
{%- endfor %}
{%- endmacro %}


{#- The joins from predictions to their quantiles; `level` is SQL, if rows differ in it. -#}
{% macro _quantile_joins(predictions, group, level=none) %}
    {%- for basis in ['all', 'group'] if basis == 'all' or group %}
    left join of_{{ basis }}
        on {{ predictions }}.model_name = of_{{ basis }}.ml_model
        and {{ predictions }}.model_version = of_{{ basis }}.version
        {%- if level %}
        and abs(of_{{ basis }}.interval_level - {{ level }}) < 1e-9
        {%- endif %}
        {%- if basis == 'group' %}
        and of_group.interval_group = coalesce(
            cast({{ predictions }}.{{ scorehouse._identifier(group) }} as {{ dbt.type_string() }}), '(null)'
        )
        {%- endif %}
    {%- endfor %}
{%- endmacro %}


{#- The quantile of a row. -#}
{% macro _quantile(group) %}
    {{ return('coalesce(of_group.quantile, of_all.quantile)' if group else 'of_all.quantile') }}
{% endmacro %}


{#- Whose quantile a row has. -#}
{% macro _quantile_basis(predictions, group) %}
        case
            when {{ predictions }}.row_status <> 'scored' then null
            {%- if group %}
            when of_group.quantile is not null then 'group'
            {%- endif %}
            when of_all.quantile is not null then 'all'
            else 'not_calibrated'
        end
{%- endmacro %}


{#- One side of an interval, inside the values that the target can have; NULL without prediction or half width.
    `least` and `greatest` leave NULL out on some databases. -#}
{% macro _interval_side(column, sign, half_width, options) %}
    {% set value = 'cast(predictions.' ~ scorehouse._identifier(column) ~ ' as ' ~ scorehouse._type_double() ~ ')' %}
    {% set side = value ~ ' ' ~ sign ~ ' ' ~ half_width %}
    {% set known = value ~ ' ' ~ sign ~ ' ' ~ half_width ~ ' is not null' %}
    {% if options.get('lowest') is not none %}
        {% set side = 'greatest(' ~ side ~ ', ' ~ scorehouse._double_literal(options.lowest) ~ ')' %}
    {% endif %}
    {% if options.get('highest') is not none %}
        {% set side = 'least(' ~ side ~ ', ' ~ scorehouse._double_literal(options.highest) ~ ')' %}
    {% endif %}
    {{ return('(case when ' ~ known ~ ' then ' ~ side ~ ' end)') }}
{% endmacro %}


{#- The options `levels` and `day`, checked: the level of each row as SQL, or none if all rows have the same. -#}
{% macro _adaptive_level_of(call, options, level) %}
    {% if options.get('levels') is none and options.get('day') is none %}
        {{ return(none) }}
    {% endif %}
    {% do scorehouse._check_relation(call, 'levels', options.get('levels'), 'demand_levels') %}
    {% do scorehouse._check_text(
        call, 'options', options.get('day'), 'the column `day` by which `adaptive_level` makes its windows',
        "write `options: {'levels': ref('demand_levels'), 'day': 'week_start'}`"
    ) %}
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
