{#- What a model can learn from: each live prediction with the label that came true after it, and with the
    features as they were known when it was made. `label_status` says why a row has no label. -#}
{% macro training_set(
    predictions, labels, key, label, features=none, at='as_of', label_time=none, matures_after=none, until=none,
    keep=[], only_labelled=true, event_time=none, known_at=none, columns=none, ttl=none, delay=none, prefix=none
) %}
    {% set call = 'training_set' %}
    {% do scorehouse._check_relation(call, 'predictions', predictions, 'churn_history_predictions') %}
    {% do scorehouse._check_relation(call, 'labels', labels, 'churn_labels') %}
    {% set label_names = scorehouse._column_list(call, 'label', label, 'churned') %}
    {% do scorehouse._column_list(call, 'at', at, 'as_of') %}
    {% do scorehouse._check_bool(call, 'only_labelled', only_labelled) %}
    {% set sources = scorehouse._feature_sources(
        call=call, features=features, key=key, event_time=event_time, known_at=known_at, columns=columns, ttl=ttl,
        delay=delay, prefix=prefix
    ) if features is not none else [] %}
    {% set spec = {
        'key': scorehouse._column_list(call, 'key', key, 'customer_id'),
        'labels': label_names, 'label_time': label_time, 'at': at, 'until': until,
        'matures_after': scorehouse._duration_seconds(call, 'matures_after', matures_after),
        'keep': scorehouse._column_list(call, 'keep', keep, 'score') if keep else [],
        'only_labelled': only_labelled
    } %}
    {% set own, names = spec.key + [at] + spec.keep + ['model_version'] + label_names, [] %}
    {% do own.extend([label_time, 'label_status']) %}
    {% for name in own if name and scorehouse._bare_name(name) | lower not in names | map('lower') %}
        {% do names.append(scorehouse._bare_name(name)) %}
    {% endfor %}
    {% do spec.update({'columns': names}) %}
    {% set spine = scorehouse._labelled_spine(predictions, labels, spec) %}
    {% if not sources %}
        {{ return(spine) }}
    {% endif %}
    {{ return(scorehouse._as_of_statement(call, 'select * from (' ~ spine ~ ') as labelled', names, at, sources)) }}
{% endmacro %}
