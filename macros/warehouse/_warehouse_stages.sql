{# The table that the last select of a version reads: `first`, or else the table of the stage before it. Each stage has
   all rows of `first`, which is the snapshot or one without rows, and replaces the table of the one before. #}
{% macro _warehouse_stages(first, snapshot, scored) %}
    {% set tables = [first] %}
    {% for text in scored['stages'] %}
        {# two names by turns, so that a later run knows which tables a killed one left #}
        {% set stage = scorehouse._warehouse_beside('__scorehouse_stage_' ~ (loop.index % 2), is_temporary=true) %}
        {% set body = scorehouse._warehouse_body(text, tables | last, scored) %}
        {% call statement('stage') %}
            {{ scorehouse._warehouse_create(stage, is_temporary=true) }}
            {{ body }}
        {% endcall %}
        {% do scorehouse._warehouse_drop_stage(tables | last, snapshot) %}
        {% do tables.append(stage) %}
    {% endfor %}
    {{ return(tables | last) }}
{% endmacro %}


{# What the last select of a version reads, without a row where there are stages: it shows the columns of the run before
   any row is scored. #}
{% macro _warehouse_empty_stages(snapshot, scored) %}
    {% if not scored['stages'] %}
        {{ return(snapshot) }}
    {% endif %}
    {% set first = scorehouse._warehouse_beside('__scorehouse_stage_0', is_temporary=true) %}
    {% call statement('empty_stage') %}
        {{ scorehouse._warehouse_create(first, is_temporary=true) }}
        select * from {{ snapshot }} where 1 = 0
    {% endcall %}
    {{ return(scorehouse._warehouse_stages(first, snapshot, scored)) }}
{% endmacro %}


{# Drops the table of a stage once it was read; the snapshot stays. #}
{% macro _warehouse_drop_stage(table, snapshot) %}
    {% if table | string != snapshot | string %}
        {% call statement('drop_stage') %} drop table {{ table }} {% endcall %}
    {% endif %}
{% endmacro %}


{# One statement of a version over a table, with the columns that pass through. #}
{% macro _warehouse_body(text, table, scored) %}
    {{ return(scorehouse._scoring_select(
        call='scorehouse.scored() in ' ~ model['name'], macro_called='scored', name=scored['name'],
        number=scored['number'], reasons=scored['arguments'].get('reasons'), select=text, relation=table,
        keep=scored['keep'] | join(', ') ~ ', ', columns=scored['columns']
    )) }}
{% endmacro %}
