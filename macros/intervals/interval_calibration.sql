{#- The select of a calibration of intervals (split conformal prediction): per version and level, how far labels
    lay from their predictions. With `group` there is a row per group as well, which serves its own rows where
    it has labels enough. -#}
{% macro interval_calibration(
    predictions, labels, key, label, levels=[0.9], group=none, day=none, date_from=none, date_to=none, options={}
) %}
    {% set call = 'interval_calibration' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'demand_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'demand_labels') %}
    {% do scorehouse._check_keys(call, 'options', options, ['prediction', 'lower', 'upper', 'label_time']) %}
    {% set levels = [levels] if levels is number else levels %}
    {% if levels is string or levels is mapping or levels is not iterable or not levels %}
        {% do scorehouse._argument_error(
            call, 'levels', levels, 'a list of shares', 'write `levels: [0.9]`'
        ) %}
    {% endif %}
    {% for level in levels %}
        {% do scorehouse._check_level(call, 'levels', level) %}
    {% endfor %}
    {% do scorehouse._check_both_sides(call, options) %}
    {% set performance_options = {'prediction': options.get('prediction', 'prediction')} %}
    {% do performance_options.update({'lower': options.get('lower'), 'upper': options.get('upper')}) %}
    {% set spec = scorehouse._performance_spec(
        call, key, label, 'regression', day, 'month', [], {'label_time': options.get('label_time')},
        performance_options, true
    ) %}
    {% do spec.update({'levels': levels, 'group': scorehouse._identifier(group) if group else none}) %}

    {{ return(adapter.dispatch('interval_calibration', 'scorehouse')(
        predictions, labels, spec, date_from, date_to
    )) }}
{% endmacro %}

{% macro default__interval_calibration(predictions, labels, spec, date_from, date_to) %}
{% set double, text = scorehouse._type_double(), dbt.type_string() %}
with {{ scorehouse._live_rows(predictions, labels, spec) }},

labelled as (

    select
        model_name as ml_model,
        model_version as version,
        {%- if spec.group %}
        coalesce(cast({{ spec.group }} as {{ text }}), '(null)') as interval_group,
        {%- endif %}
        cast(scorehouse_label as {{ double }}) as y,
        cast({{ spec.lower or spec.prediction }} as {{ double }}) as low,
        cast({{ spec.upper or spec.prediction }} as {{ double }}) as high
    from live
    where row_status = 'scored'
        {%- if date_from %}
        and {{ spec.day }} >= {{ scorehouse._moment(date_from) }}
        {%- endif %}
        {%- if date_to %}
        and {{ spec.day }} < {{ scorehouse._moment(date_to) }}
        {%- endif %}

),

{#- A label inside quantile forecasts has a negative distance: intervals that are too wide become narrower. -#}
distances as (

    select
        ml_model,
        version,
        {{ 'interval_group,' if spec.group }}
        case when low - y > y - high then low - y else y - high end as distance
    from labelled
    where y is not null
        and {{ scorehouse._is_finite('y') }}
        and low is not null
        and {{ scorehouse._is_finite('low') }}
        and high is not null
        and {{ scorehouse._is_finite('high') }}

),

grouped as (

    select ml_model, version, cast(null as {{ text }}) as interval_group, 'all' as basis, distance
    from distances
    {%- if spec.group %}
    union all
    select ml_model, version, interval_group, 'group' as basis, distance
    from distances
    {%- endif %}

),

ordered as (

    select
        *,
        row_number() over (partition by ml_model, version, basis, interval_group order by distance) as place,
        count(*) over (partition by ml_model, version, basis, interval_group) as n_labelled
    from grouped

),

{#- The rank is ceil((n + 1) * level); products such as 20 * 0.55 are a little above the whole number. -#}
levels as (

    {% for level in spec.levels -%}
    select {{ scorehouse._double_literal(level) }} as interval_level
    {%- if not loop.last %}
    union all
    {% endif %}
    {%- endfor %}

),

ranked as (

    select
        ordered.*,
        levels.interval_level,
        ceil((ordered.n_labelled + 1) * levels.interval_level - 1e-9) as needed_rank
    from ordered
    cross join levels

),

final as (

    select
        ml_model,
        cast(version as {{ dbt.type_int() }}) as version,
        basis,
        interval_group,
        interval_level,
        cast(max(n_labelled) as {{ dbt.type_bigint() }}) as n_labelled,
        cast(ceil(interval_level / (1e0 - interval_level) - 1e-9) as {{ dbt.type_bigint() }}) as labels_needed,
        max(case when place = needed_rank then distance end) as margin,
        case when max(needed_rank) <= max(n_labelled) then 'calibrated' else 'too_few_labels' end as status
    from ranked
    group by ml_model, version, basis, interval_group, interval_level

)

select * from final
{% endmacro %}
