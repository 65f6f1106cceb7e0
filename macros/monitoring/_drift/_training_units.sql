{#- The CTE `training_units`: the units of the CTE `units` with their days, and `growth`: 0 if the windows of a unit are
    as independent of each other as rows are, 1 if they are all alike. NULL days: clusters, or all rows at once. -#}
{% macro _training_units(units, keys) %}
{% set order = 'over (partition by ' ~ (keys | join(', ')) ~ ' order by unit_days)' %}
dated_units as (

    select
        *,
        case unit when 'day' then 1e0 when 'week' then 7e0 when 'month' then 28e0 end as unit_days
    from {{ units }}

),

neighbours as (

    select
        *,
        lead(unit_days) {{ order }} as next_days,
        lag(unit_days) {{ order }} as days_before,
        lag(effect) {{ order }} as effect_before,
        lag(window_rows) {{ order }} as rows_before,
        ln(lead(effect) {{ order }} / effect) / nullif(ln(lead(window_rows) {{ order }} / window_rows), 0e0)
            as growth_after,
        ln(effect / lag(effect) {{ order }}) / nullif(ln(window_rows / lag(window_rows) {{ order }}), 0e0)
            as growth_before
    from dated_units

),

training_units as (

    select
        *,
        {#- With one unit alone, nothing says that its windows are independent of each other. #}
        least(1e0, greatest(0e0, coalesce(growth_after, growth_before, 1e0))) as growth
    from neighbours

)
{%- endmacro %}


{#- Whether a unit is the longest one that fits into a window: a row of `spans`. -#}
{% macro _is_fitting_unit() -%}
    (
            unit_days is null
            or (unit_days <= spans.days or days_before is null) and (next_days is null or next_days > spans.days)
        )
{%- endmacro %}


{#- The design effect in a window of n rows. Days beyond whole weeks have not all weekdays: they differ as days do. -#}
{% macro _unit_effect(n) -%}
    case
            when unit = 'cluster' then effect
            when spans.days > 1.2e0 * unit_days and days_before is not null then greatest(
                1e0 + (effect - 1e0) * {{ n }} / window_rows * {{ scorehouse._calm() }},
                (1e0 - floor(spans.days / unit_days) * unit_days / spans.days)
                * (1e0 + (effect_before - 1e0) * {{ n }} / rows_before * days_before / spans.days)
            )
            else 1e0 + (effect - 1e0) * {{ n }} / window_rows * {{ scorehouse._calm() }}
        end
{%- endmacro %}


{#- By how much the mean square of a distance is smaller in a window of `spans` than in windows of the unit: their
    number to the power of `growth - 1`. A shorter window is as if rows of the unit were independent. -#}
{% macro _calm() -%}
    case
            when unit_days is null or spans.days is null then 1e0
            when spans.days > 1.2e0 * unit_days then power(spans.days / unit_days, growth - 1e0)
            when spans.days < unit_days then unit_days / spans.days
            else 1e0
        end
{%- endmacro %}


{#- The days that each window has rows of; NULL for runs, which may score any days. A window that is not over begins
    with its first row: one week of weekly rows has not the days of the month before it. -#}
{% macro _window_spans(windows, rows, window) %}
{% set double, stamp = scorehouse._type_double(), dbt.type_timestamp() %}
{% set start, last = windows ~ '.window_start', 'max(scored.last_end)' %}
    select
        {{ windows }}.window_id,
        {%- if window == 'run' %}
        cast(null as {{ double }}) as days
        {%- else %}
        greatest(1e0, cast({{ dbt.datediff(
            'greatest(' ~ start ~ ', coalesce(case when ' ~ last ~ ' < ' ~ windows ~ '.window_end then min(case when '
                ~ 'scored.first_start >= ' ~ start ~ ' then scored.first_start end) end, min(scored.first_start)))',
            'least(' ~ windows ~ '.window_end, ' ~ last ~ ')', 'day'
        ) }} as {{ double }})) as days
        {%- endif %}
    from {{ windows }}
    {%- if window != 'run' %}
    cross join (
        select distinct
            cast(window_start as {{ stamp }}) as first_start,
            cast(window_end as {{ stamp }}) as last_end
        from {{ rows }}
    ) as scored
    group by {{ windows }}.window_id, {{ start }}, {{ windows }}.window_end
    {%- endif %}
{% endmacro %}
