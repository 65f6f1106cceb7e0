select * from {{ ref('good') }} where false
