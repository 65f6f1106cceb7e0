{#- Whether a row has what its coverage is about: a set of classes, or both ends of an interval; none if rows of this
    table have neither. -#}
{% macro _is_bounded(spec) %}
    {% if spec['set'] %}
        {{ return('label_set is not null') }}
    {% elif spec.task == 'regression' and spec.lower and spec.upper %}
        {{ return('lower_limit is not null and upper_limit is not null') }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}


{#- The number of such rows, as `_row_weights` counts all. -#}
{% macro _bounded_weights(spec) %}
    {{ return(scorehouse._total(scorehouse._weighted(
        'case when ' ~ scorehouse._is_bounded(spec) ~ ' then 1e0 else 0e0 end', spec
    ))) }}
{% endmacro %}
