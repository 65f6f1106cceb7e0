{# SQL of the hash of a row's inputs. `types` is a digest of their types, since the text or hash of a value need
   not show them: 0.1 as real and 0.1 as double precision are different numbers. #}
{% macro _warehouse_hash(types, columns) %}
    {{ return(adapter.dispatch('_warehouse_hash', 'scorehouse')(types, columns)) }}
{% endmacro %}

{% macro default___warehouse_hash(types, columns) %}
    {{ return("md5('" ~ types ~ "' || row(" ~ columns | join(', ') ~ ")::text)") }}
{% endmacro %}

{% macro duckdb___warehouse_hash(types, columns) %}
    {{ return("hash('" ~ types ~ "', " ~ columns | join(', ') ~ ")") }}
{% endmacro %}


{# The name of that hash, in the run log. #}
{% macro _warehouse_hash_kind() %}
    {{ return({'postgres': 'postgres:md5'}.get(target.type, target.type ~ ':hash')) }}
{% endmacro %}


{# SQL that sums up the hashes of a run. #}
{% macro _warehouse_hash_sum() %}
    {{ return(adapter.dispatch('_warehouse_hash_sum', 'scorehouse')()) }}
{% endmacro %}

{% macro default___warehouse_hash_sum() %}
    {{ return("sum(cast(cast('x' || left(feature_hash, 15) as bit(60)) as bigint))") }}
{% endmacro %}

{% macro duckdb___warehouse_hash_sum() %}
    {{ return('sum(feature_hash)') }}
{% endmacro %}
