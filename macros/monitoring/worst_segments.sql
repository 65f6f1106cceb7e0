{#- The select of the worst segments: the groups of rows, by one to three columns, in which an ML model is certainly
    worse than in all other rows, or has moved from what it was. The worst come first. -#}
{% macro worst_segments(
    predictions, columns, measure, labels=none, key=none, label=none, features=none, numbers=[], depth=2, options={}
) %}
    {% set call = 'worst_segments' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_predictions') %}
    {% set names = scorehouse._column_list(call, 'columns', columns, 'country') if columns else [] %}
    {% set cut = scorehouse._column_list(call, 'numbers', numbers, 'spend') if numbers else [] %}
    {% set measures = scorehouse._metrics().segments %}
    {% do scorehouse._check_choice(call, 'measure', measure, measures, 'rejected_share') %}
    {% do scorehouse._check_rules(call, [
        ('columns', columns, not names + cut, 'at least one column, here or in `numbers`',
            'write `columns: [country]`'),
        ('depth', depth, depth not in [1, 2, 3] or (names + cut) | length > 12,
            '1, 2 or 3, for at most twelve columns', 'write `depth: 2`, and fewer columns'),
    ]) %}
    {% if 'labels' in measures[measure] %}
        {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% endif %}
    {% do scorehouse._check_relation(call, 'features', features, 'churn_features', optional=true) %}
    {% set spec = scorehouse._worst_segment_spec(
        call=call, measure=measure, key=key, label=label, features=features, depth=depth, options=options
    ) %}
    {% do spec.update({'names': names, 'numbers': cut}) %}

{% set int = dbt.type_int() %}
with {{ scorehouse._worst_segment_values(predictions, labels, features, spec) }},

{{ scorehouse._worst_segment_sums(spec) }},

{{ scorehouse._worst_segment_verdicts(spec) }},

final as (

    select
        {{ scorehouse._shared_columns('n_rest', 'n', has_part=false) }},
        cast(depth as {{ int }}) as depth,
        rest_value,
        difference,
        difference_low,
        n / n_all as share_of_rows,
        p_value,
        q_value,
        cast(place as {{ int }}) as place,
        {{ scorehouse._zone_of(spec.day, [predictions]) }} as time_zone
    from placed
    where place <= {{ spec.max_segments }}

)

select * from final
{% endmacro %}
