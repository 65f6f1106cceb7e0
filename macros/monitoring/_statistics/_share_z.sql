{#- The z statistic of one share against another, with the pooled standard deviation. -#}
{% macro _share_z(hits, n, hits_reference, n_reference) %}
    {% set pooled = '((' ~ hits ~ ' + ' ~ hits_reference ~ ') / nullif(' ~ n ~ ' + ' ~ n_reference ~ ', 0e0))' %}
    {{ return('(' ~ hits ~ ' / nullif(' ~ n ~ ', 0e0) - ' ~ hits_reference ~ ' / nullif(' ~ n_reference ~ ', 0e0))'
        ~ ' / nullif(sqrt(greatest(0e0, ' ~ pooled ~ ' * (1e0 - ' ~ pooled ~ '))'
        ~ ' * (1e0 / nullif(' ~ n ~ ', 0e0) + 1e0 / nullif(' ~ n_reference ~ ', 0e0))), 0e0)') }}
{% endmacro %}
