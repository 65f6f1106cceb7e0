select * from (values (1, 'north'), (2, 'north'), (3, 'south'), (null, 'south')) as t (customer_id, region)
