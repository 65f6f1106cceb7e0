{#- CTEs up to `scored`: the rows to profile, each with its features, outputs and segments. The time of a row is
    `day`, or else when it was scored. -#}
{% macro _profile_source(predictions, features, key, day, segmentations, columns, reference) -%}
{% set text, double = dbt.type_string(), scorehouse._type_double() -%}
{% set time = 'predictions.scored_at' if day is none else scorehouse._profile_column(day, features) -%}
{% set time_type = scorehouse._type_of_column(day or 'scored_at', [features, predictions]) -%}
predictions as (

    select * from {{ predictions }}
    {#- A macro can run outside of a model. #}
    {%- if day is none and model is defined and model.resource_type == 'model' and is_incremental() %}
    where cast(scoring_run_id as {{ text }}) not in (
        select run_id from {{ this }}
        where run_id is not null
        {%- if config.get('unique_key') %}
            {#- A run that was counted in the bins of another reference is counted again, and replaced; that of an
                archived version stays. #}
            and reference_size = coalesce({{ scorehouse._reference_size(reference, 'version') }}, reference_size)
        {%- endif %}
    )
        {%- if scorehouse._replaces_windows() %}
        {#- So is the newest run, if it has lost rows: of others, rows leave as later runs score them again. #}
        or cast(scoring_run_id as {{ text }}) in (
            select profiled.run_id
            from {{ scorehouse._named(this, 'profiled') }}
            inner join (
                select
                    cast(scoring_run_id as {{ text }}) as run_id,
                    count(*) as n_rows
                from {{ scorehouse._named(predictions, 'all_predictions') }}
                group by cast(scoring_run_id as {{ text }})
            ) as present
                on profiled.run_id = present.run_id
            where profiled.kind = 'all'
                and profiled.segment = 'all'
                and profiled.row_count > present.n_rows
                and profiled.window_end >= (select max(scored_at) from {{ scorehouse._named(predictions, 'newest') }})
        )
        {%- endif %}
    {%- endif %}

),

{#- `x` is the finite value of a number, `v` the column as it is. -#}
scored as (

    select
        predictions.model_name as ml_model,
        predictions.model_version as version,
        cast(predictions.scoring_run_id as {{ text }}) as run_id,
        predictions.scored_at,
        {%- if day is not none %}
        cast(
            {{ dbt.date_trunc('day', time) }}
            as {{ dbt.type_timestamp() }}
        ) as day,
        {%- endif %}
        {%- for segmentation in segmentations %}
        {{ scorehouse._segment_expression(segmentation, features) }} as s{{ loop.index0 }},
        {%- endfor %}
        {%- for column in columns %}
        {%- set source = 'features' if features is not none and column.part == 'feature' else 'predictions' %}
        {%- set value = source ~ '.' ~ scorehouse._quote(column.name) %}
        {%- if column.is_age %}
        {{ scorehouse._age_in_days(column, value, time, time_type) }} as x{{ column.index }},
        {%- elif column.is_numeric %}
        {%- set number = 'cast(' ~ value ~ ' as ' ~ double ~ ')' %}
        case when {{ scorehouse._is_finite(number) }} then {{ number }} end as x{{ column.index }},
        {%- endif %}
        {{ value }} as v{{ column.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from predictions
    {%- if features is not none %}
    inner join {{ scorehouse._named(features, 'features') }}
        on {{ scorehouse._same('predictions', 'features', scorehouse._identifiers(key)) }}
    {%- endif %}

)
{%- endmacro %}
