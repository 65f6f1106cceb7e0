select * from (values (1, 'north'), (1, 'north'), (3, 'south'), (9, 'south')) as t (customer_id, region)
