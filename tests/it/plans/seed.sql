-- A database in its third year: one user, number 1, has half of everything. Every row number n of every table has the
-- same id, so that one value finds the rows of number 1 whatever it is compared with.

set session_replication_role = replica;
set synchronous_commit = off;

-- Statements are given values that fit their types, not their meaning.
do $$
declare found record;
begin
    for found in select conrelid::regclass as relation, conname from pg_constraint
                 where contype = 'c' and connamespace = 'public'::regnamespace
    loop
        execute format('alter table %s drop constraint %I', found.relation, found.conname);
    end loop;
end
$$;

-- Indexes are quicker made of rows that are there.
create temporary table indexes on commit preserve rows as
select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition
from pg_index join pg_class on pg_class.oid = indexrelid
where relnamespace = 'public'::regnamespace and not exists (select from pg_constraint where conindid = indexrelid);
do $$
declare found record;
begin
    for found in select name from indexes loop
        execute format('drop index %s', found.name);
    end loop;
end
$$;

create function pg_temp.id(n bigint) returns uuid language sql immutable as
    $$ select ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
create function pg_temp.name(n bigint) returns text language sql immutable as $$ select 'USER-' || n $$;
-- The owner of row n: number 1 has every other row.
create function pg_temp.owner(n bigint) returns bigint language sql immutable as
    $$ select case when n % 2 = 1 then 1 else 2 + n / 2 % 19999 end $$;
create function pg_temp.age(n bigint, all_of bigint) returns timestamptz language sql stable as
    $$ select now() - interval '1000 days' * (all_of - n) / all_of $$;

insert into users (id, created_at)
select pg_temp.name(n), now() from generate_series(1, 20000) n;
insert into organizations (name, created_at) select 'organization', now() from generate_series(1, 2000) n;
insert into wallets (id, user_id, balance, created_at)
select pg_temp.id(n), pg_temp.name(n), 0, now() from generate_series(1, 20000) n;
insert into wallets (id, organization_id, created_at)
select pg_temp.id(100000 + n), n, now() from generate_series(1, 2000) n;
insert into organization_members (organization_id, user_id, role, created_at)
select n, pg_temp.name(m), 'owner', now() from generate_series(1, 2000) n, generate_series(n, n + 4) m;
insert into api_keys (id, user_id, key_hash, scopes, created_at)
select pg_temp.id(n), pg_temp.name(pg_temp.owner(n)), decode(md5(n::text), 'hex'), '{read,spend,buy}', now() from
       generate_series(1, 20000) n;
insert into limits (id, wallet_id, user_id, day_limit, counted_on)
select pg_temp.id(n * 10 + m - n), pg_temp.id(100000 + n), pg_temp.name(m), 1000000, now()
from generate_series(1, 2000) n, generate_series(n, n + 4) m;
-- Some were taken away long ago.
insert into limits (id, api_key_id, month_limit, counted_on)
select pg_temp.id(100000 + n), pg_temp.id(n), nullif(n % 10, 0), now() - interval '60 days' from generate_series(1, 20000) n;
insert into sessions (id, user_id, token_hash, created_at, expires_at)
select pg_temp.id(n), pg_temp.name(pg_temp.owner(n)), decode(md5(n::text), 'hex'), now(), now() + interval '1 day'
from generate_series(1, 50000) n;

insert into payments (id, user_id, wallet_id, organization_id, dialect, kind, provider, mode, livemode, state,
       credits,
                      amount_minor, currency, summary, provider_session, provider_payment, session_status, created_at,
                      expires_at, completed_at, page_expires_at)
select pg_temp.id(n), pg_temp.name(pg_temp.owner(n)), pg_temp.id(pg_temp.owner(n)), case when n % 4 = 0 then 1 end,
       'native', 'one_time', case when n % 3 = 0 then 'creem' else 'stripe' end,
       case when n % 50 = 3 then 'setup' else 'payment' end, true,
       case when n > 299990 or n > 280000 and n % 2 = 0 then 'pending' when n % 10 = 3 then 'expired' else
       'completed' end, 1000000, 100, 'usd',
       'credits', pg_temp.name(n), 'PAID-' || n, 'complete', pg_temp.age(n, 300000),
       pg_temp.age(n, 300000) + interval '60 days',
       case when n <= 299990 and not (n > 280000 and n % 2 = 0) and n % 10 <> 3 then pg_temp.age(n, 300000)
       end, pg_temp.age(n, 300000)
