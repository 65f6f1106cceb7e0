{#- Features and outputs of the reference: kind, edges and range by version, in the order of the seed. -#}
{% macro _reference_columns(reference, signature) %}
    {% set bins = run_query(
        'select version, part, name, kind, bin, lower, upper from ' ~ reference
        ~ " where kind in ('numeric', 'category') and (kind = 'numeric' or bin = 1) order by part, name, version, bin"
    ) %}
    {% set columns = {} %}
    {% for row in bins.rows %}
        {% set version = row['version'] | int %}
        {% set column = columns.setdefault(row['part'] ~ '|' ~ row['name'], {
            'part': row['part'], 'name': row['name'], 'index': columns | length, 'kinds': {}, 'edges': {},
            'first_bins': {}, 'is_numeric': false, 'is_float': false, 'minimums': {}, 'maximums': {}
        }) %}
        {% do column.kinds.update({version: row['kind']}) %}
        {% if row['kind'] == 'numeric' %}
            {% do column.update({'is_numeric': true}) %}
            {% do column.first_bins.setdefault(version, row['bin'] | int) %}
            {% set edges = column.edges.setdefault(version, []) %}
            {% if row['upper'] is not none %}
                {% do edges.append(scorehouse._double_literal(row['upper'] | float)) %}
            {% endif %}
        {% endif %}
    {% endfor %}
    {% if signature is not none %}
        {% do scorehouse._add_ranges(columns, signature) %}
    {% endif %}
    {{ return(columns.values() | list) }}
{% endmacro %}

{% macro _add_ranges(columns, signature) %}
    {% set ranges = run_query(
        'select version, feature, minimum, maximum from ' ~ signature ~ ' where minimum is not null'
    ) %}
    {% for row in ranges.rows %}
        {% set column = columns.get('feature|' ~ row['feature'], {'is_numeric': false}) %}
        {% if column.is_numeric %}
            {% do column.minimums.update({row['version'] | int: scorehouse._double_literal(row['minimum'] | float)}) %}
            {% do column.maximums.update({row['version'] | int: scorehouse._double_literal(row['maximum'] | float)}) %}
        {% endif %}
    {% endfor %}
{% endmacro %}

{#- Refuses a table that lacks a column of the reference, before the database does with a position in SQL.
    Notes which columns are floats: whole numbers among them are written as the reference writes them. -#}
{% macro _check_profile_columns(call, columns, relation, part) %}
    {% if load_relation(relation) is not none %}
        {% set found = adapter.get_columns_in_relation(relation) %}
        {% set present = found | map(attribute='name') | map('lower') | list %}
        {% for one in found if one.is_float() or one.dtype | lower in ['double', 'float', 'real', 'double precision'] %}
            {% for column in columns
                if (part is none or column.part == part) and column.name | lower == one.name | lower %}
                {% do column.update({'is_float': true}) %}
            {% endfor %}
        {% endfor %}
        {% for column in columns if (part is none or column.part == part) and column.name | lower not in present %}
            {% do scorehouse._argument_error(
                call, 'predictions' if part != 'feature' else 'features', relation.identifier,
                'a table with the column `' ~ column.name ~ '` of the reference, and there are only '
                    ~ present | join(', '),
                'name the table that was scored, with `features: ref(...)` and `key: ...` where the features'
                    ~ ' do not stand beside the predictions'
            ) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#- Segment columns as a list of lists: one name cuts by one column, a list of names by their combination. -#}
{% macro _segmentations(call, segments) %}
    {% set given = [segments] if segments is string else segments %}
    {% set cuts = [] %}
    {% if given is not sequence or given is mapping %}
        {% do scorehouse._column_list(call, 'segments', given, 'region') %}
    {% endif %}
    {% for item in given %}
        {% do cuts.append(scorehouse._column_list(call, 'segments', item, 'region')) %}
    {% endfor %}
    {{ return(cuts) }}
{% endmacro %}

{#- The column of the features where they have it, else of the predictions. -#}
{% macro _profile_column(name, features, predictions) %}
    {% if features is not none %}
        {% set present = adapter.get_columns_in_relation(features) | map(attribute='name') | map('lower') | list %}
        {{ return(('features.' if name | lower in present else 'predictions.') ~ scorehouse._identifier(name)) }}
    {% endif %}
    {{ return('predictions.' ~ scorehouse._identifier(name)) }}
{% endmacro %}

{% macro _segment_expression(segmentation, features, predictions) %}
    {% set parts = [] %}
    {% for name in segmentation %}
        {% set column = scorehouse._profile_column(name, features, predictions) %}
        {% do parts.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '(null)')") %}
        {% do parts.append("'+'") if not loop.last %}
    {% endfor %}
    {{ return(parts | join(' || ')) }}
{% endmacro %}

{#- `all`, or `region=north`; stands in a query with grouping sets. -#}
{% macro _segment_name(segmentations) %}
    {% if not segmentations %}
        {{ return("'all'") }}
    {% endif %}
    {% set whens = [] %}
    {% for segmentation in segmentations %}
        {% set prefix = scorehouse._text_literal(segmentation | join('+') ~ '=') %}
        {% do whens.append('when grouping(s' ~ loop.index0 ~ ') = 0 then ' ~ prefix ~ ' || s' ~ loop.index0) %}
    {% endfor %}
    {{ return('case ' ~ whens | join(' ') ~ " else 'all' end") }}
{% endmacro %}

{#- The number of the bin, or the category as text; NULL where missing. -#}
{% macro _slot_expression(slot) %}
    {% set values = {} %}
    {% set i = slot.column.index %}
    {% for version, kind in slot.column.kinds.items() %}
        {% if kind != slot.kind %}
            {% do values.update({version: 'null'}) %}
        {% elif kind == 'numeric' %}
            {% do values.update({version: scorehouse._bin_case(
                'x' ~ i, slot.column.edges.get(version, []), slot.column.first_bins[version]
            )}) %}
        {% elif slot.column.is_float %}
            {#- NaN and the infinities are missing; 5.0 is written as 5. #}
            {% set v, text = 'v' ~ i, dbt.type_string() %}
            {% do values.update({version: 'case when ' ~ scorehouse._is_finite(v) ~ ' then case when ' ~ v ~ ' = floor('
                ~ v ~ ') and abs(' ~ v ~ ') < 1e15 then cast(cast(' ~ v ~ ' as ' ~ dbt.type_bigint() ~ ') as ' ~ text
                ~ ') else cast(' ~ v ~ ' as ' ~ text ~ ') end end'}) %}
        {% else %}
            {% do values.update({version: 'cast(v' ~ i ~ ' as ' ~ dbt.type_string() ~ ')'}) %}
        {% endif %}
    {% endfor %}
    {{ return(scorehouse._by_version(values)) }}
{% endmacro %}

{#- A tree of comparisons: (lower, upper], the outer bins open. -#}
{% macro _bin_case(x, edges, first) %}
    {% if edges | length == 0 %}
        {{ return('case when ' ~ x ~ ' is not null then ' ~ first ~ ' end') }}
    {% endif %}
    {% set half = (edges | length + 1) // 2 %}
    {% set lower, upper = [], [] %}
    {% for edge in edges %}
        {% set number = first + loop.index0 %}
        {% if loop.index0 < half - 1 %}
            {% do lower.append('when ' ~ x ~ ' <= ' ~ edge ~ ' then ' ~ number) %}
        {% elif loop.index0 >= half %}
            {% do upper.append('when ' ~ x ~ ' <= ' ~ edge ~ ' then ' ~ number) %}
        {% endif %}
    {% endfor %}
    {% set middle, last = first + half - 1, first + edges | length %}
    {% set below = 'case ' ~ lower | join(' ') ~ ' else ' ~ middle ~ ' end' if lower else middle %}
    {% set above = 'case ' ~ upper | join(' ') ~ ' else ' ~ last ~ ' end' if upper else last %}
    {{ return('case when ' ~ x ~ ' <= ' ~ edges[half - 1] ~ ' then ' ~ below
        ~ ' when ' ~ x ~ ' is not null then ' ~ above ~ ' end') }}
{% endmacro %}

{% macro _is_nan(expression) %}
    {{ return(adapter.dispatch('_is_nan', 'scorehouse')(expression)) }}
{% endmacro %}

{% macro default___is_nan(expression) -%}
    cast({{ expression }} as {{ scorehouse._type_double() }}) = cast('NaN' as {{ scorehouse._type_double() }})
{%- endmacro %}

{#- https://duckdb.org/docs/stable/sql/functions/numeric#isnanx -#}
{% macro duckdb___is_nan(expression) -%}
    isnan(cast({{ expression }} as double))
{%- endmacro %}

{#- https://cloud.google.com/bigquery/docs/reference/standard-sql/mathematical_functions#is_nan -#}
{% macro bigquery___is_nan(expression) -%}
    is_nan(cast({{ expression }} as float64))
{%- endmacro %}

{#- dbt's own `is_incremental`, and false where a macro runs outside a model. -#}
{% macro _is_incremental_run() %}
    {{ return(model is defined and model.resource_type == 'model' and is_incremental()) }}
{% endmacro %}
