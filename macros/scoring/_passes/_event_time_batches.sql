{# The batches of a microbatch run, oldest first, by dbt's own rules: from `begin`, or the last batch and
   `lookback` before it once the table is there; --event-time-start and --event-time-end, or the window of
   --sample, say otherwise. Times are UTC. #}
{% macro _event_time_batches(is_built) %}
    {% set size, lookback = config.get('batch_size'), config.get('lookback', 1) %}
    {% do scorehouse._check_microbatch(size, lookback) %}
    {% set sample = invocation_args_dict.get('sample') %}
    {% set asked_start = sample.start if sample else invocation_args_dict.get('event_time_start') %}
    {% set asked_end = sample.end if sample else invocation_args_dict.get('event_time_end') %}

    {% set end = scorehouse._utc(asked_end or modules.datetime.datetime.now(modules.pytz.utc)) %}
    {% set last = scorehouse._batch_begin(end, size) %}
    {% set end = end if last == end else scorehouse._batch_after(last, size) %}
    {% if asked_start %}
        {% set start = scorehouse._batch_begin(scorehouse._utc(asked_start), size) %}
    {% elif is_built %}
        {% set steps = namespace(start=end) %}
        {% for _ in range(lookback + 1) %}
            {% set steps.start = scorehouse._batch_begin(steps.start - modules.datetime.timedelta(seconds=1), size) %}
        {% endfor %}
        {% set start = steps.start %}
    {% else %}
        {% set start = scorehouse._batch_begin(scorehouse._utc(config.get('begin')), size) %}
    {% endif %}

    {% set batches, cursor = [], namespace(at=start) %}
    {% set hours = ((end - start).total_seconds() / 3600) | round | int %}
    {% for _ in range(hours if size == 'hour' else hours // 24) %}
        {% if cursor.at < end %}
            {% set after = scorehouse._batch_after(cursor.at, size) %}
            {% do batches.append({
                'from': cursor.at | string, 'to': after | string, 'event_time': config.get('event_time')
            }) %}
            {% set cursor.at = after %}
        {% endif %}
    {% endfor %}
    {{ return(batches) }}
{% endmacro %}


{# A time, or a string with one, as a UTC time without a time zone. #}
{% macro _utc(value) %}
    {% set time = modules.datetime.datetime.fromisoformat(value | string) %}
    {% if time.tzinfo %}
        {% set time = time.astimezone(modules.pytz.utc).replace(tzinfo=none) %}
    {% endif %}
    {{ return(time) }}
{% endmacro %}


{#- The start of the batch that contains a time. -#}
{% macro _batch_begin(time, size) %}
    {% set time = time.replace(minute=0, second=0, microsecond=0) %}
    {% set time = time.replace(hour=0) if size != 'hour' else time %}
    {% set time = time.replace(day=1) if size in ['month', 'year'] else time %}
    {{ return(time.replace(month=1) if size == 'year' else time) }}
{% endmacro %}


{#- The start of the next batch. -#}
{% macro _batch_after(begin, size) %}
    {% set days = {'day': 1, 'month': 32, 'year': 367}.get(size, 0) %}
    {% set step = modules.datetime.timedelta(days=days, hours=1 if size == 'hour' else 0) %}
    {{ return(scorehouse._batch_begin(begin + step, size)) }}
{% endmacro %}


{#- Refuses microbatch settings that cannot be used. -#}
{% macro _check_microbatch(size, lookback) %}
    {% set missing = [] %}
    {% for name in ['event_time', 'begin'] if not config.get(name) %}
        {% do missing.append(name) %}
    {% endfor %}
    {% do scorehouse._check_facts("incremental_strategy='microbatch' on the model " ~ model['name'], [
        (missing or size not in ['hour', 'day', 'month', 'year'] or lookback is not integer or lookback < 0,
            'batch_size is ' ~ size ~ ', lookback is ' ~ lookback
                ~ (', and there is no ' ~ missing | join(' and no ') if missing else ''),
            'event_time (a column of the features), begin (a date), and batch_size: hour, day, month or year',
            'add them to config(...)'),
    ]) %}
{% endmacro %}
