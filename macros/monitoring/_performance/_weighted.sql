{#- An expression of the rows of `usable` times the weight of the row, to be summed. -#}
{% macro _weighted(expression, spec) %}
    {{ return('(' ~ expression ~ ') * w' if spec.weight else expression) }}
{% endmacro %}


{#- The number of rows; with weights, how many rows of equal weight would say as much. -#}
{% macro _row_weights(spec) %}
    {{ return(scorehouse._total('w') if spec.weight else 'count(*) * 1e0') }}
{% endmacro %}


{#- The mean over rows where the expression is not NULL. -#}
{% macro _weighted_mean(expression, spec) %}
    {% if not spec.weight %}
        {{ return(scorehouse._mean(expression)) }}
    {% endif %}
    {{ return(scorehouse._total('(' ~ expression ~ ') * w') ~ ' / nullif('
        ~ scorehouse._total('case when (' ~ expression ~ ') is not null then w end') ~ ', 0e0)') }}
{% endmacro %}


{#- The standard deviation of a sample. -#}
{% macro _weighted_deviation(expression, spec) %}
    {% if not spec.weight %}
        {{ return('stddev_samp(' ~ expression ~ ')') }}
    {% endif %}
    {% set sum = scorehouse._total('(' ~ expression ~ ') * w') %}
    {% set n = scorehouse._total('case when (' ~ expression ~ ') is not null then w end') %}
    {{ return('case when ' ~ n ~ ' > 1e0 then sqrt(greatest(0e0, '
        ~ scorehouse._total('(' ~ expression ~ ') * (' ~ expression ~ ') * w') ~ ' - ' ~ sum ~ ' * ' ~ sum
        ~ ' / ' ~ n ~ ') / (' ~ n ~ ' - 1e0)) end') }}
{% endmacro %}
