{#- CTEs from `adjusted` to `visible`: the same rows with `minimum_detectable`, the smallest change, in the unit of the
    value, that the verdict finds in 80 % of windows like this one; NULL for shares. `is_blind` is 1 where that is more
    than the feature can do, or a change that nobody would overlook: of the mean by two standard deviations, of the
    spread by a factor of ten, all rows in one bin. -#}
{% macro _minimum_detectable(cut, alpha) %}
{% set shapes = scorehouse._metrics().drift['shape'] | join("', '") %}
{#- Twice the logarithm of how rare the first of all verdicts of the window must be. #}
{% set rarity = '2e0 * ln(greatest(3e0, case when metric = \'psi\' and chance_floor > 0.05e0 then 1e6 '
    ~ 'else n_judged / nullif(' ~ alpha ~ ', 0e0) end))' %}
{% set by_feature = 'over (partition by ' ~ cut ~ ', part, feature)' %}
certainties as (

    select
        *,
        {#- The quantile of the normal distribution, to 0.02. #}
        sqrt({{ rarity }} - ln(1.5708e0 * {{ rarity }})) as certainty
    from adjusted

),

reached as (

    select
        *,
        greatest(
            threshold + case when metric = 'psi' and psi_floor > 0.05e0 then chance_floor else 0e0 end,
            {#- Wilson and Hilferty (1931): the same quantile of chi-square. #}
            least(coalesce(beyond_value, 1e9), case when metric = 'psi' then
                chance_error * chance_error * psi_dof * power(
                    1e0 - 2e0 / (9e0 * greatest(1e0, psi_dof)) + certainty * sqrt(2e0 / (9e0 * greatest(1e0, psi_dof))),
                    3
                )
            else certainty * chance_error end)
        ) as limit_value
    from certainties

),

sizes_of_change as (

    select
        *,
        {#- In one of five windows, what they differ by anyway makes a change smaller by 0.84 errors or more. PSI is a
            squared distance. #}
        case
            when is_judged = 0 then null
            when metric = 'psi' then power(sqrt(limit_value) + 0.84e0 * chance_error, 2)
            else limit_value + 0.84e0 * chance_error
        end as minimum_detectable
    from reached

),

moved as (

    select
        *,
        max(case when metric = 'psi' then minimum_detectable / nullif(psi_most, 0e0) end) {{ by_feature }} as psi_part,
        max(case when metric = 'mean_shift' then minimum_detectable end) {{ by_feature }} as mean_minimum
    from sizes_of_change

),

visible as (

    select
        *,
        case
            when is_learned = 0 then 0
            when metric = 'spread_shift' and minimum_detectable > 2.3e0 then 1
            when metric in ('mean_shift', '{{ shapes }}') and mean_minimum > least(2e0, coalesce(farthest, 2e0)) then 1
            when metric in ('{{ shapes }}') and psi_part > 1e0 then 1
            else 0
        end as is_blind
    from moved

)
{%- endmacro %}
