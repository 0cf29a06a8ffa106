-- The catalogs that the APIs of other systems sell in their own documents, and their daily check-in: for development
-- and tests. An installation sells what its operator adds.

insert into packs
    (id, name, description, credits, price_minor, currency, dialects, store_product_id, sort_order, created_at,
     updated_at)
values
    ('Fifty', 'Fifty credits', 'Fifty credits', 50000000, 5000, 'eur', '{wasdi}', null, 1, now(), now()),
    ('OneHundred', 'One hundred credits', 'One hundred credits', 100000000, 10000, 'eur', '{wasdi}', null, 2, now(), now()),
    ('micro', 'Micro', '100 credits', 100000000, 1500, 'usd', '{timeproof,billing}', null, 10, now(), now()),
    ('basic', 'Basic', '350 credits', 350000000, 4900, 'usd', '{timeproof,billing}', null, 11, now(), now()),
    ('pro', 'Pro', '1000 credits', 1000000000, 12900, 'usd', '{timeproof,billing}', null, 12, now(), now()),
    ('bulk', 'Bulk', '2500 credits', 2500000000, 29900, 'usd', '{timeproof,billing}', null, 13, now(), now()),
    ('65a000000000000000000010', '10 credits', '10 credits', 10000000, 99, 'usd', '{allmine}', 'com.allmine.credits.10', 20, now(), now()),
    ('65a000000000000000000100', '100 credits', '100 credits', 100000000, 899, 'usd', '{allmine}', 'com.allmine.credits.100', 21, now(), now()),
    ('65a000000000000000000250', '250 credits', '250 credits', 250000000, 1999, 'usd', '{allmine}', 'com.allmine.credits.250', 22, now(), now()),
    ('65a000000000000000000500', '500 credits', '500 credits', 500000000, 3899, 'usd', '{allmine}', 'com.allmine.credits.500', 23, now(), now()),
    ('65a000000000000000001000', '1000 credits', '1000 credits', 1000000000, 6999, 'usd', '{allmine}', 'com.allmine.credits.1000', 24, now(), now()),
    ('65a000000000000000010000', '10000 credits', '10000 credits', 10000000000, 59999, 'usd', '{allmine}', 'com.allmine.credits.10000', 25, now(), now())
on conflict do nothing;

insert into plans
    (id, name, description, price_monthly, price_yearly, currency, credits_included,
                   credits_included_yearly, features, sort_order, created_at, updated_at)
values
    ('pro', 'Pro', 'For growing teams', 999, 9990, 'usd', 10000000000, 120000000000,
     '{"Unlimited AI chat","Priority support"}', 1, now(), now()),
    ('team', 'Team', 'For whole companies', 2999, 29990, 'usd', 40000000000, 480000000000,
     '{"Everything in Pro","Shared credits","Dedicated support"}', 2, now(), now())
on conflict do nothing;

update checkin_config set enabled = true;

insert into credit_prices (currency, credits, price_minor, updated_at) values ('usd', 1000000, 1, now())
on conflict do nothing;
