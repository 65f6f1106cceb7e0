{#- The tables of features of a call, each as a mapping in which every setting has its value, and every column its
    identifier: `feature_keys`, `spine_keys`, `happened`, `known`, and `outputs`, pairs of column and output. -#}
{% macro _feature_sources(call, features, key, event_time, known_at, columns, ttl, delay, prefix) %}
    {% set usual = {
        'relation': none, 'key': key, 'spine_key': key, 'event_time': event_time, 'known_at': known_at,
        'columns': columns, 'ttl': ttl, 'delay': delay, 'prefix': prefix
    } %}
    {#- A relation is a mapping too, to Jinja. -#}
    {% set several = features is sequence and features is not string and features is not mapping %}
    {% set sources = [] %}
    {% for given in (features if several else [{'relation': features}]) %}
        {% set source = scorehouse._options(call, 'features', given, usual) %}
        {% do scorehouse._check_relation(call, 'features', source.relation, 'customer_features') %}
        {% do scorehouse._check_rules(call, [
            ('delay', source.delay, source.known_at and source.delay is not none, 'either known_at or delay',
                'leave delay out: the column ' ~ source.known_at ~ ' says when a row was known'),
        ]) %}
        {% do source.update({
            'spine_key': scorehouse._column_list(call, 'key', source.spine_key, 'customer_id'),
            'key': scorehouse._column_list(call, 'key', source.key, 'customer_id'),
            'event_time': scorehouse._column_list(call, 'event_time', source.event_time, 'happened_at') | first,
            'ttl': scorehouse._duration_seconds(call, 'ttl', source.ttl),
            'delay': scorehouse._duration_seconds(call, 'delay', source.delay),
            'columns': scorehouse._feature_names(call, source)
        }) %}
        {% do source.update({
            'feature_keys': scorehouse._identifiers(source.key),
            'spine_keys': scorehouse._identifiers(source.spine_key),
            'happened': scorehouse._identifier(source.event_time),
            'known': scorehouse._identifier(source.known_at or source.event_time),
            'outputs': []
        }) %}
        {% for name in source.columns %}
            {% set output = scorehouse._identifier((source.prefix or '') ~ scorehouse._bare_name(name)) %}
            {% do source.outputs.append([scorehouse._identifier(name), output]) %}
        {% endfor %}
        {% do scorehouse._check_rules(call, [
            ('features', source.key, source.key | length != source.spine_key | length, source.spine_key | length
                ~ ' columns of the key, as the spine has', 'give the columns in the order of the key of the spine'),
        ]) %}
        {% do sources.append(source) %}
    {% endfor %}
    {% do scorehouse._check_rules(call, [
        ('features', features, not sources, 'a relation, or a list of mappings with a relation each',
            "write `features: ref('customer_features')`"),
    ]) %}
    {{ return(sources) }}
{% endmacro %}


{#- The columns that a table of features gives: those that are named, else all but key and knowledge time. -#}
{% macro _feature_names(call, source) %}
    {% if source.columns is not none %}
        {{ return(scorehouse._column_list(call, 'columns', source.columns, 'amount')) }}
    {% endif %}
    {% set names, left_out = [], [] %}
    {% set keys = [source.key] if source.key is string else source.key %}
    {% for name in keys + [source.known_at] if name %}
        {% do left_out.append(scorehouse._bare_name(name) | lower) %}
    {% endfor %}
    {% for name in scorehouse._existing_columns(source.relation) if name | lower not in left_out %}
        {% do names.append(name) %}
    {% endfor %}
    {{ return(names) }}
{% endmacro %}


{#- The moment from which a row of features was known, of columns with the prefix `table`. -#}
{% macro _known_from(source, table='') %}
    {% set event_time = table ~ source.happened %}
    {% if source.known_at %}
        {% set known_at = table ~ source.known %}
        {{ return('case when ' ~ known_at ~ ' > ' ~ event_time ~ ' then ' ~ known_at ~ ' when ' ~ known_at
            ~ ' is not null then ' ~ event_time ~ ' end') }}
    {% elif source.delay %}
        {{ return(dbt.dateadd('second', source.delay, event_time)) }}
    {% endif %}
    {{ return(event_time) }}
{% endmacro %}


{#- Whether a value of this time was still fresh at a moment. -#}
{% macro _still_fresh(source, event_time, moment) %}
    {{ return(dbt.dateadd('second', source.ttl, event_time) ~ ' >= ' ~ moment) }}
{% endmacro %}


{#- A time such as '30 days' as whole seconds; a day has 24 hours, also where clocks change. -#}
{% macro _duration_seconds(call, argument, value) %}
    {% if value is none %}
        {{ return(none) }}
    {% endif %}
    {% set units = {'second': 1, 'minute': 60, 'hour': 3600, 'day': 86400} %}
    {% set found = modules.re.fullmatch('\\s*(\\d+(?:\\.\\d+)?)\\s+(second|minute|hour|day)s?\\s*', value | string) %}
    {% do scorehouse._check_rules(call, [
        (argument, value, not found or value is not string, 'a number and a unit, of seconds, minutes, hours or days',
            "write `" ~ argument ~ ": '30 days'`"),
    ]) %}
    {{ return((found.group(1) | float * units[found.group(2)]) | round | int) }}
{% endmacro %}
