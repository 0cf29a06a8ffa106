-- What was sold, spent, granted, lapsed and refunded, by hours, days and months in UTC.
--
-- Whatever moves credits or money adds its change, in its own transaction and without waiting for another: changes are
-- only inserted. The scheduler adds them up. So a sum of both tables, read in one statement, is exact at any moment.

create table statistics (
    unit      text        not null,
    -- When the hour, day or month begins.
    starts_at timestamptz not null,
    -- Of credits the counter-account of the entries. Of money `paid` or `returned`.
    account   text        not null,
    -- Empty for credits.
    currency  text        not null,
    -- Credits in millionths, signed as seen from the wallets; money in the smallest unit. All wallets together may
    -- have more than one wallet can.
    amount    numeric     not null,
    constraint statistics_pkey primary key (unit, starts_at, account, currency),
    constraint statistics_unit check (unit in ('hour', 'day', 'month'))
);

create table statistics_changes (
    id        bigint      generated always as identity,
    -- When its hour begins.
    starts_at timestamptz not null,
    account   text        not null,
    currency  text        not null,
    amount    numeric     not null,
    constraint statistics_changes_pkey primary key (id)
);

create function note_entries() returns trigger language plpgsql as $$
begin
    insert into statistics_changes (starts_at, account, currency, amount)
    select date_trunc('hour', created_at, 'UTC'), counter_account, '', sum(amount)
    from entered group by 1, 2 having sum(amount) <> 0;
    return null;
end
$$;

create trigger ledger_entries_noted after insert on ledger_entries
    referencing new table as entered for each statement execute function note_entries();

alter table payments
    -- When `refunded_minor` or `withdrawn_minor` changed last.
    add column reversed_at timestamptz;

update payments set reversed_at = coalesce((select max(updated_at) from reversals where payment_id = payments.id), completed_at)
where refunded_minor > 0 or withdrawn_minor > 0;

-- What was paid for an order; nothing where it was given.
create function paid_minor(payment payments) returns bigint language sql immutable as $$
    select case when payment.provider = 'manual' then 0
                else coalesce(payment.charged_minor, payment.accepted_minor, payment.amount_minor) end
$$;

create function paid_currency(payment payments) returns text language sql immutable as $$
    select coalesce(payment.accepted_currency, payment.currency)
$$;

create function note_payment() returns trigger language plpgsql as $$
begin
    insert into statistics_changes (starts_at, account, currency, amount)
    select date_trunc('hour', at, 'UTC'), account, currency, sum(amount)
    from (select new.completed_at, 'paid', paid_currency(new), paid_minor(new)
          union all
          select old.completed_at, 'paid', paid_currency(old), -paid_minor(old)
          union all
          select new.reversed_at, 'returned', paid_currency(new),
                 new.refunded_minor + new.withdrawn_minor
                 - coalesce(old.refunded_minor + old.withdrawn_minor, 0)) as changes (at, account, currency, amount)
    where at is not null
    group by 1, 2, 3 having sum(amount) <> 0;
    return null;
end
$$;

create trigger payments_noted_when_placed after insert on payments
    for each row when (new.completed_at is not null) execute function note_payment();

create trigger payments_noted after update on payments
    for each row when ((old.completed_at, old.charged_minor, old.accepted_minor, old.refunded_minor, old.withdrawn_minor)
                       is distinct from
                       (new.completed_at, new.charged_minor, new.accepted_minor, new.refunded_minor, new.withdrawn_minor))
    execute function note_payment();

-- What happened before.
insert into statistics_changes (starts_at, account, currency, amount)
select date_trunc('hour', created_at, 'UTC'), counter_account, '', sum(amount)
from ledger_entries group by 1, 2 having sum(amount) <> 0;

insert into statistics_changes (starts_at, account, currency, amount)
select date_trunc('hour', at, 'UTC'), account, currency, sum(amount)
from (select completed_at, 'paid', paid_currency(payments), paid_minor(payments) from payments
      union all
      select reversed_at, 'returned', paid_currency(payments), refunded_minor + withdrawn_minor from payments)
     as changes (at, account, currency, amount)
where at is not null
group by 1, 2, 3 having sum(amount) <> 0;
