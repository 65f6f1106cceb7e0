{#- Columns `is_<metric>_blind`: 1 where the limit that training gives hides a change that nobody would overlook: of the
    mean by two standard deviations, of the spread by a factor of ten, all rows in one bin. A light that is blind is
    grey. What windows differ by without a change may point the other way, hence 1.6 errors. -#}
{% macro _blind_lights() %}
{% set unknown, critical = '1e9', '3.7e0' %}
{% set sizes = {'mean_shift': ('mean_error', '2e0'), 'spread_shift': ('spread_error', '2.3e0')} %}
{% set moved = [] %}
{%- for metric, (error, size) in sizes.items() %}
    {%- do moved.append(
        'least(greatest(coalesce(' ~ metric ~ '_usual, 0e0), 3e0 * ' ~ error ~ '), coalesce(' ~ metric ~ '_beyond, '
        ~ unknown ~ ')) + 1.6e0 * ' ~ error ~ ' > ' ~ size
    ) %}
        case when is_learned = 1 and {{ moved[loop.index0] }} then 1 else 0 end as is_{{ metric }}_blind,
{%- endfor %}
        {#- Wilson and Hilferty (1931): what chi-square exceeds in one of 10,000 windows. #}
        case when is_learned = 1 and (
            coalesce(psi_beyond, psi_most) >= 0.95e0 * psi_most and (
                psi_usual >= 0.95e0 * psi_most
                or psi_most / (noise * psi_effect) < psi_dof * power(
                    1e0 - 2e0 / nullif(9e0 * psi_dof, 0e0) + {{ critical }} * sqrt(2e0 / nullif(9e0 * psi_dof, 0e0)), 3
                )
            )
            or {{ moved[0] }}
        ) then 1 else 0 end as is_psi_blind
{%- endmacro %}
