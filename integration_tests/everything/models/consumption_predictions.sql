{{ scorehouse.scored(
    'consumption',
    key='Meter Id',
    alias='live',
    passthrough=['kind'],
    rescore='given',
    strict=['unseen_category'],
    max_rejected_share=0.1,
    batch_rows=100
) }}

select
    "Meter Id",
    kind,
    floor_area,
    age
from {{ ref('meters') }}
