{# Writes rows for prediction tables that this dbt command left without a row: `failed` where the run failed before
   its first row, in a hook or because a macro refused it, and `skipped` where something before it failed. So the
   newest row of a table says how its newest night ended. #}
{% macro _log_unscored(rows, unscored, results) %}
    {% set known = rows | map(attribute='node') | list %}
    {% for result in scorehouse._of_prediction_tables(unscored) if result.node.unique_id not in known %}
        {% set skipped = result.status == 'skipped' %}
        {% do scorehouse._insert_run(scorehouse._scoring_run_id('', result.node.unique_id), {
            'status': 'skipped' if skipped else 'failed',
            'node': result.node.unique_id,
            'prediction_table': result.node.relation_name,
            'materialization': result.node.config.materialized,
            'model_name': scorehouse._ml_model_of(graph['nodes'][result.node.unique_id]),
            'error': scorehouse._failed_before(result.node.unique_id, results) if skipped else result.message,
        }, ['started_at', 'finished_at']) %}
    {% endfor %}
{% endmacro %}


{# The results that are of prediction tables. One with dbt's own materialization is known by `scored`, or by an
   earlier run. #}
{% macro _of_prediction_tables(results) %}
    {% set found, others = [], [] %}
    {% for result in results %}
        {% set config = (graph['nodes'].get(result.node.unique_id) or {}).get('config') or {} %}
        {% if config.get('materialized') == 'predictions' or (config.get('meta') or {}).get('scorehouse') %}
            {% do found.append(result) %}
        {% elif config.get('materialized') in ['table', 'incremental'] %}
            {% do others.append(result) %}
        {% endif %}
    {% endfor %}
    {% if others %}
        {% set nodes = run_query('select distinct node from ' ~ scorehouse.run_log_relation()).rows %}
        {% set logged = nodes | map(attribute=0) | map('string') | list %}
        {% for result in others if result.node.unique_id in logged %}
            {% do found.append(result) %}
        {% endfor %}
    {% endif %}
    {{ return(found) }}
{% endmacro %}


{# What failed before a node, in dbt's words: the nodes that it is made from, and the tests of these. #}
{% macro _failed_before(node, results) %}
    {% set before, said = {}, [] %}
    {% do scorehouse._add_nodes_before(node, before) %}
    {% set names = before.keys() | list %}
    {% for result in results if result.status in ['error', 'fail', 'runtime error'] %}
        {% set id, outside = result.node.unique_id, [] %}
        {% if id.split('.')[0] == 'test' %}
            {% set parents = (graph['nodes'].get(id) or {}).get('depends_on', {}).get('nodes', []) %}
            {% do outside.extend(parents | reject('in', names)) %}
        {% elif id not in names %}
            {% do outside.append(id) %}
        {% endif %}
        {% if not outside %}
            {# the first line of an error in our words is dbt's: which node, and where it stands #}
            {% set lines = ((result.message or result.status) | string | trim).split('\n') %}
            {% set is_ours = lines | length > 1 and lines[0].startswith('Compilation Error') %}
            {% set message = lines[1 if is_ours else 0] | trim %}
            {% if is_ours and id.startswith('test.') and message.startswith('scorehouse.')
                and '): ' in message and '): got ' not in message %}
                {# the test is named already: what was called says it again, unless an argument is the cause #}
                {% set message = message[message.find('): ') + 3:] %}
            {% endif %}
            {% do said.append(id.split('.')[0] ~ ' ' ~ scorehouse._name_for_a_person(result.node) ~ ': ' ~ message) %}
        {% endif %}
    {% endfor %}
    {% set more = '; and ' ~ (said | length - 3) ~ ' more' if said | length > 3 else '' %}
    {{ return(
        said[:3] | join('; ') ~ more if said else 'dbt skipped it, and says of nothing before it that it failed'
    ) }}
{% endmacro %}


{# As `_outcome` in src/scorehouse/report/dbt_results.py: a test by what it tests, unless it has a name of its own. #}
{% macro _name_for_a_person(node) %}
    {% set known, name = graph['nodes'].get(node.unique_id) or {}, '_' ~ node.name ~ '_' %}
    {% set tested = (known.get('attached_node') or '').split('.') | last %}
    {% set macro = (known.get('test_metadata') or {}).get('name') or '' %}
    {% set column = (known.get('column_name') or '') | trim('"`') %}
    {% if tested and '_' ~ macro ~ '_' ~ tested ~ '_' in name %}
        {{ return(macro ~ ' of ' ~ tested ~ ('.' ~ column if column else '')) }}
    {% endif %}
    {# dbt leaves out of a test's name what no file name can have #}
    {{ return(node.name ~ (' of ' ~ column if column and '_' ~ column ~ '_' not in name else '')) }}
{% endmacro %}


{% macro _add_nodes_before(node, before) %}
    {% set depends = (graph['nodes'].get(node) or {}).get('depends_on') or {} %}
    {% for parent in depends.get('nodes') or [] if parent not in before %}
        {% do before.update({parent: true}) %}
        {% do scorehouse._add_nodes_before(parent, before) %}
    {% endfor %}
{% endmacro %}
