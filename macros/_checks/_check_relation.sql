{#- Refuses a table that is given as a plain name: only `ref` and `source` add the edge to the lineage. An optional one
    may be null. -#}
{% macro _check_relation(call, argument, value, example, optional=false) %}
    {% do scorehouse._check_rules(call, [
        (argument, value, (value is not none or not optional) and (value is not mapping or not value.identifier),
            'a relation', "write `" ~ argument ~ ": ref('" ~ example ~ "')`, or a `source(...)`"),
    ]) %}
    {% do scorehouse._check_built(call) %}
{% endmacro %}


{#- Stops a test or a model of several tables while one of them is not there: dbt runs a test where any of its tables is
    selected, so a build of a part of the graph meets tables that nobody has built yet. -#}
{% macro _check_built(call) %}
    {#- While dbt parses, compiles or documents, no table has to be there. -#}
    {% set about = {'test': 'this test is about several tables', 'model': 'this model reads other tables'} %}
    {% if execute and flags.WHICH in ['build', 'run', 'test', 'retry'] and model.resource_type in about %}
        {% set missing = [] %}
        {% for id in model.depends_on.nodes %}
            {% set node = graph.nodes.get(id) or {} %}
            {#- `_is_loaded` says of a seed of an ML model which command loads it. -#}
            {% set is_seed_of_ml = node.resource_type == 'seed' and node.name.startswith('ml_') %}
            {% set is_said = model.resource_type == 'model' and is_seed_of_ml %}
            {% set is_table = node.resource_type in ['model', 'seed', 'snapshot'] and not is_said %}
            {% if is_table and node.config.materialized != 'ephemeral' %}
                {% set places = [node] + ([node.defer_relation] if node.defer_relation else []) %}
                {% set ns = namespace(is_built=false) %}
                {% for place in places if not ns.is_built %}
                    {% set ns.is_built = load_relation(api.Relation.create(
                        database=place.database, schema=place.schema, identifier=place.alias
                    )) is not none %}
                {% endfor %}
                {% do missing.append(node.name) if not ns.is_built %}
            {% endif %}
        {% endfor %}
        {% set is_test = model.resource_type == 'test' %}
        {% set others = '; or leave out tests of tables that are not selected: add `--indirect-selection buildable`' %}
        {% do scorehouse._check_facts(call, [
            (missing, about[model.resource_type] ~ ', and ' ~ missing | join(', ') ~ ' is not built yet',
                'that all of them are there' ~ (': dbt runs a test once any of its tables is selected' if is_test),
                'build it: `dbt build --select +' ~ missing | join(' +') ~ '`' ~ (others if is_test)),
        ]) %}
    {% endif %}
{% endmacro %}
