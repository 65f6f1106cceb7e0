{# The slices of the backfill that the variable requests, oldest first; without it, one slice, open at both
   ends. #}
{% macro _backfill_slices() %}
    {% set window = var('scorehouse_backfill', none) %}
    {% if not window %}
        {{ return([{'from': '', 'to': ''}]) }}
    {% endif %}
    {% set first, last, days = scorehouse._backfill_window(window) %}
    {% set step, one_day = modules.datetime.timedelta(days=days), modules.datetime.timedelta(days=1) %}
    {% set slices = [] %}
    {% for number in range((((last - first).days) // days) + 1) %}
        {% set begin = first + step * number %}
        {% set end = [begin + step, last + one_day] | min %}
        {% do slices.append({'from': begin.isoformat(), 'to': end.isoformat()}) %}
    {% endfor %}
    {{ return(slices) }}
{% endmacro %}


{# First day, last day and days per slice, checked. #}
{% macro _backfill_window(window) %}
    {% set days = window.get('slice_days', 7) if window is mapping else none %}
    {% if window is mapping and window.get('from') and window.get('to') %}
        {% set first = scorehouse._date_or_none(window['from'] | string) %}
        {% set last = scorehouse._date_or_none(window['to'] | string) %}
    {% endif %}
    {% set known = ['from', 'to', 'slice_days'] %}
    {% set is_range = first and last and days is integer and days > 0 and last >= first %}
    {% do scorehouse._check_facts('variable scorehouse_backfill', [
        (not is_range or window.keys() | reject('in', known) | list, 'it is ' ~ window,
            'the first and the last as-of date and the days per slice,'
                ~ ' {from: 2024-01-01, to: 2024-03-31, slice_days: 7}', 'correct --vars'),
    ]) %}
    {{ return([first, last, days]) }}
{% endmacro %}


{#- A string as a date, if it is one. -#}
{% macro _date_or_none(text) %}
    {% if modules.re.fullmatch('[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])', text) %}
        {{ return(modules.datetime.datetime.strptime(text, '%Y-%m-%d').date()) }}
    {% endif %}
    {{ return(none) }}
{% endmacro %}


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
