{#- Each row of a spine with the feature values that were known at its time: of the rows of its key that had
    happened and were known by then, the one that happened last; of two of the same time, the one that became
    known last. A row of the spine is never dropped or doubled. -#}
{% macro features_as_of(
    spine, features, key, at='as_of', event_time=none, known_at=none, columns=none, ttl=none, delay=none, prefix=none
) %}
    {% set call = 'features_as_of' %}
    {% do scorehouse._check_relation(call, 'spine', spine, 'churn_history_predictions') %}
    {% do scorehouse._column_list(call, 'at', at, 'as_of') %}
    {% set sources = scorehouse._feature_sources(
        call=call, features=features, key=key, event_time=event_time, known_at=known_at, columns=columns, ttl=ttl,
        delay=delay, prefix=prefix
    ) %}
    {{ return(scorehouse._as_of_statement(
        call, 'select * from ' ~ spine, scorehouse._existing_columns(spine), at, sources
    )) }}
{% endmacro %}
