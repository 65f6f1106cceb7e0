-- What is known about a flight when it leaves the gate, one row per flight.
{% set monday = "date '2012-12-31'" %}

with flights as (

    select * from {{ source('nycflights13', 'flights') }}

),

weather as (

    select * from {{ source('nycflights13', 'weather') }}

),

planes as (

    select * from {{ source('nycflights13', 'planes') }}

),

final as (

    select
        {{ scorehouse.flight_id('flights') }} as flight_id,
        flights.flight_date,
        flights.carrier,
        flights.origin,
        flights.dest,
        cast(extract(month from flights.flight_date) as integer) as month,
        cast({{ dbt.datediff(monday, 'flights.flight_date', 'day') }} % 7 + 1 as integer) as day_of_week,
        cast((flights.sched_dep_time - flights.sched_dep_time % 100) / 100 as integer) as departure_hour,
        cast(
            (
                {{ scorehouse.minutes_of_day('flights.sched_arr_time') }}
                - {{ scorehouse.minutes_of_day('flights.sched_dep_time') }}
                + 1440
            ) % 1440 as integer
        ) as clock_minutes,
        cast(flights.distance as integer) as distance,
        {{ scorehouse.as_double('flights.dep_delay') }} as dep_delay,
        weather.temp,
        weather.humid,
        weather.wind_speed,
        weather.precip,
        weather.pressure,
        weather.visib,
        {{ scorehouse.as_double('extract(year from flights.flight_date) - planes.year') }} as plane_age,
        {{ scorehouse.as_double('planes.seats') }} as seats
    from flights
    left join weather
        on flights.origin = weather.origin and flights.time_hour = weather.time_hour
    left join planes
        on flights.tailnum = planes.tailnum

)

select * from final
