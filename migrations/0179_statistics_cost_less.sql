-- What was paid is counted once for each statement, no longer for each payment.

create function note_paid() returns trigger language plpgsql as $$
begin
    insert into statistics_changes (starts_at, account, currency, amount)
    select date_trunc('hour', at, 'UTC'), 'paid', currency, sum(amount)
    from (select completed_at, paid_currency(updated), paid_minor(updated) from updated
          union all
          select completed_at, paid_currency(outdated), -paid_minor(outdated) from outdated)
         as changes (at, currency, amount)
    where at is not null
    group by 1, 3 having sum(amount) <> 0;
    return null;
end
$$;

create function note_returned() returns trigger language plpgsql as $$
begin
    insert into statistics_changes (starts_at, account, currency, amount)
    select date_trunc('hour', new.reversed_at, 'UTC'), 'returned', paid_currency(new), amount
    from (values (new.refunded_minor + new.withdrawn_minor - old.refunded_minor - old.withdrawn_minor)) as change (amount)
    where amount <> 0 and new.reversed_at is not null;
    return null;
end
$$;

drop trigger payments_noted on payments;

create trigger payments_noted_when_paid after update on payments
    referencing old table as outdated new table as updated for each statement execute function note_paid();

create trigger payments_noted_when_returned after update on payments
    for each row when ((old.refunded_minor, old.withdrawn_minor) is distinct from (new.refunded_minor, new.withdrawn_minor))
    execute function note_returned();

-- Written in SQL, it is planned at each call, as what has a subquery is not inlined.
create or replace function wallet_changes_are_told() returns boolean language plpgsql stable parallel safe as $$
begin
    return exists (
        select from webhook_endpoints
        where is_enabled and (event_types = '{}' or 'wallet.changed' = any (event_types)));
end
$$;
