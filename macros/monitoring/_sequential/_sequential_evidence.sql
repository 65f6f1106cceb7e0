{#- CTEs that end in `evidence`: the e-value of each window. For each window that a change may begin with, and each of
    twelve larger means q, the likelihood ratio of q against the limit p is
    `exp(S ln(q / p) + (n - S) ln((1 - q) / (1 - p)))`, S being the sum of n values. Its expectation is at most 1 if
    the mean is at most p, for values from 0 to 1 of any distribution, and so is that of their weighted mean.
    `by_bets`: the columns `wealth0` to `wealth11` of the windows have the logarithms of twelve ratios. -#}
{% macro _sequential_evidence(id, by_bets=false) %}
{% set names, bets = id.split(', '), scorehouse._each('wealth<value>', range(12)) %}
{% set sums = bets if by_bets else ['n', 'total'] %}
{% set exponents = bets if by_bets else scorehouse._each(
    'total * gain<value> + (n - total) * loss<value>', range(12)
) %}
{% set until_then = 'over (partition by ' ~ id
    ~ ' order by window_start, window_end rows between unbounded preceding and current row)' %}
so_far as (

    select
        *,
        row_number() over (partition by {{ id }} order by window_start, window_end) as place,
        {%- for name in sums %}
        sum({{ name }}) {{ until_then }} as {{ name }}_so_far,
        {%- endfor %}
        sum(n_rows) {{ until_then }} as rows_so_far
    from batches

),

{% if not by_bets -%}
{#- What a value of 1 adds to the logarithm of each ratio, and a value of 0: the odds of q are `exp(step)` times those
    of p. -#}
alternatives as (

    select
        null_mean
        {%- for number in range(12) %}
        {%- set step = scorehouse._double_literal(0.02 * 1.65 ** number) %},
        ln(1e0 / (null_mean + (1e0 - null_mean) * exp(-({{ step }})))) as gain{{ number }},
        ln(1e0 / (1e0 - null_mean + null_mean * exp({{ step }}))) as loss{{ number }}
        {%- endfor %}
    from (select distinct null_mean from batches) as limits

),

{% endif -%}
{#- Windows that a change may begin with weigh 1/2, 1/6, 1/12 and so on: together 1. -#}
spans as (

    select
        {{ 'so_far.' ~ (id | replace(', ', ', so_far.')) }},
        so_far.place,
        {{- '\n        so_far.null_mean,' if not by_bets }}
        {%- for name in sums %}
        so_far.{{ name }}_so_far - begun.{{ name }}_so_far + begun.{{ name }} as {{ name }},
        {%- endfor %}
        1e0 / (begun.place * (begun.place + 1e0)) as weight
    from so_far
    inner join so_far as begun
        on {{ scorehouse._same('so_far', 'begun', names) }}
        and begun.place <= so_far.place

),

e_values as (

    select
        {{ 'spans.' ~ (id | replace(', ', ', spans.')) }},
        spans.place,
        sum(weight / 12e0 * (
            {%- for exponent in exponents %}
            {{ scorehouse._exp('least(500e0, ' ~ exponent ~ ')') }}
            {{- ' +' if not loop.last }}
            {%- endfor %}
        )) + 1e0 / (spans.place + 1e0) as e_value
    from spans
    {%- if not by_bets %}
    inner join alternatives
        on spans.null_mean = alternatives.null_mean
    {%- endif %}
    group by {{ 'spans.' ~ (id | replace(', ', ', spans.')) }}, spans.place

),

series_counts as (

    select ml_model, version, count(*) * 1e0 as n_series
    from (select distinct {{ id }} from batches) as distinct_series
    group by ml_model, version

),

evidence as (

    select
        so_far.*,
        e_values.e_value,
        series_counts.n_series
    from so_far
    inner join e_values
        on {{ scorehouse._same('so_far', 'e_values', names + ['place']) }}
    inner join series_counts
        on {{ scorehouse._same('so_far', 'series_counts', ['ml_model', 'version']) }}

)
{%- endmacro %}


{#- CTEs that end in `final`: the alerts of `evidence`. `further` are columns, each followed by a comma. -#}
{% macro _sequential_alerts(id, alpha, further='') %}
judged as (

    select
        *,
        max(e_value) over (
            partition by {{ id }} order by place rows between unbounded preceding and current row
        ) as highest,
        {#- All series of a version share the error rate. #}
        n_series / {{ scorehouse._double_literal(alpha) }} as needed
    from evidence

),

final as (

    select
        {{ scorehouse._shared_columns(
            'rows_so_far', 'n_rows', has_part=false, feature="nullif(feature, '') as feature",
            status="case when highest >= needed then 'alert' else 'ok' end as status"
        ) }},
        side,
        {{ further -}}
        e_value,
        least(1e0, n_series / highest) as p_value,
        min(case when highest >= needed then window_start end) over (partition by {{ id }}) as alert_since,
        time_zone
    from judged

)
{%- endmacro %}
