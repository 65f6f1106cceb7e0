{#- CTEs that end in `final`: per version, group and level, the quantile that holds the requested share of
    `distances`. For classes, `distances` has the label too, and a label that is no class has the distance
    `_beyond_reach()`: no set can hold it. -#}
{% macro _calibrated_quantiles(spec) %}
{% set text, bigint = dbt.type_string(), dbt.type_bigint() %}
{% set classes = spec.get('set_classes') %}
{% set beyond = scorehouse._beyond_reach() %}
grouped as (

    select
        ml_model, version, cast(null as {{ text }}) as interval_group, 'all' as basis,
        {{- ' label_text,' if classes }} distance
    from distances
    {%- if spec.group %}
    union all
    select ml_model, version, interval_group, 'group' as basis,{{ ' label_text,' if classes }} distance
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
        {%- if classes %}
        {{ scorehouse._text_literal(spec.method) }} as method,
        {%- endif %}
        basis,
        interval_group,
        interval_level,
        cast(max(n_labelled) as {{ bigint }}) as n_labelled,
        cast(ceil(interval_level / (1e0 - interval_level) - 1e-9) as {{ bigint }}) as labels_needed,
        max(case when place = needed_rank{{ ' and distance < ' ~ beyond if classes }} then distance end)
            as {{ 'score_quantile' if classes else 'half_width' }},
        case
            when max(needed_rank) > max(n_labelled) then 'too_few_labels'
            {%- if classes %}
            when max(case when place = needed_rank then distance end) >= {{ beyond }} then 'unknown_labels'
            {%- endif %}
            else 'calibrated'
        end as status
        {%- if classes %},
        cast(sum(case when distance >= {{ beyond }} then 1 else 0 end) as {{ bigint }}) as n_unknown,
        {%- set never = scorehouse._each(
            'count(case when label_text = <value> then 1 end) = 0', scorehouse._text_literals(classes)
        ) %}
        {{ scorehouse._set_text(classes, never) }} as classes_without_label
        {%- endif %}
    from ranked
    group by ml_model, version, basis, interval_group, interval_level

)
{%- endmacro %}


{#- A distance that no quantile reaches. -#}
{% macro _beyond_reach() %}
    {{ return('1e308') }}
{% endmacro %}
