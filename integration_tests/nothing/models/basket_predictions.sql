{{ scorehouse.scored('loyalty', key='basket_id') }}

select
    basket_id,
    spend,
    visits
from {{ ref('baskets') }}