from generate_series(1, 300000) n;
insert into payment_items (payment_id, line, name, quantity, credits, amount_minor)
select pg_temp.id(n), 1, 'credits', 1, 1000000, 100 from generate_series(1, 100000) n;
insert into packages (payment_id, user_id, name)
select pg_temp.id(n), pg_temp.name(pg_temp.owner(n)), case when n > 1 then 'package ' || n end
from generate_series(1, 20000) n;
insert into provider_customers (provider, wallet_id, customer_id, created_at)
select 'stripe', pg_temp.id(n), pg_temp.name(n), now() from generate_series(1, 20000) n;
insert into coupons (id, code, kind, value, created_at)
select pg_temp.id(n), pg_temp.name(n), 'percent', 10, now() from generate_series(1, 1000) n;
insert into coupon_redemptions (payment_id, coupon_id, user_id, created_at)
select pg_temp.id(n), pg_temp.id(1), pg_temp.name(pg_temp.owner(n)), now() from generate_series(1, 20000) n;
insert into plans (id, name, price_monthly, currency, credits_included, credits_included_yearly, created_at,
       updated_at)
values ('USER-1', 'plan', 100, 'usd', 1, 1, now(), now()) on conflict do nothing;
insert into packs (id, name, credits, price_minor, currency, created_at, updated_at)
values ('USER-1', 'pack', 1, 1, 'usd', now(), now()) on conflict do nothing;
insert into subscriptions (id, user_id, wallet_id, payment_id, provider, provider_subscription, provider_customer,
                           livemode, state, plan_id, billing_interval, amount_minor, currency, credits, rollover,
                           created_at, told_at, carried)
select pg_temp.id(n), pg_temp.name(n), pg_temp.id(n), pg_temp.id(n), 'stripe', pg_temp.name(n), pg_temp.name(n), true,
       'active', 'USER-1', 'month', 100, 'usd', 1, true, now(), now(), case when n % 10 = 0 then -1 else 0 end
from generate_series(1, 20000) n;

insert into grants (id, wallet_id, payment_id, source, amount, remaining, priority, expires_at, created_at, is_open)
select pg_temp.id(n), pg_temp.id(pg_temp.owner(n)), pg_temp.id(n), 'purchase', 1000000,
       case when n > 99000 then 1000000 else 0 end, 1, now() + interval '1 day' * (1 + n % 300),
       pg_temp.age(n, 100000), n > 99000
from generate_series(1, 100000) n;
insert into ledger_entries (id, wallet_id, amount, counter_account, entry_type, source_kind, source_id, balance_after,
                            created_at)
select pg_temp.id(n), pg_temp.id(pg_temp.owner(n)), case when n % 4 = 1 then 1000000 else -1 end,
       case when n % 4 = 1 then 'stripe' else 'usage' end, case when n % 4 = 1 then 'purchase' else 'debit' end,
       case when n % 4 = 1 then 'payment' else 'consume' end,
       case when n % 4 = 1 then pg_temp.id(n)::text else 'request-' || n end, 1, pg_temp.age(n, 200000)
from generate_series(1, 200000) n;
insert into holds (id, wallet_id, user_id, amount, state, created_at, expires_at, ended_at, placed_key)
select pg_temp.id(n), pg_temp.id(pg_temp.owner(n)), pg_temp.name(pg_temp.owner(n)), 1,
       case when n > 99900 then 'active' else 'captured' end, pg_temp.age(n, 100000), now() + interval '1 day',
       case when n <= 99900 then now() end, pg_temp.name(n)
from generate_series(1, 100000) n;

insert into provider_events (provider, event_id, event_type, object_id, payment_id, outcome, received_at, handled_at)
select case when n % 3 = 0 then 'creem' else 'stripe' end, pg_temp.name(n), 'event', pg_temp.name(n), pg_temp.id(n),
       case when n % 10000 = 0 then 'quarantined' when n % 2 = 0 then 'ignored' else 'applied' end,
       pg_temp.age(n, 300000), pg_temp.age(n, 300000)
from generate_series(1, 300000) n;
insert into reversals (provider, object_id, payment_id, provider_payments, kind, standing, status, step, created_at,
                       updated_at)
select 'stripe', pg_temp.name(n), case when n % 10 > 0 then pg_temp.id(n) end, array[pg_temp.name(n)],
       'refund', 'taken',
       'succeeded', 1, now(), now()
