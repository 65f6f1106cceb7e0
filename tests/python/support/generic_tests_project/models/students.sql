select * from (
    values
        (1, 'teacher', 'scored', 0.5, 1), (1, 'student', 'scored', 0.55, 1),
        (2, 'teacher', 'scored', 0.5, 1), (2, 'student', 'scored', 0.75, 1),
        (3, 'teacher', 'scored', 0.5, 1), (3, 'student', 'scored', null, 1),
        (4, 'teacher', 'scored', 0.5, 1), (4, 'student', 'rejected', null, null),
        (5, 'teacher', 'rejected', null, null), (5, 'student', 'rejected', null, null),
        (6, 'teacher', 'scored', 0.25, 1), (6, 'student', 'scored', 0.25, 1),
        (7, 'teacher', 'scored', 0.25, 1),
        (8, 'student', 'scored', 0.25, 1), (8, 'challenger', 'scored', 0.9, 1)
) as t (customer_id, model_alias, row_status, score, prediction)
