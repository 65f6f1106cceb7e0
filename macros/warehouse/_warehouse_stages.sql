{# Scores `first`, which is the snapshot or a table without rows, into `staging`. Versions that share a row are joined
   to the live one by the key, each from a table of its own. #}
{% macro _warehouse_score(first, staging, scored) %}
    {% set is_long, beside = scored['is_long'], [] %}
    {% for part in scored['parts'][1:] if scored['is_wide'] %}
        {% set table = scorehouse._warehouse_beside('__scorehouse_part_' ~ loop.index, is_temporary=true) %}
        {% set last = scorehouse._warehouse_stages(first, part, scored) %}
        {% set body = scorehouse._warehouse_body(part['select'], last, part, scored) %}
        {% do scorehouse._warehouse_outputs(body, part, scored) %}
        {% call statement('part') %}
            {{ scorehouse._warehouse_create(table, is_temporary=true) }}
            {{ body }}
        {% endcall %}
        {% do scorehouse._warehouse_drop(last, first) %}
        {% do beside.append({'table': table, 'number': part['number'], 'suffix': part['suffix']}) %}
    {% endfor %}
    {% for part in scored['parts'] if is_long or part['is_live'] %}
        {% set rows = first %}
        {% if is_long %}
            {% set label = scorehouse._quote(scored['key'] | last) ~ ' = ' ~ scorehouse._text_literal(part['label']) %}
            {% set rows = '(select * from ' ~ first ~ ' where ' ~ label ~ ') as sh_rows' %}
        {% endif %}
        {% set last = scorehouse._warehouse_stages(rows, part, scored) %}
        {% set sql = scorehouse._warehouse_rows_sql(last, part, beside, scored) %}
        {% call statement('main') %}
            {{ scorehouse._warehouse_create(staging) if loop.first else 'insert into ' ~ staging }}
            {{ sql }}
        {% endcall %}
        {% do scorehouse._warehouse_drop(last, rows) %}
    {% endfor %}
    {% for other in beside %}
        {% do scorehouse._warehouse_drop(other['table'], first) %}
    {% endfor %}
{% endmacro %}


{# The table that the last select of a version reads: `first`, or else the table of the stage before it. Each stage has
   all rows of `first` and replaces the table of the one before. #}
{% macro _warehouse_stages(first, part, scored) %}
    {% set tables = [first] %}
    {% for text in part['stages'] %}
        {# two names by turns, so that a later run knows which tables a killed one left #}
        {% set stage = scorehouse._warehouse_beside('__scorehouse_stage_' ~ (loop.index % 2), is_temporary=true) %}
        {% set body = scorehouse._warehouse_body(text, tables | last, part, scored) %}
        {% call statement('stage') %}
            {{ scorehouse._warehouse_create(stage, is_temporary=true) }}
            {{ body }}
        {% endcall %}
        {% do scorehouse._warehouse_drop(tables | last, first) %}
        {% do tables.append(stage) %}
    {% endfor %}
    {{ return(tables | last) }}
{% endmacro %}


{# Drops a table that was read, but not what was read first. #}
{% macro _warehouse_drop(table, first) %}
    {% if table | string != first | string %}
        {% call statement('drop_read') %} drop table {{ table }} {% endcall %}
    {% endif %}
{% endmacro %}


{# One statement of a version over a table, with the columns that pass through. #}
{% macro _warehouse_body(text, table, part, scored) %}
    {{ return(scorehouse._scoring_select(
        call='scorehouse.scored() in ' ~ model['name'], macro_called='scored', name=scored['name'],
        number=part['number'], reasons=scored['arguments']['reasons'], policy=scored['policy'], select=text,
        relation=table, keep=scored['keep'] | join(', ') ~ ', ', columns=part['columns']
    )) }}
{% endmacro %}


{# The columns that a version adds to those that pass through. Refuses versions in one scan whose outputs differ. #}
{% macro _warehouse_outputs(body, part, scored) %}
    {% set names = get_columns_in_query(body)[scored['keep'] | length:] %}
    {% set label = fromjson(part['registry']['classes']) | first %}
    {% set found = names | join(', ') ~ ' for a ' ~ part['task'] ~ ' whose labels are '
        ~ ('text' if label is string else 'true or false' if label is boolean else 'numbers') %}
    {% set first = scored.setdefault('outputs', found) %}
    {% do scorehouse._check_facts('scorehouse.scored() in ' ~ model['name'], [
        (first != found, 'version ' ~ part['number'] ~ ' gives ' ~ found ~ '; another version gives ' ~ first,
            'versions with the same task and outputs in one scan', 'score them into separate tables'),
    ]) %}
    {{ return(names) }}
{% endmacro %}
