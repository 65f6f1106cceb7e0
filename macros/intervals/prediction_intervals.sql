{#- The select of predictions with intervals: each row of a prediction table once, with `prediction_low`,
    `prediction_high`, `interval_level` and `interval_basis`. -#}
{% macro prediction_intervals(predictions, calibration, level=0.9, group=none, options={}) %}
    {% set call = 'prediction_intervals' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'demand_predictions') %}
    {% do scorehouse._check_relation(call, 'calibration', calibration, 'demand_interval_calibration') %}
    {% do scorehouse._check_level(call, 'level', level) %}
    {% set own = ['prediction', 'lower', 'upper', 'lowest', 'highest', 'levels', 'day'] %}
    {% do scorehouse._check_keys(call, 'options', options, own) %}
    {% do scorehouse._check_both_sides(call, options) %}
    {% for bound in ['lowest', 'highest'] if options.get(bound) is not none %}
        {% do scorehouse._check_number(call, 'options', options[bound], 'write a number for `' ~ bound ~ '`') %}
    {% endfor %}

    {% do scorehouse._check_calibration_table(call, calibration) %}
    {% set level_of_row = scorehouse._adaptive_level_of(call, options, level) %}

{% set prediction = options.get('prediction', 'prediction') %}
{% set half_width = scorehouse._quantile(group) %}
{% set low = scorehouse._interval_side(options.get('lower') or prediction, '-', half_width, options) %}
{% set high = scorehouse._interval_side(options.get('upper') or prediction, '+', half_width, options) %}
{#- Quantile forecasts that are much too wide cross when they are made narrower: then they meet in the middle. -#}
{% set middle = '(' ~ low ~ ' + ' ~ high ~ ') / 2e0' %}
with {{ scorehouse._quantiles_of(calibration, group, none if level_of_row else level) }},

final as (

    select
        predictions.*,
        case when {{ low }} <= {{ high }} then {{ low }} else {{ middle }} end as prediction_low,
        case when {{ low }} <= {{ high }} then {{ high }} else {{ middle }} end as prediction_high,
        {{ level_of_row or scorehouse._double_literal(level) }} as interval_level,
        {{- scorehouse._quantile_basis('predictions', group) }} as interval_basis
    from {{ scorehouse._named(predictions, 'predictions') }}
    {{- scorehouse._adaptive_join('predictions', options) if level_of_row }}
    {{- scorehouse._quantile_joins('predictions', group, level_of_row) }}

)

select * from final
{% endmacro %}
