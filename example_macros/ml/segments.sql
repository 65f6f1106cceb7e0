{#- Compiled SQL of the ML model `segments`, one macro per version, written by `scorehouse register`.
    Called by scorehouse.predict(); edits are lost when the version is compiled again. -#}

{#- version 1 -#}
{% macro scorehouse_predict__segments__v1(relation, keep, columns, decision) %}
{%- if target.type in ["duckdb"] %}
with sh_step_1 as (
    select
        {{ keep }}
        cast({{ columns[0] }} as double) as sh_raw_recency_log,
        cast({{ columns[1] }} as double) as sh_raw_orders_log,
        cast({{ columns[2] }} as double) as sh_raw_spend_log
    from {{ relation }}
), sh_step_2 as (
    select
        {{ keep }}
        sh_raw_orders_log,
        sh_raw_recency_log,
        sh_raw_spend_log,
        (abs(sh_raw_recency_log) <= 1e+150 and abs(sh_raw_orders_log) <= 1e+150 and abs(sh_raw_spend_log) <= 1e+150) as sh_all_fit
    from sh_step_1
), sh_step_3 as (
    select
        {{ keep }}
        case when sh_all_fit then ((sh_raw_recency_log - 4.431997754575188e0) / 1.5953508724150833e0) end as sh_recency_log,
        case when sh_all_fit then ((sh_raw_orders_log - 1.2022387444462324e0) / 1.0285266237091726e0) end as sh_orders_log,
        case when sh_all_fit then ((sh_raw_spend_log - 6.816978685159255e0) / 1.3853686110913743e0) end as sh_spend_log,
        case when sh_all_fit then null else concat_ws(';',
            case when not((sh_raw_recency_log is not null and abs(sh_raw_recency_log) <= 1e+150)) then case when sh_raw_recency_log is null then 'null:recency_log' when (abs(sh_raw_recency_log) = cast('Infinity' as double) or (isnan(sh_raw_recency_log))) then 'not_finite:recency_log' else 'too_large:recency_log' end end,
            case when not((sh_raw_orders_log is not null and abs(sh_raw_orders_log) <= 1e+150)) then case when sh_raw_orders_log is null then 'null:orders_log' when (abs(sh_raw_orders_log) = cast('Infinity' as double) or (isnan(sh_raw_orders_log))) then 'not_finite:orders_log' else 'too_large:orders_log' end end,
            case when not((sh_raw_spend_log is not null and abs(sh_raw_spend_log) <= 1e+150)) then case when sh_raw_spend_log is null then 'null:spend_log' when (abs(sh_raw_spend_log) = cast('Infinity' as double) or (isnan(sh_raw_spend_log))) then 'not_finite:spend_log' else 'too_large:spend_log' end end
        ) end as sh_reason
    from sh_step_2
), sh_step_4 as (
    select
        {{ keep }}
        sh_orders_log,
        sh_reason,
        sh_recency_log,
        sh_spend_log,
        (0.4205911078593692e0 + (sh_recency_log * -0.9631827132702766e0) + (sh_orders_log * -0.5511391559976432e0) + (sh_spend_log * -0.6714827793927336e0)) as sh_nearness_0,
        (2.560888451004471e0 + (sh_recency_log * -1.677893093475887e0) + (sh_orders_log * 1.9431299200885455e0) + (sh_spend_log * 1.9111448622593958e0)) as sh_nearness_1,
        (4.922816333804113e0 + (sh_recency_log * 2.18095296118498e0) + (sh_orders_log * -2.8297017874238417e0) + (sh_spend_log * -2.632013926742265e0)) as sh_nearness_2,
        (0.8926548551018451e0 + (sh_recency_log * 1.7854685849929244e0) + (sh_orders_log * 0.4353853098168e0) + (sh_spend_log * 0.43950083550145125e0)) as sh_nearness_3
    from sh_step_3
), sh_step_5 as (
    select
        {{ keep }}
        sh_nearness_0,
        sh_nearness_1,
        sh_nearness_2,
        sh_nearness_3,
        sh_orders_log,
        sh_reason,
        sh_recency_log,
        sh_spend_log,
        least(sh_nearness_0, sh_nearness_1, sh_nearness_2, sh_nearness_3) as sh_least
    from sh_step_4
), sh_step_6 as (
    select
        {{ keep }}
        sh_reason,
        case when sh_nearness_0 = sh_least then 0 when sh_nearness_1 = sh_least then 1 when sh_nearness_2 = sh_least then 2 when sh_nearness_3 = sh_least then 3 end as sh_prediction,
        case when sh_nearness_0 = sh_least then sqrt((((sh_recency_log - 0.4815913566351383e0) * (sh_recency_log - 0.4815913566351383e0)) + ((sh_orders_log - 0.2755695779988216e0) * (sh_orders_log - 0.2755695779988216e0)) + ((sh_spend_log - 0.3357413896963668e0) * (sh_spend_log - 0.3357413896963668e0)))) when sh_nearness_1 = sh_least then sqrt((((sh_recency_log - 0.8389465467379436e0) * (sh_recency_log - 0.8389465467379436e0)) + ((sh_orders_log - -0.9715649600442727e0) * (sh_orders_log - -0.9715649600442727e0)) + ((sh_spend_log - -0.9555724311296979e0) * (sh_spend_log - -0.9555724311296979e0)))) when sh_nearness_2 = sh_least then sqrt((((sh_recency_log - -1.09047648059249e0) * (sh_recency_log - -1.09047648059249e0)) + ((sh_orders_log - 1.4148508937119209e0) * (sh_orders_log - 1.4148508937119209e0)) + ((sh_spend_log - 1.3160069633711324e0) * (sh_spend_log - 1.3160069633711324e0)))) when sh_nearness_3 = sh_least then sqrt((((sh_recency_log - -0.8927342924964622e0) * (sh_recency_log - -0.8927342924964622e0)) + ((sh_orders_log - -0.2176926549084e0) * (sh_orders_log - -0.2176926549084e0)) + ((sh_spend_log - -0.21975041775072562e0) * (sh_spend_log - -0.21975041775072562e0)))) end as sh_distance
    from sh_step_5
), sh_step_7 as (
    select
        {{ keep }}
        sh_distance,
        sh_prediction,
        case when sh_reason is not null then sh_reason when (sh_distance is null or not(abs(sh_distance) <= 1.7976931348623157e+308)) then concat_ws(';',
            case when (sh_distance is null or not(abs(sh_distance) <= 1.7976931348623157e+308)) then 'not_finite:distance' end
        ) end as sh_reject_reason
    from sh_step_6
)
select
    {{ keep }}
    case when sh_reject_reason is null then sh_prediction end as prediction,
    case when sh_reject_reason is null then sh_distance end as distance,
    case when sh_reject_reason is null then 'scored' else 'rejected' end as row_status,
    sh_reject_reason as reject_reason
from sh_step_7
{%- elif target.type in ["postgres"] %}
with sh_step_1 as (
    select
        {{ keep }}
        cast({{ columns[0] }} as double precision) as sh_raw_recency_log,
        cast({{ columns[1] }} as double precision) as sh_raw_orders_log,
        cast({{ columns[2] }} as double precision) as sh_raw_spend_log
    from {{ relation }}
    offset 0
), sh_step_2 as (
    select
        {{ keep }}
        sh_raw_orders_log,
        sh_raw_recency_log,
        sh_raw_spend_log,
        (abs(sh_raw_recency_log) <= '1e+60'::float8 and abs(sh_raw_orders_log) <= '1e+60'::float8 and abs(sh_raw_spend_log) <= '1e+60'::float8) as sh_all_fit
    from sh_step_1
    offset 0
), sh_step_3 as (
    select
        {{ keep }}
        case when sh_all_fit then ((sh_raw_recency_log - '4.431997754575188e0'::float8) / '1.5953508724150833e0'::float8) end as sh_recency_log,
        case when sh_all_fit then ((sh_raw_orders_log - '1.2022387444462324e0'::float8) / '1.0285266237091726e0'::float8) end as sh_orders_log,
        case when sh_all_fit then ((sh_raw_spend_log - '6.816978685159255e0'::float8) / '1.3853686110913743e0'::float8) end as sh_spend_log,
        case when sh_all_fit then null else concat_ws(';',
            case when not((sh_raw_recency_log is not null and abs(sh_raw_recency_log) <= '1e+60'::float8)) then case when sh_raw_recency_log is null then 'null:recency_log' when (abs(sh_raw_recency_log) = cast('Infinity' as double precision) or (sh_raw_recency_log = cast('NaN' as double precision))) then 'not_finite:recency_log' else 'too_large:recency_log' end end,
            case when not((sh_raw_orders_log is not null and abs(sh_raw_orders_log) <= '1e+60'::float8)) then case when sh_raw_orders_log is null then 'null:orders_log' when (abs(sh_raw_orders_log) = cast('Infinity' as double precision) or (sh_raw_orders_log = cast('NaN' as double precision))) then 'not_finite:orders_log' else 'too_large:orders_log' end end,
            case when not((sh_raw_spend_log is not null and abs(sh_raw_spend_log) <= '1e+60'::float8)) then case when sh_raw_spend_log is null then 'null:spend_log' when (abs(sh_raw_spend_log) = cast('Infinity' as double precision) or (sh_raw_spend_log = cast('NaN' as double precision))) then 'not_finite:spend_log' else 'too_large:spend_log' end end
        ) end as sh_reason
    from sh_step_2
    offset 0
), sh_step_4 as (
    select
        {{ keep }}
        sh_orders_log,
        sh_reason,
        sh_recency_log,
        sh_spend_log,
        ('0.4205911078593692e0'::float8 + (sh_recency_log * '-0.9631827132702766e0'::float8) + (sh_orders_log * '-0.5511391559976432e0'::float8) + (sh_spend_log * '-0.6714827793927336e0'::float8)) as sh_nearness_0,
        ('2.560888451004471e0'::float8 + (sh_recency_log * '-1.677893093475887e0'::float8) + (sh_orders_log * '1.9431299200885455e0'::float8) + (sh_spend_log * '1.9111448622593958e0'::float8)) as sh_nearness_1,
        ('4.922816333804113e0'::float8 + (sh_recency_log * '2.18095296118498e0'::float8) + (sh_orders_log * '-2.8297017874238417e0'::float8) + (sh_spend_log * '-2.632013926742265e0'::float8)) as sh_nearness_2,
        ('0.8926548551018451e0'::float8 + (sh_recency_log * '1.7854685849929244e0'::float8) + (sh_orders_log * '0.4353853098168e0'::float8) + (sh_spend_log * '0.43950083550145125e0'::float8)) as sh_nearness_3
    from sh_step_3
    offset 0
), sh_step_5 as (
    select
        {{ keep }}
        sh_nearness_0,
        sh_nearness_1,
        sh_nearness_2,
        sh_nearness_3,
        sh_orders_log,
        sh_reason,
        sh_recency_log,
        sh_spend_log,
        least(sh_nearness_0, sh_nearness_1, sh_nearness_2, sh_nearness_3) as sh_least
    from sh_step_4
    offset 0
), sh_step_6 as (
    select
        {{ keep }}
        sh_reason,
        case when sh_nearness_0 = sh_least then 0 when sh_nearness_1 = sh_least then 1 when sh_nearness_2 = sh_least then 2 when sh_nearness_3 = sh_least then 3 end as sh_prediction,
        case when sh_nearness_0 = sh_least then sqrt((((sh_recency_log - '0.4815913566351383e0'::float8) * (sh_recency_log - '0.4815913566351383e0'::float8)) + ((sh_orders_log - '0.2755695779988216e0'::float8) * (sh_orders_log - '0.2755695779988216e0'::float8)) + ((sh_spend_log - '0.3357413896963668e0'::float8) * (sh_spend_log - '0.3357413896963668e0'::float8)))) when sh_nearness_1 = sh_least then sqrt((((sh_recency_log - '0.8389465467379436e0'::float8) * (sh_recency_log - '0.8389465467379436e0'::float8)) + ((sh_orders_log - '-0.9715649600442727e0'::float8) * (sh_orders_log - '-0.9715649600442727e0'::float8)) + ((sh_spend_log - '-0.9555724311296979e0'::float8) * (sh_spend_log - '-0.9555724311296979e0'::float8)))) when sh_nearness_2 = sh_least then sqrt((((sh_recency_log - '-1.09047648059249e0'::float8) * (sh_recency_log - '-1.09047648059249e0'::float8)) + ((sh_orders_log - '1.4148508937119209e0'::float8) * (sh_orders_log - '1.4148508937119209e0'::float8)) + ((sh_spend_log - '1.3160069633711324e0'::float8) * (sh_spend_log - '1.3160069633711324e0'::float8)))) when sh_nearness_3 = sh_least then sqrt((((sh_recency_log - '-0.8927342924964622e0'::float8) * (sh_recency_log - '-0.8927342924964622e0'::float8)) + ((sh_orders_log - '-0.2176926549084e0'::float8) * (sh_orders_log - '-0.2176926549084e0'::float8)) + ((sh_spend_log - '-0.21975041775072562e0'::float8) * (sh_spend_log - '-0.21975041775072562e0'::float8)))) end as sh_distance
    from sh_step_5
    offset 0
), sh_step_7 as (
    select
        {{ keep }}
        sh_distance,
        sh_prediction,
        case when sh_reason is not null then sh_reason when (sh_distance is null or not(abs(sh_distance) <= '1.7976931348623157e+308'::float8)) then concat_ws(';',
            case when (sh_distance is null or not(abs(sh_distance) <= '1.7976931348623157e+308'::float8)) then 'not_finite:distance' end
        ) end as sh_reject_reason
    from sh_step_6
    offset 0
)
select
    {{ keep }}
    case when sh_reject_reason is null then sh_prediction end as prediction,
    case when sh_reject_reason is null then sh_distance end as distance,
    case when sh_reject_reason is null then 'scored' else 'rejected' end as row_status,
    sh_reject_reason as reject_reason
from sh_step_7
{%- else %}
{{ scorehouse._not_compiled('segments', 1, ["duckdb", "postgres"]) }}
{%- endif %}
{% endmacro %}

{% macro scorehouse_predict__segments__v1__features() %}
    {{ return(['recency_log', 'orders_log', 'spend_log']) }}
{% endmacro %}
{#- end of version 1 -#}
