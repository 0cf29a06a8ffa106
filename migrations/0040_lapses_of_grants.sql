-- What has lapsed of a grant is on the grant: what money that goes back is still worth depends on it, and it was counted
-- from all entries of the wallet.

alter table grants
    add column lapsed            bigint not null default 0,
    -- The purchase that a grant belongs to besides the one that it made: a bonus, or what was given back.
    add column origin_payment_id uuid,
    add constraint grants_lapsed_in_range check (lapsed between 0 and amount - remaining),
    add constraint grants_origin_payment_fkey foreign key (origin_payment_id) references payments (id);

create index grants_by_origin_payment on grants (origin_payment_id) where origin_payment_id is not null;

update grants set lapsed = lapses.amount
from (select split_part(source_id, ':', 1)::uuid as grant_id, -sum(amount) as amount
      from ledger_entries where source_kind = 'expiry' group by 1) as lapses
where grants.id = lapses.grant_id;

alter table payments
    -- What had lapsed when credits were last taken back: that much of what a refund is worth was not taken.
    add column credits_lapsed bigint not null default 0,
    add constraint payments_lapsed_not_negative check (credits_lapsed >= 0);
