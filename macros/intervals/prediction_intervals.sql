{#- The select of predictions with intervals: each row of a prediction table once, with `prediction_low`,
    `prediction_high`, `interval_level` and `interval_basis`. -#}
{% macro prediction_intervals(predictions, calibration, level=0.9, group=none, options={}) %}
    {% set call = 'prediction_intervals' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'demand_predictions') %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'demand_interval_calibration') %}
    {% do scorehouse._check_level(call, 'level', level) %}
    {% do scorehouse._check_keys(call, 'options', options, ['prediction', 'lower', 'upper', 'lowest', 'highest']) %}
    {% do scorehouse._check_both_sides(call, options) %}
    {% for bound in ['lowest', 'highest'] if options.get(bound) is not none %}
        {% do scorehouse._check_number(call, 'options', options[bound], 'write a number for `' ~ bound ~ '`') %}
    {% endfor %}

    {{ return(adapter.dispatch('prediction_intervals', 'scorehouse')(
        predictions, calibration, level, group, options
    )) }}
{% endmacro %}

{% macro default__prediction_intervals(predictions, calibration, level, group, options) %}
{% set prediction = options.get('prediction', 'prediction') %}
{% set margin = 'coalesce(of_group.margin, of_all.margin)' if group else 'of_all.margin' %}
{% set low = scorehouse._interval_side(options.get('lower') or prediction, '-', margin, options) %}
{% set high = scorehouse._interval_side(options.get('upper') or prediction, '+', margin, options) %}
{#- Quantile forecasts that are much too wide cross when they are made narrower: then they meet in the middle. -#}
{% set middle = '(' ~ low ~ ' + ' ~ high ~ ') / 2e0' %}
with calibration as (

    select *
    from {{ calibration }}
    where status = 'calibrated'
        and abs(interval_level - {{ scorehouse._double_literal(level) }}) < 1e-9

),

of_all as (

    select ml_model, version, margin
    from calibration
    where basis = 'all'

),
{%- if group %}

of_group as (

    select ml_model, version, interval_group, margin
    from calibration
    where basis = 'group'

),
{%- endif %}

final as (

    select
        predictions.*,
        case when {{ low }} <= {{ high }} then {{ low }} else {{ middle }} end as prediction_low,
        case when {{ low }} <= {{ high }} then {{ high }} else {{ middle }} end as prediction_high,
        {{ scorehouse._double_literal(level) }} as interval_level,
        case
            when predictions.row_status <> 'scored' then null
            {%- if group %}
            when of_group.margin is not null then 'group'
            {%- endif %}
            when of_all.margin is not null then 'all'
            else 'not_calibrated'
        end as interval_basis
    from {{ scorehouse._named(predictions, 'predictions') }}
    left join of_all
        on predictions.model_name = of_all.ml_model
        and predictions.model_version = of_all.version
    {%- if group %}
    left join of_group
        on predictions.model_name = of_group.ml_model
        and predictions.model_version = of_group.version
        and of_group.interval_group = coalesce(
            cast(predictions.{{ scorehouse._identifier(group) }} as {{ dbt.type_string() }}), '(null)'
        )
    {%- endif %}

)

select * from final
{% endmacro %}
