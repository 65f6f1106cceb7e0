{#- The recursive CTE `adapted`: a row per window, with the level that it asks for, and the calibrated level that serves
    it. The next level asks for `rate` times as much more as the newest known window fell short. `known_1` is the
    coverage of the window itself, `known_2` that of the window before, as far back as labels are late. -#}
{% macro _adapted(spec, target) %}
{% set own = ['ml_model', 'version', 'place', 'window_start', 'window_end'] %}
{% set measures = ['interval_level', 'coverage', 'n_labelled'] %}
{% set known = scorehouse._each('known_<value>', range(1, spec.lag)) %}
{#- Redshift needs the names of the columns of a recursive query, and BigQuery does not take them:
    https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html
    https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#with_clause -#}
{% set names = (own + ['asked_level'] + measures + known + ['next_level']) | join(', ') %}
adapted{{ scorehouse._by_database({'default': ' (' ~ names ~ ')', 'bigquery': ''}) }} as (

    select
        {% for name in own %}{{ name }}, {% endfor -%}
        {{ target }} as asked_level,
        {% for name in measures %}{{ name }}, {% endfor -%}
        {%- for place in range(1, spec.lag) %}
        {{ 'coverage' if place == 1 else 'cast(null as ' ~ scorehouse._type_double() ~ ')' }} as known_{{ place }},
        {%- endfor %}
        {{ scorehouse._next_level(target, 'coverage', spec) if spec.lag == 1 else target }} as next_level
    from steps
    where place = 1
        and {{ target }} > above + 1e-9
        and {{ target }} <= up_to + 1e-9

    union all

    select
        {% for name in own %}steps.{{ name }}, {% endfor -%}
        adapted.next_level,
        {% for name in measures %}steps.{{ name }}, {% endfor -%}
        {%- for place in range(1, spec.lag) %}
        {{ 'steps.coverage' if place == 1 else 'adapted.known_' ~ (place - 1) }},
        {%- endfor %}
        {{ scorehouse._next_level(
            'adapted.next_level', 'steps.coverage' if spec.lag == 1 else 'adapted.known_' ~ (spec.lag - 1), spec
        ) }}
    from adapted
    inner join steps
        on {{ scorehouse._same('adapted', 'steps', ['ml_model', 'version']) }}
        and adapted.place + 1 = steps.place
        and adapted.next_level > steps.above + 1e-9
        and adapted.next_level <= steps.up_to + 1e-9

)
{%- endmacro %}


{#- Between 0 and 1: a level that no calibration has would only delay the way back. -#}
{% macro _next_level(asked, coverage, spec) %}
    {% set target = scorehouse._double_literal(spec.level) %}
    {{ return('cast(greatest(0e0, least(1e0, ' ~ asked ~ ' + ' ~ scorehouse._double_literal(spec.rate) ~ ' * ('
        ~ target ~ ' - coalesce(' ~ coverage ~ ', ' ~ target ~ ')))) as ' ~ scorehouse._type_double() ~ ')') }}
{% endmacro %}


{#- The distance from the prediction of a row of `usable` to its label, as the calibrations have it. -#}
{% macro _distance_of_usable(spec) %}
    {% if spec.set_classes %}
        {% set scores = scorehouse._each('score_<place>', spec.set_classes) if spec.set_classes | length > 2
            else scorehouse._both_scores('score', spec) %}
        {{ return(scorehouse._set_distance(scores, spec)) }}
    {% endif %}
    {% set low, high = ('lower_limit', 'upper_limit') if spec.lower else ('score', 'score') %}
    {{ return('case when ' ~ low ~ ' - y > y - ' ~ high ~ ' then ' ~ low ~ ' - y else y - ' ~ high ~ ' end') }}
{% endmacro %}
