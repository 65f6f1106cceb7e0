{# The rows of the prediction table: passed-through columns, outputs of the compiled SQL, and audit columns. `table` is
   what the last statement of the version reads, and `beside` are the tables of the versions that share its rows. #}
{% macro _warehouse_rows_sql(table, part, beside, scored) %}
    {% set body = scorehouse._warehouse_body(part['select'], table, part, scored) %}
    {% set made = scorehouse._warehouse_outputs(body, part, scored) %}
    {% set wide, columns, joins = [], scorehouse._quoted(made), [] %}
    {% for other in beside + scorehouse._each('__<value>', scored['absent']) %}
        {% set suffix, there = (other if other is string else other['suffix']), 'sh_beside_' ~ loop.index %}
        {% for name in made if name | lower != 'row_status' %}
            {% do columns.append(scorehouse._identifier(name ~ suffix)) %}
            {% set value = scorehouse._quote(name) %}
            {% do wide.append(('case when 1 = 0 then scored.' ~ value ~ ' end' if other is string
                else there ~ '.' ~ value) ~ ' as ' ~ columns | last) %}
        {% endfor %}
        {% do columns.append(scorehouse._identifier('model_version' ~ suffix)) %}
        {% do wide.append('cast(' ~ ('null' if other is string else other['number']) ~ ' as ' ~ dbt.type_int() ~ ') as '
            ~ columns | last) %}
        {% do joins.append(' inner join ' ~ other['table'] ~ ' as ' ~ there ~ ' on '
            ~ scorehouse._same_key('scored', there, scored['key'])) if other is not string %}
    {% endfor %}
    {# each date of a history has places of its own #}
    {% set within = scorehouse._quoted(scorehouse._same_but_for_case(scored['key'], scored['as_of'] or '')) %}
    {% set decided = scorehouse._decided_columns(scored['policy'], made + scored['kept'], scored['order'], within) %}
    select
        {{ scored['keep'][:-1] | join(', ') }},
        {{ columns | join(', ') }},
        {%- for group in scored['group'] %}
        case when row_status = 'scored' then row_number() over (
            partition by {{ group }}, row_status order by score desc, {{ scored['order'] | join(', ') }}
        ) end as {{ scorehouse._identifier('rank') }},
        {%- endfor %}
        {%- for column, sql in decided.items() %}
        {{ sql }} as {{ scorehouse._identifier(column) }},
        {%- endfor %}
        {%- if scored['vanished'] == 'flag' %}
        false as is_vanished,
        {%- endif %}
        {%- if scored['is_long'] %}
        {{ part['is_live'] | lower }} as is_live,
        {%- endif %}
        cast('{{ scored['name'] }}' as {{ dbt.type_string() }}) as model_name,
        {{ part['number'] }} as model_version,
        cast('{{ part['digest'] }}' as {{ dbt.type_string() }}) as model_digest,
        cast('{{ part['run_id'] }}' as {{ scorehouse._type_uuid() }}) as scoring_run_id,
        {{ scorehouse._utc_now() }} as scored_at,
        feature_hash
    from (
    {%- if wide %}
        select scored.*, {{ wide | join(', ') }} from (
            {{ body }}
        ) as scored{{ joins | join }}
    {%- else %}
        {{ body }}
    {%- endif %}
    ) as scored
{% endmacro %}