from generate_series(1, 20000) n;
insert into refund_requests (id, payment_id, amount_minor, reason, requested_by, state, request_id, created_at,
                             updated_at)
select pg_temp.id(n), pg_temp.id(n), 100, 'reason', 'admin', 'done', pg_temp.id(n), now(), now()
from generate_series(1, 20000) n;
insert into store_purchases (id, store, transaction_id, product_id, environment, buyers, payment_id, bought_at,
       created_at)
select pg_temp.id(n), 'APP_STORE', pg_temp.name(n), 'product', 'PRODUCTION', array[pg_temp.name(pg_temp.owner(n))],
       case when n > 100 then pg_temp.id(n) end, now(), now()
from generate_series(1, 20000) n;
insert into auto_recharge (wallet_id, user_id, livemode, enabled, consented_at, threshold, amount_minor, currency,
                           customer, payment_method, card_user_id, created_at, updated_at)
select pg_temp.id(n), pg_temp.name(n), true, true, now(), 1, 100, 'usd', pg_temp.name(n), pg_temp.name(n),
       pg_temp.name(n), now(), now()
from generate_series(1, 20000) n;
update wallets set recharge_below = 1 where user_id is not null;
insert into recharge_runs (id, wallet_id, payment_id, month, amount_minor, customer, payment_method, state,
       reserved_at,
                           updated_at)
select pg_temp.id(n), pg_temp.id(pg_temp.owner(n)), pg_temp.id(n), date_trunc('month', pg_temp.age(n,
       20000))::date, 100,
       'customer', 'card', 'succeeded', pg_temp.age(n, 20000), pg_temp.age(n, 20000)
from generate_series(1, 20000) n;
insert into checkins (user_id, day, time_zone, wallet_id, streak, credits, checked_in_at)
select pg_temp.name(1 + n % 20), current_date - (n / 20)::int, 'UTC', pg_temp.id(1 + n % 20), 1, 1, now()
from generate_series(1, 20000) n;

insert into outbox (id, role, body, created_at)
select pg_temp.id(n), 'apply', '{}', now() - interval '1 minute' from generate_series(1, 50000) n;
insert into idempotency_keys (caller, key, fingerprint, status, created_at)
select pg_temp.name(pg_temp.owner(n)), pg_temp.name(n), '\x00', 200, now() - interval '1 day' * n / 100000
from generate_series(1, 100000) n;
insert into dead_letters (id, role, kind, reason, attempts, died_at, state, settled_at)
select pg_temp.id(n), 'apply', 'provider.events', 'reason', 1, pg_temp.age(n, 50000), 'discarded',
       pg_temp.age(n, 50000)
from generate_series(1, 50000) n;
insert into webhook_endpoints (id, url, event_types, secret, is_enabled, created_at, updated_at)
select pg_temp.id(n), 'https://host.test', '{}', 'whsec_', true, now(), now() from generate_series(1, 10) n;
insert into webhook_deliveries (id, endpoint_id, message_id, event_type, payload, state, next_attempt_at, created_at,
                                delivered_at)
select pg_temp.id(n), pg_temp.id(case when n % 2 = 1 then 1 else 2 + n % 9 end), pg_temp.id(n), 'credits.added', '{}',
       case when n > 99000 then 'pending' when n % 100 = 1 then 'failed' else 'delivered' end,
       case when n > 99000 then now() - interval '1 minute' end, pg_temp.age(n, 100000),
       case when n <= 99000 and n % 100 <> 1 then now() end
from generate_series(1, 100000) n;
insert into webhook_attempts (delivery_id, number, duration_ms, ended_at)
select pg_temp.id(n), 1, 1, now() from generate_series(1, 100000) n;
insert into admin_actions (id, actor, action, subject, details, created_at)
select pg_temp.id(n), 'admin', 'action', 'subject', '{}', pg_temp.age(n, 50000) from generate_series(1, 50000) n;

-- All changes but those of the last moments are added up.
with taken as (
    delete from statistics_changes where id > 20 returning starts_at, account, currency, amount)
insert into statistics (unit, starts_at, account, currency, amount)
select unit, date_trunc(unit, starts_at, 'UTC'), account, currency, sum(amount)
from taken cross join unnest(array['hour', 'day', 'month']) as units (unit) group by 1, 2, 3, 4;

do $$
declare found record;
begin
    for found in select definition from indexes loop
        execute found.definition;
    end loop;
end
$$;
