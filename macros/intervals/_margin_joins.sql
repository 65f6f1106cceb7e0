{#- The CTEs `of_all` and `of_group`: the margins of a calibration; with one level, those of that level. -#}
{% macro _margins_of(calibration, group, level=none, method=none) %}
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

),

of_all as (

    select ml_model, version, {{ level_of }}margin
    from calibration
    where basis = 'all'

){% if group %},

of_group as (

    select ml_model, version, {{ level_of }}interval_group, margin
    from calibration
    where basis = 'group'

){% endif %}
{%- endmacro %}


{#- The joins from predictions to their margins; `level` is SQL, if rows differ in it. -#}
{% macro _margin_joins(predictions, group, level=none) %}
    left join of_all
        on {{ predictions }}.model_name = of_all.ml_model
        and {{ predictions }}.model_version = of_all.version
        {%- if level %}
        and abs(of_all.interval_level - {{ level }}) < 1e-9
        {%- endif %}
    {%- if group %}
    left join of_group
        on {{ predictions }}.model_name = of_group.ml_model
        and {{ predictions }}.model_version = of_group.version
        {%- if level %}
        and abs(of_group.interval_level - {{ level }}) < 1e-9
        {%- endif %}
        and of_group.interval_group = coalesce(
            cast({{ predictions }}.{{ scorehouse._identifier(group) }} as {{ dbt.type_string() }}), '(null)'
        )
    {%- endif %}
{%- endmacro %}


{#- The margin of a row. -#}
{% macro _margin(group) %}
    {{ return('coalesce(of_group.margin, of_all.margin)' if group else 'of_all.margin') }}
{% endmacro %}


{#- Whose margin a row has. -#}
{% macro _margin_basis(predictions, group) %}
        case
            when {{ predictions }}.row_status <> 'scored' then null
            {%- if group %}
            when of_group.margin is not null then 'group'
            {%- endif %}
            when of_all.margin is not null then 'all'
            else 'not_calibrated'
        end
{%- endmacro %}
