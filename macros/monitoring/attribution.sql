{#- The select of a table of attributions: how much each feature moved the scores of a window, from stored reasons, and
    which features moved their mean from one window to another. -#}
{% macro attribution(
    predictions, day=none, period='month', segments=[], baseline=none, thresholds={'rank_agreement': 0.9}
) %}
    {% set call = 'attribution' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% do scorehouse._check_period(call, period) %}
    {% do scorehouse._check_keys(call, 'thresholds', thresholds, ['rank_agreement']) %}
    {% set limit = thresholds.get('rank_agreement') %}
    {% do scorehouse._check_number(
        call, 'thresholds', limit, 'write `thresholds: {rank_agreement: 0.9}`', lowest=0, highest=1, optional=true
    ) %}
    {% set spec = {
        'day': scorehouse._identifier(day or 'scored_at'), 'period': period, 'limit': limit, 'baseline': baseline,
        'segmentations': scorehouse._segmentations(call, segments)
    } %}

    {% if not scorehouse._is_loaded(call, 'predictions', predictions) %}
        {{ return('select 1 as never_built') }}
    {% endif %}
    {% set found = scorehouse._existing_columns(predictions) | map('lower') | list %}
    {% set reasons = scorehouse._contributions(
        call, 'predictions', predictions, found,
        'score with `reasons`: as many as there are features, perhaps for a sample of the rows', is_plain=true
    ) %}
    {% do spec.update({
        'count': reasons[''] | length, 'has_challengers': 'is_live' in found,
        'has_runs': period == 'day' and 'scoring_run_id' in found
    }) %}

with {{ scorehouse._attribution_sums(predictions, spec) }},

{{ scorehouse._attribution_shifts(spec) }},

final as (

    select
        {{ scorehouse._shared_columns('reference_rows', 'n', run_id='run_id') }},
        reference_value,
        value - reference_value as reference_shift,
        previous_value,
        value - previous_value as previous_shift,
        reference_start,
        n / n_scored as explained_share,
        unit,
        cast(place as {{ dbt.type_int() }}) as place,
        {{ scorehouse._zone_of(spec.day, [predictions]) }} as time_zone
    from judged

)

select * from final
{% endmacro %}
