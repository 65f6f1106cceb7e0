{# Finds which rows a run scores, and which predictions lost their row: a table of their keys and states. What did not
   change, or is more than the budget, leaves the snapshot. Counts the states as the run log has them. #}
{% macro _warehouse_plan(snapshot, target_relation, scored, n_rows) %}
    {% set plan, states = scorehouse._warehouse_beside('__scorehouse_plan', is_temporary=true), {} %}
    {% call statement('plan') %}
        {{ scorehouse._warehouse_create(plan, is_temporary=true) }}
        {{ scorehouse._warehouse_plan_sql(snapshot, target_relation, scored) }}
    {% endcall %}
    {% for row in run_query('select sh_state, count(*) from ' ~ plan ~ ' group by 1').rows %}
        {% do states.update({row[0]: row[1] | int}) %}
    {% endfor %}
    {% do scorehouse._note_states(scored, states, n_rows) %}
    {% do scored.update(plan=plan) %}
    {% call statement('leave_out') %}
        delete from {{ snapshot }} as new_rows
        where not exists (
            select 1
            from {{ plan }} as planned
            where {{ scorehouse._same_key('planned', 'new_rows', scored['key']) }}
            {%- if scored['max_rows'] %}
                and planned.sh_place <= {{ scored['max_rows'] }}
            {%- endif %}
        )
    {% endcall %}
{% endmacro %}


{# Every row of the features that is not named in `states` is unchanged. #}
{% macro _note_states(scored, states, n_rows) %}
    {% set found = dict({'new': 0, 'changed': 0, 'stale': 0, 'vanished': 0}, **states) %}
    {% do scored.update(states=dict(found, unchanged=n_rows + found['vanished'] - found.values() | sum)) %}
{% endmacro %}


{# The keys whose row is new, was scored on another basis, has changed or has vanished. A row that comes back after it
   was flagged is new. With a budget, rows that were never scored come first, and then the oldest. #}
{% macro _warehouse_plan_sql(snapshot, target_relation, scored) %}
    {% set is_first, order = scored['write_mode'] != 'merge', scored['order'] | join(', ') %}
    {% set old_columns = [] if is_first else adapter.get_columns_in_relation(target_relation) %}
    {% set names = old_columns | map(attribute='name') | map('lower') | list %}
    {% set same = scorehouse._same_key('old_rows', 'new_rows', scored['key']) %}
    select
        states.*
        {%- if scored['max_rows'] %},
        row_number() over (
            order by
                case when sh_state = 'vanished' then 1 else 0 end,
                case when sh_last_scored is null then 0 else 1 end, sh_last_scored, {{ order }}
        ) as sh_place
        {%- endif %}
    from (
    {%- if is_first %}
        select {{ scorehouse._quoted(scored['key']) | join(', ') }}, 'new' as sh_state,
            cast(null as {{ dbt.type_timestamp() }}) as sh_last_scored
        from {{ snapshot }} as new_rows
    {%- else %}
        select
            {%- for column in scorehouse._quoted(scored['key']) %}
            coalesce(new_rows.{{ column }}, old_rows.{{ column }}) as {{ column }},
            {%- endfor %}
            case
                when old_rows.scoring_run_id is null then 'new'
                when new_rows.feature_hash is null then 'vanished'
            {%- if 'is_vanished' in names %}
                when old_rows.is_vanished then 'new'
            {%- endif %}
            {%- if scored['rule'] == 'changed' %}
                when runs.run_id is null then 'stale'
                when old_rows.feature_hash <> new_rows.feature_hash then 'changed'
            {%- endif %}
                else 'unchanged'
            end as sh_state,
            old_rows.scored_at as sh_last_scored
        from {{ snapshot }} as new_rows
        {{ 'left' if scored['as_of'] else 'full' }} join {{ target_relation }} as old_rows on {{ same }}
        left join (
            select run_id
            from {{ scorehouse.run_log_relation() }}
            where status = 'success' and scoring_basis = '{{ scored['basis'] }}'
        ) as runs on old_rows.scoring_run_id = runs.run_id
    {%- endif %}
    ) as states
    where sh_state <> 'unchanged'
{% endmacro %}
