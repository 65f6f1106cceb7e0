select * from (
    values
        (1, 0.5e0, 'scored'),
        (2, null, 'scored'),
        (3, cast('nan' as double), 'scored'),
        (4, cast('inf' as double), 'scored'),
        (5, cast('-inf' as double), 'scored'),
        (6, -0.25e0, 'scored'),
        (7, 1.25e0, 'scored'),
        (8, null, 'rejected'),
        (9, 0.5e0, 'rejected'),
        (10, cast('nan' as double), 'rejected'),
        (11, null, null),
        (12, 0.5e0, null)
) as t (customer_id, score, row_status)
