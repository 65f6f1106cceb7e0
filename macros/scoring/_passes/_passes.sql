{# The passes of the materialization: the batches of a microbatch model, or else the slices of a backfill. #}
{% macro _passes(existing) %}
    {% if config.get('incremental_strategy') != 'microbatch' %}
        {{ return(scorehouse._backfill_slices()) }}
    {% endif %}
    {% set is_built = existing is not none and existing.is_table and not should_full_refresh() %}
    {% set batches = scorehouse._event_time_batches(is_built) %}
    {% for batch in batches %}
        {% do batch.update({'full_refresh': should_full_refresh() and loop.first}) %}
    {% endfor %}
    {{ return(batches) }}
{% endmacro %}
