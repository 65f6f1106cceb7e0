{#- CTEs that end in `measured`: one row per prediction, with its value `v` and the text of each column, `d0`, `d1`
    and so on. Numbers are cut into parts of equally many rows. -#}
{% macro _worst_segment_values(predictions, labels, features, spec) %}
{% set double, stamp = scorehouse._type_double(), dbt.type_timestamp() %}
{% do scorehouse._known_classes(predictions, labels if spec.is_labelled else none, spec) %}
{% do spec.update({
    'known': scorehouse._classes_of(scorehouse._registered_versions_of(predictions)) or [spec.positive]
}) %}
{%- set is_training = scorehouse._is_training_row(predictions, spec, 'predictions') if spec.is_labelled %}
{{ scorehouse._live_rows(predictions, labels if spec.is_labelled else none, spec) }},

valued as (

    select
        predictions.model_name as ml_model,
        predictions.model_version as version,
        cast(predictions.{{ spec.day }} as {{ stamp }}) as moment,
        {%- if spec.compare_from %}
        case when predictions.{{ spec.day }} >= {{ scorehouse._moment(spec.compare_from) }} then 1 else 0 end
        {%- else %}
        1
        {%- endif %} as is_current,
        {%- for name in spec.names %}
        {{ scorehouse._segment_expression([name], features) }} as d{{ loop.index0 }},
        {%- endfor %}
        {%- for name in spec.numbers %}
        cast({{ scorehouse._profile_column(name, features) }} as {{ double }}) as x{{ loop.index0 }},
        {%- endfor %}
        {{ scorehouse._worst_segment_value(spec) }} as v
    from live as predictions
    {%- if features is not none %}
    left join {{ scorehouse._named(features, 'features') }}
        on {{ scorehouse._same('predictions', 'features', spec.key) }}
    {%- endif %}
    where predictions.{{ spec.day }} is not null
        {%- if is_training %}
        and case when {{ is_training }} then 1 else 0 end < 1
        {%- endif %}
        {{ scorehouse._in_days('predictions.' ~ spec.day, spec.date_from, spec.date_to) }}

),

finite as (

    select
        *
        {%- for name in spec.numbers %},
        case when {{ scorehouse._is_finite('x' ~ loop.index0) }} then x{{ loop.index0 }} end as f{{ loop.index0 }}
        {%- endfor %}
    from valued
    where {{ scorehouse._is_finite('v') }}

),

{%- if spec.numbers %}

edges as (

    select
        {%- for name in spec.numbers %}
        {%- set i = loop.index0 %}
        {%- for part in range(1, spec.parts | int) %}
        percentile_cont({{ scorehouse._double_literal(part / spec.parts) }})
            within group (order by f{{ i }}) as e{{ i }}_{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}{{ ',' if not loop.last }}
        {%- endfor %}
    from finite

),
{%- endif %}

measured as (

    select
        ml_model, version, moment, is_current, v
        {%- for name in spec.names %}, d{{ loop.index0 }}{% endfor %}
        {%- for name in spec.numbers %},
        {{ scorehouse._part_name('f' ~ loop.index0, 'e' ~ loop.index0, spec.parts | int) }}
            as d{{ loop.index0 + spec.names | length }}
        {%- endfor %}
    from finite
    {%- if spec.numbers %}
    cross join edges
    {%- endif %}

)
{%- endmacro %}


{#- The value of a row of `live`; NULL for rows that do not count. -#}
{% macro _worst_segment_value(spec) -%}
    {%- set double = scorehouse._type_double() %}
    {%- set score = 'cast(predictions.' ~ spec.score ~ ' as ' ~ double ~ ')' %}
    {%- if spec.measure == 'rejected_share' -%}
        case when predictions.row_status = 'rejected' then 1e0 else 0e0 end
    {%- else -%}
        case when predictions.row_status = 'scored'
            {{- ' and predictions.scorehouse_label is not null' if spec.is_labelled }} then
        {%- if spec.measure == 'score_shift' %} {{ score }}
        {%- elif spec.measure == 'error_rate' %}
            case when {{ scorehouse._label_text('predictions.' ~ spec.prediction, spec.known) }}
                = {{ scorehouse._label_text('predictions.scorehouse_label', spec.known) }} then 0e0 else 1e0 end
        {%- elif spec.task == 'regression' %} {{ scorehouse._row_loss(
            spec.measure, 'cast(predictions.' ~ spec.prediction ~ ' as ' ~ double ~ ')',
            'cast(predictions.scorehouse_label as ' ~ double ~ ')'
        ) }}
        {%- else %} {{ scorehouse._row_loss(
            spec.measure, score, scorehouse._is_positive('predictions.scorehouse_label', spec.positive)
        ) }}
        {%- endif %} end
    {%- endif %}
{%- endmacro %}


{#- The part of a number as text, such as `<= 10`, `from 10 to 20` and `> 20`. -#}
{% macro _part_name(value, edge, parts) -%}
    case
            when {{ value }} is null then '= (null)'
            {%- for part in range(1, parts) %}
            when {{ value }} <= {{ edge }}_{{ part }} then {% if part == 1 -%}
                '<= ' || {{ scorehouse._number_text(edge ~ '_1') }}
            {%- else -%}
                'from ' || {{ scorehouse._number_text(edge ~ '_' ~ (part - 1)) }}
                || ' to ' || {{ scorehouse._number_text(edge ~ '_' ~ part) }}
            {%- endif %}
            {%- endfor %}
            else '> ' || {{ scorehouse._number_text(edge ~ '_' ~ (parts - 1)) }}
        end
{%- endmacro %}
