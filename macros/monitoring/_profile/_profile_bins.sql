{#- CTEs from `counted` to `bins` and `unseen`: the counts in the bins of the reference. -#}
{% macro _profile_bins(reference, slots, cell) %}
{% set text = dbt.type_string() %}
{% set column = cell ~ ', segment, part, feature' %}
{#- Unseen values beyond the hundred most frequent share one row, so that free text does not fill the table. -#}
{% set category = "case when kind <> 'unseen' or place <= 100 then category end" %}
slots as (

    {%- set rows = [] %}
    {%- for slot in slots %}
        {%- set part, name = scorehouse._text_literal(slot.column.part), scorehouse._text_literal(slot.column.name) %}
        {%- do rows.append([loop.index0, part, name, 1 if slot.kind == 'numeric' else 0]) %}
    {%- endfor %}
    {{ scorehouse._given_rows(['slot', 'part', 'feature', 'is_number'], rows) }}

),

reference_bins as (

    select * from {{ reference }}

),

other_bins as (

    select version, part, name, bin
    from reference_bins
    where kind = 'other'

),

reference_versions as (

    select
        version,
        part,
        name,
        max(case when kind = 'numeric' then 1 else 0 end) as is_number
    from reference_bins
    group by version, part, name

),

{#- One row per value: the bin of a number, or a string that may be missing from the reference. -#}
matched as (

    select
        counted.*,
        slots.part,
        slots.feature,
        case
            when counted.bin_value is null then 'missing'
            when slots.is_number = 1 then 'numeric'
            when reference_bins.kind is not null then 'category'
            when other_bins.bin is not null then 'other'
            else 'unseen'
        end as kind,
        coalesce(reference_bins.bin, case when counted.bin_value is not null then other_bins.bin end) as bin,
        reference_bins.lower,
        reference_bins.upper,
        case when slots.is_number = 0 and other_bins.bin is null or reference_bins.kind is not null
            then case when slots.is_number = 0 then counted.bin_value end
        end as category
    from counted
    inner join slots
        on counted.slot = slots.slot
    inner join reference_versions
        on counted.version = reference_versions.version
        and slots.part = reference_versions.part
        and slots.feature = reference_versions.name
        and slots.is_number = reference_versions.is_number
    left join reference_bins
        on counted.version = reference_bins.version
        and slots.part = reference_bins.part
        and slots.feature = reference_bins.name
        and (
            (slots.is_number = 1 and reference_bins.kind = 'numeric'
                and cast(reference_bins.bin as {{ text }}) = counted.bin_value)
            or (slots.is_number = 0 and reference_bins.kind = 'category'
                and reference_bins.category = counted.bin_value)
        )
    left join other_bins
        on counted.version = other_bins.version
        and slots.part = other_bins.part
        and slots.feature = other_bins.name

),

ranked as (

    select
        *,
        row_number() over (
            partition by {{ column }}, kind order by row_count desc, bin_value
        ) as place
    from matched

),

bins as (

    select
        {{ column }}, kind, bin, lower, upper,
        {{ category }} as category,
        sum(row_count) as row_count
    from ranked
    group by {{ column }}, kind, bin, lower, upper, {{ category }}

),

unseen as (

    select
        {{ column }},
        sum(row_count) as n_unseen
    from bins
    where kind = 'unseen'
    group by {{ column }}

)
{%- endmacro %}
