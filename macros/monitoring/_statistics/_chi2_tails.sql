{#- The CTE that `_chi2_sf` reads, followed by a comma; nothing where it needs none. `pairs` are columns of
    `source`: each statistic with its degrees of freedom, of which there are at most 2,000. -#}
{% macro _chi2_tails(source, pairs) %}
    {{ return(adapter.dispatch('_chi2_tails', 'scorehouse')(source, pairs)) }}
{% endmacro %}

{#- Without lgamma, which came with PostgreSQL 18, without a function that makes rows, and without a correlated
    subquery, which Snowflake and BigQuery do not have: a join with the logarithms of the factorials. -#}
{% macro default___chi2_tails(source, pairs) %}
{% set double = scorehouse._type_double() %}
{% set half, is_even = 'floor(cast(tail_dof as ' ~ double ~ ') / 2e0)', 'mod(tail_dof, 2) = 0' %}
chi2_digits as (

    {{ scorehouse._given_rows(['digit'], [[0], [1], [2], [3], [4], [5], [6], [7], [8], [9]]) }}

),

chi2_numbers as (

    select cast(ones.digit + 10 * tens.digit + 100 * hundreds.digit as {{ double }}) as term
    from chi2_digits as ones
    cross join chi2_digits as tens
    cross join chi2_digits as hundreds

),

{#- of the even and of the odd degrees of freedom: ln(term!) and ln(gamma(term + 3/2)) -#}
chi2_logs as (

    select
        term,
        sum(case when term > 0e0 then ln(greatest(term, 1e0)) else 0e0 end) over (
            order by term rows between unbounded preceding and current row
        ) as even_log,
        sum(ln(term + 0.5e0)) over (
            order by term rows between unbounded preceding and current row
        ) + 0.57236494292470008707e0 as odd_log
    from chi2_numbers

),

chi2_asked as (

    {%- for x, dof in pairs.items() %}
    select {{ x }} as tail_x, cast({{ dof }} as {{ dbt.type_bigint() }}) as tail_dof
    from {{ source }}
    where {{ x }} is not null
        and {{ dof }} >= 1
    {{ 'union distinct' if target.type == 'bigquery' and not loop.last else 'union' if not loop.last }}
    {%- endfor %}

),

chi2_terms as (

    select
        tail_x,
        tail_dof,
        case
            when {{ is_even }} then -tail_x / 2e0 + term * ln(tail_x / 2e0) - even_log
            else -tail_x / 2e0 + (term + 0.5e0) * ln(tail_x / 2e0) - odd_log
        end as exponent
    from chi2_asked
    inner join chi2_logs
        on term < {{ half }}
    where tail_x > 0e0

),

chi2_sums as (

    select tail_x, tail_dof, sum({{ scorehouse._exp('exponent') }}) as tail_sum
    from chi2_terms
    group by tail_x, tail_dof

),

chi2_roots as (

    select
        chi2_asked.tail_x,
        chi2_asked.tail_dof,
        coalesce(tail_sum, 0e0) as tail_sum,
        sqrt(greatest(chi2_asked.tail_x, 0e0) / 2e0) as root
    from chi2_asked
    left join chi2_sums
        on chi2_asked.tail_x = chi2_sums.tail_x
        and chi2_asked.tail_dof = chi2_sums.tail_dof

),

chi2_tails as (

    select
        tail_x,
        tail_dof,
        case
            when tail_x <= 0e0 then 1e0
            when {{ is_even }} then least(1e0, tail_sum)
            else least(1e0, {{ scorehouse._erfc('root') }} + tail_sum)
        end as tail_p
    from chi2_roots

),
{% endmacro %}

{% macro spark___chi2_tails(source, pairs) %}
{% endmacro %}


{#- The joins of `source` with that CTE. -#}
{% macro _chi2_joins(source, pairs) %}
    {{ return(adapter.dispatch('_chi2_joins', 'scorehouse')(source, pairs)) }}
{% endmacro %}

{% macro default___chi2_joins(source, pairs) %}
    {%- for x, dof in pairs.items() %}
    left join chi2_tails as tail_of_{{ x }}
        on {{ source }}.{{ x }} = tail_of_{{ x }}.tail_x
        and {{ source }}.{{ dof }} = tail_of_{{ x }}.tail_dof
    {%- endfor %}
{% endmacro %}

{% macro spark___chi2_joins(source, pairs) %}
{% endmacro %}
