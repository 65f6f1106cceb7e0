{# Finds which rows a run scores, and which predictions lost their row: a table of their keys and states. What did not
   change, or is more than the budget, leaves the snapshot. Counts the states as the run log has them. #}
{% macro _warehouse_plan(snapshot, target_relation, scored, n_rows) %}
    {% set plan = scorehouse._warehouse_beside('__scorehouse_plan', is_temporary=true) %}
    {% set label = scorehouse._quote(scored['key'] | last) if scored['is_long'] else 'null' %}
    {% call statement('plan') %}
        {{ scorehouse._warehouse_create(plan, is_temporary=true) }}
        {{ scorehouse._warehouse_plan_sql(snapshot, target_relation, scored) }}
    {% endcall %}
    {% if scored['group'] %}
        {% call statement('groups') %}
            {{ scorehouse._warehouse_groups_sql(plan, snapshot, target_relation, scored) }}
        {% endcall %}
    {% endif %}
    {% set found = run_query('select cast(' ~ label ~ ' as ' ~ dbt.type_string()
        ~ ') as sh_label, sh_state, count(*) from ' ~ plan ~ ' group by 1, 2') %}
    {% do scorehouse._note_states(scored, found.rows, n_rows) %}
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


{# The states of the rows of each version; the other rows of the features are unchanged. `found` has labels (none: of
   all versions), states and counts; what vanished of a version that scores no more counts for the live one. #}
{% macro _note_states(scored, found, n_rows) %}
    {% set labels = scored['parts'] | map(attribute='label') | list %}
    {% for part in scored['parts'] %}
        {% set states = {'new': 0, 'changed': 0, 'stale': 0, 'vanished': 0} %}
        {% for row in found if row[0] in [none, part['label']] or (part['is_live'] and row[0] not in labels) %}
            {% do states.update({row[1]: states[row[1]] + row[2] | int}) %}
        {% endfor %}
        {% do part.update(states=dict(states, unchanged=n_rows + states['vanished'] - states.values() | sum)) %}
    {% endfor %}
{% endmacro %}


{# The keys whose row is new, was scored on another basis, has changed or has vanished. A row that comes back after it
   was flagged is new. With a budget, rows that were never scored come first, and then the oldest. #}
{% macro _warehouse_plan_sql(snapshot, target_relation, scored) %}
    {% set is_first, bases, kinds = scored['write_mode'] != 'merge', [], [] %}
    {% for part in scored['parts'] %}
        {% do bases.append(part['basis']) %}
        {% do kinds.append(part['basis'] ~ part['hash_kind']) %}
    {% endfor %}
    {% set seen = 'watermark' if not scored['lookback']
        else dbt.dateadd('microsecond', -(scored['lookback'] % 1000000),
            dbt.dateadd('second', -(scored['lookback'] // 1000000), 'watermark')) %} {# some count in 32 bits #}
    {% set changed = {
        'changed': 'old_rows.feature_hash <> new_rows.feature_hash',
        'updated_at': 'runs.seen is null or new_rows.sh_updated is null or new_rows.sh_updated > runs.seen',
    }.get(scored['rule']) %}
    {% set keys = scorehouse._quoted(scored['key'][:-1] if scored['is_long'] else scored['key']) | join(', ') %}
    {% set old_columns = [] if is_first else adapter.get_columns_in_relation(target_relation) %}
    {% set names = old_columns | map(attribute='name') | map('lower') | list %}
    {% set same = scorehouse._same_key('old_rows', 'new_rows', scored['key']) %}
    select
        states.*
        {%- if scored['max_rows'] %}, {# of each key, for all versions together #}
        dense_rank() over (
            order by
                case when sh_state = 'vanished' then 1 else 0 end,
                case when sh_n_scored < sh_n then 0 else 1 end, case when sh_n_scored = sh_n then sh_oldest end,
                {{ scored['order'] | join(', ') }}
        ) as sh_place
        {%- endif %}
    from (
    {%- if scored['max_rows'] %}
    select
        parts.*,
        count(*) over (partition by {{ keys }}) as sh_n,
        count(sh_last_scored) over (partition by {{ keys }}) as sh_n_scored,
        min(sh_last_scored) over (partition by {{ keys }}) as sh_oldest
    from (
    {%- endif %}
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
            {%- if changed %}
                when runs.run_id is null then 'stale'
                when {{ changed }} then 'changed'
            {%- endif %}
                else 'unchanged'
            end as sh_state,
            old_rows.scored_at as sh_last_scored
        from {{ snapshot }} as new_rows
        {{ 'left' if scored['as_of'] or scored['cut_by'] else 'full' }} join {{ target_relation }} as old_rows
            on {{ same }}
        left join (
            select run_id, {# no time of rows that had other types #}
                case when scoring_basis || feature_hash_kind in ('{{ kinds | join("', '") }}')
                    then cast({{ seen }} as {{ dbt.type_timestamp() }}) end as seen
            from {{ scorehouse.run_log_relation() }}
            where status = 'success' and scoring_basis in ('{{ bases | join("', '") }}')
        ) as runs on old_rows.scoring_run_id = runs.run_id
    {%- endif %}
    {{ ') as parts' if scored['max_rows'] }}
    ) as states
    where sh_state <> 'unchanged'
{% endmacro %}


{# Adds the other rows of each group whose ranks may change: a row of it is scored, or it lost a row or got one back, so
   that the ranks of the rows that are there, which run from 1, have a gap. #}
{% macro _warehouse_groups_sql(plan, snapshot, target_relation, scored) %}
    {% set keys = scorehouse._quoted(scored['key']) %}
    {% set unit = scorehouse._each('new_rows.<value>', scored['group'] + (keys[-1:] if scored['is_long'] else [])) %}
    {% set old, stays = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | map('lower') | list,
        scorehouse._each('not old_rows.<value> is distinct from new_rows.<value>', scored['group'])[0] %}
    insert into {{ plan }} ({{ keys | join(', ') }}, sh_state)
    select {{ keys | join(', ') }}, 'changed'
    from (
        select
            {{ scorehouse._each('new_rows.<value>', keys) | join(', ') }},
            planned.sh_state,
            count(planned.sh_state) over (partition by {{ unit | join(', ') }}) as sh_n_planned,
            count(case when {{ stays }} and old_rows.row_status = 'scored' then 1 end)
                over (partition by {{ unit | join(', ') }}) as sh_n_ranked,
            max(case when {{ stays }} then {{ 'old_rows.rank' if 'rank' in old else -1 }} end)
                over (partition by {{ unit | join(', ') }}) as sh_last
        from {{ snapshot }} as new_rows
        left join {{ plan }} as planned on {{ scorehouse._same_key('planned', 'new_rows', scored['key']) }}
        left join {{ target_relation }} as old_rows on {{ scorehouse._same_key('old_rows', 'new_rows', scored['key']) }}
    ) as ranked
    where sh_state is null and (sh_n_planned > 0 or sh_n_ranked <> coalesce(sh_last, 0))
{% endmacro %}
