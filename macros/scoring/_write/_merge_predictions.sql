{#- Replaces and adds rows by key. -#}
{% macro _merge_predictions(staging, target_relation, run, slice) %}
    {% set there = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | map('lower') | list %}
    {% call statement('delete_old_predictions') %}
        delete from {{ target_relation }} as old_rows
        using {{ staging }} as new_rows
        where {{ scorehouse._same_key('old_rows', 'new_rows', run['key_columns']) }}
    {% endcall %}
    {% if slice.get('event_time') and run['rule'] == 'given' %}
        {# a batch is replaced as a whole: a row that left its window is deleted #}
        {% call statement('delete_old_batch') %}
            delete from {{ target_relation }}
            where {{ scorehouse._quote(slice['event_time']) }} >= '{{ slice['from'] }}'
                and {{ scorehouse._quote(slice['event_time']) }} < '{{ slice['to'] }}'
        {% endcall %}
    {% endif %}
    {% call statement('insert_new_predictions') %}
        {# columns that the table does not have were left out on purpose: see on_schema_change #}
        {% set written = [] %}
        {% for column in adapter.get_columns_in_relation(staging) if column.name | lower in there %}
            {% do written.append(column.name) %}
        {% endfor %}
        {% set names = scorehouse._quoted(written) | join(', ') %}
        insert into {{ target_relation }} ({{ names }}) select {{ names }} from {{ staging }}
    {% endcall %}
    {% do scorehouse._treat_vanished(scorehouse._beside(staging, '_vanished'), target_relation, run) %}
    {% do adapter.drop_relation(staging) %}
{% endmacro %}


{#- Flags or deletes predictions whose feature row vanished. -#}
{% macro _treat_vanished(vanished, target_relation, run) %}
    {% if run['vanished'] == 'keep' %}
        {{ return('') }}
    {% endif %}
    {% call statement('treat_vanished') %}
        {% if run['vanished'] == 'delete' -%}
        delete from {{ target_relation }} as old_rows
        using {{ vanished }} as gone_rows
        {%- else -%}
        update {{ target_relation }} as old_rows
        set is_vanished = true
        from {{ vanished }} as gone_rows
        {%- endif %}
        where {{ scorehouse._same_key('old_rows', 'gone_rows', run['key_columns']) }}
    {% endcall %}
    {% do adapter.drop_relation(vanished) %}
{% endmacro %}


{#- SQL that is true if two rows have the same key. -#}
{% macro _same_key(left, right, keys) %}
    {{ return(scorehouse._same(left, right, scorehouse._quoted(keys))) }}
{% endmacro %}
