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


{#- The standard deviation of a sample. With weights, divided by the root of their sum it is the error of the weighted
    mean by linearisation, however the weights go with the values. -#}
{% macro _weighted_deviation(expression, spec) %}
    {% if not spec.weight %}
        {{ return('stddev_samp(' ~ expression ~ ')') }}
    {% endif %}
    {% set n = scorehouse._total('case when (' ~ expression ~ ') is not null then w end') %}
    {% set mean = '(' ~ scorehouse._total('(' ~ expression ~ ') * w') ~ ' / ' ~ n ~ ')' %}
    {% set of_squares = scorehouse._total('(' ~ expression ~ ') * (' ~ expression ~ ') * w * w') %}
    {{ return('case when ' ~ n ~ ' > 1e0 then sqrt(greatest(0e0, ' ~ of_squares ~ ' - 2e0 * ' ~ mean ~ ' * '
        ~ scorehouse._total('(' ~ expression ~ ') * w * w') ~ ' + ' ~ mean ~ ' * ' ~ mean ~ ' * '
        ~ scorehouse._total('case when (' ~ expression ~ ') is not null then w * w end')
        ~ ') / (' ~ n ~ ' - 1e0)) end') }}
{% endmacro %}


{#- How many rows of equal weight say as much of a share: by Kish, or fewer by linearisation, where heavy weights are on
    one side. `of_row` is 1, 0, or NULL where a row does not count. -#}
{% macro _rows_of_share(of_row, spec) %}
    {% if not spec.weight %}
        {{ return('count(' ~ of_row ~ ') * 1e0') }}
    {% endif %}
    {% set sums = [] %}
    {% for value in ['1', '0'] %}
        {% for weight in ['w', 'w * w'] %}
            {% do sums.append('coalesce(' ~ scorehouse._total(
                'case when (' ~ of_row ~ ') = ' ~ value ~ ' then ' ~ weight ~ ' end') ~ ', 0e0)') %}
        {% endfor %}
    {% endfor %}
    {% set hits, hits2, misses, misses2 = sums %}
    {% set all = '(' ~ hits ~ ' + ' ~ misses ~ ')' %}
    {% set odds = '(' ~ misses ~ ' / nullif(' ~ hits ~ ', 0e0))' %}
    {{ return(all ~ ' * ' ~ all ~ ' / nullif(greatest(' ~ hits2 ~ ' + ' ~ misses2 ~ ', coalesce(' ~ odds ~ ' * '
        ~ hits2 ~ ' + ' ~ misses2 ~ ' / nullif(' ~ odds ~ ', 0e0), 0e0)), 0e0)') }}
{% endmacro %}
