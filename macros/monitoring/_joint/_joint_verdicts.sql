{#- CTEs from `sums` to `judged`: correlations, compared with those of training by Fisher's transform. Its variance, and
    by how much windows of training differ, were learned at registration. -#}
{% macro _joint_verdicts(reference, spec) %}
{% set double = scorehouse._type_double() %}
{% set limit = scorehouse._double_literal(spec.limits.joint_shift) %}
{% set least = scorehouse._double_literal(spec.min_effect) %}
{% set alpha = scorehouse._double_literal(spec.limits.p_value) %}
known as (

    select version, name, category as other, lower as reference_correlation, upper as factor,
        cast(row_count as {{ double }}) as n_reference
    from {{ reference }}
    where kind = 'pair'

),

pair_units as (

    select
        version,
        name,
        {{ dbt.split_part('category', "' '", 1) }} as unit,
        {{ dbt.right('category', dbt.length('category') ~ ' - '
            ~ dbt.length(dbt.split_part('category', "' '", 1)) ~ ' - 1') }} as other,
        lower as effect,
        cast(row_count as {{ double }}) as window_rows
    from {{ reference }}
    where kind = 'pair_window'

),

{{ scorehouse._training_units('pair_units', ['version', 'name', 'other']) }},

windows as (

    select distinct
        window_start as window_id,
        window_start,
        {{ scorehouse._period_end(spec.period) }} as window_end
    from sums

),

scored_days as (

    select
        min({{ spec.day }}) as window_start,
        {{ dbt.dateadd('day', 1, 'max(' ~ spec.day ~ ')') }} as window_end
    from predictions

),

spans as (

    {{ scorehouse._window_spans('windows', 'scored_days', spec.period) }}

),

correlated as (

    select
        sums.*,
        known.reference_correlation,
        known.factor,
        known.n_reference,
        greatest(1e0, coalesce({{ scorehouse._unit_effect('n') }}, 1e0)) as effect,
        case when n * aa > a * a and n * bb > b * b then
            (n * ab - a * b) / (sqrt(n * aa - a * a) * sqrt(n * bb - b * b))
        end as correlation
    from sums
    left join known
        on {{ scorehouse._same('sums', 'known', ['version', 'name', 'other']) }}
    inner join spans
        on sums.window_start = spans.window_id
    left join training_units
        on {{ scorehouse._same('sums', 'training_units', ['version', 'name', 'other']) }}
        and {{ scorehouse._is_fitting_unit() }}
    {#- another version may have other pairs, or none #}
    where known.name is not null or sums.version not in (select version from known)

),

compared as (

    select
        *,
        abs(correlation - reference_correlation) as value,
        sqrt(factor * (effect / nullif(n, 0e0) + 1e0 / n_reference)) as fisher_error,
        least(0.999e0, greatest(-0.999e0, correlation)) as held_correlation
    from correlated

),

measured as (

    select
        ml_model, version, window_start, n, n_reference, effect, correlation, reference_correlation, value,
        {{ scorehouse._period_end(spec.period) }} as window_end,
        'feature' as part,
        name || ' and ' || other as feature,
        'all' as segment,
        'joint_shift' as metric,
        {{ limit }} as threshold,
        case when value is not null then 1 else 0 end as is_judged,
        fisher_error * (1e0 - reference_correlation * reference_correlation) as standard_error,
        abs(
            ln((1e0 + held_correlation) / (1e0 - held_correlation))
            - ln((1e0 + reference_correlation) / (1e0 - reference_correlation))
        ) / 2e0 / fisher_error as fisher_z
    from compared

),

tested as (

    select
        *,
        {{ scorehouse._two_sided_p('fisher_z') }} as p_value
    from measured

),

{{ scorehouse._false_discovery('tested', 'adjusted', 'ml_model, version, window_start') }},

judged as (

    select
        *,
        case
            when reference_correlation is null then 'not_judged'
            when value is null or n < 50e0 then 'too_small'
            when value >= threshold and q_value < {{ alpha }} then 'drift'
            when 3e0 * standard_error > threshold * sqrt(effect) then 'too_small'
            when 3e0 * standard_error > threshold or value >= threshold then 'not_judged'
            when value >= {{ least }} and q_value < {{ alpha }} then 'small_drift'
            else 'ok'
        end as status,
        case
            when reference_correlation is null
                then 'the reference of this version has no pairs: learn it again by `scorehouse reference`'
            when n < 50e0 then 'fewer than 50 rows have both values'
            when value is null then 'one of the two has one value only'
            when value >= threshold and q_value < {{ alpha }} then 'beyond its threshold by more than chance'
            when 3e0 * standard_error > threshold * sqrt(effect) then 'the threshold may be chance in so few rows'
            when 3e0 * standard_error > threshold then 'windows of training differ as much'
            when value >= threshold then 'beyond its threshold, which may be chance'
            when effect > 1e0 then 'compared with how much windows of training differ'
            else 'rows judged as independent'
        end as reason
    from adjusted

)
{%- endmacro %}
