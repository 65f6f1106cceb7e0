{% test gap_at_most(model, column, metrics, latest=true, min_rows=30) %}
    {% set call = 'gap_at_most' %}
    {% set column = scorehouse._column_list(call, 'column', column, 'region') | join('+') %}
    {% do scorehouse._check_metrics(call, metrics, 'limits of the gap by metric', '{recall: 0.1}', lowest=0) %}
    {% do scorehouse._check_number(call, 'min_rows', min_rows, 'write a number of rows', lowest=1) %}

{#- The interval of a gap comes from those of both segments (Newcombe 1998, method 10; Zou and Donner 2008):
    https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I -#}
{% set prefix = column ~ '=' %}
{% set gap = 'higher.value - lower.value' %}
{% set half = 'sqrt((higher.value - higher.value_low) * (higher.value - higher.value_low)'
    ~ ' + (lower.value_high - lower.value) * (lower.value_high - lower.value))' %}

with measured as (

    {{ scorehouse._mature_rows(call, model, metrics, true, latest, 0) }}

),

segments as (

    select
        *,
        {{ scorehouse._case_of('metric', metrics) }} as largest_gap
    from measured
    where substr(segment, 1, {{ prefix | length }}) = {{ scorehouse._text_literal(prefix) }}
        and segment <> {{ scorehouse._text_literal(prefix ~ '(small groups)') }}
        and value_low is not null
        and value_high is not null
        and case when metric = 'rejected_share' then n_reference else n_current end >= {{ min_rows }}

),

pairs as (

    select
        higher.ml_model,
        higher.version,
        higher.metric,
        higher.window_start,
        higher.window_end,
        lower.segment as lower_segment,
        lower.value as lower_value,
        higher.segment as higher_segment,
        higher.value as higher_value,
        {{ gap }} as gap,
        higher.largest_gap,
        {{ scorehouse._steps_beyond('(' ~ gap ~ ' - higher.largest_gap)', half) }} as steps
    from segments as higher
    inner join segments as lower
        on {{ scorehouse._same('higher', 'lower', ['ml_model', 'version', 'metric', 'window_start']) }}
        and (higher.value > lower.value or higher.value = lower.value and higher.segment > lower.segment)

),

gaps as (

    {#- Two-sided: which segment of a pair is the higher one is seen from the same labels. #}
    select *, {{ scorehouse._two_sided_p('steps') }} as p_value
    from pairs

),

{{ scorehouse._holm('gaps', 'judged', 'ml_model, version, window_start') }}

select
    ml_model,
    version,
    metric,
    window_start,
    window_end,
    lower_segment,
    lower_value,
    higher_segment,
    higher_value,
    gap,
    largest_gap,
    adjusted_p as p_value
from judged
where adjusted_p < 0.01e0
{% endtest %}
