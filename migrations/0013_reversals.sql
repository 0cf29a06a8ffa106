-- Refunds and disputes: money that went back, and the credits that went with it. Money is in the smallest unit of the
-- currency, credits in millionths.

create table reversals (
    provider          text        not null,
    -- The refund or dispute there; of the kind `total`, the payment.
    object_id         text        not null,
    -- Null while no payment of ours is known for it: it waits for the payment to be heard of.
    payment_id        uuid,
    -- The ids under which the provider knows the payment that it is about. Empty: its order is all that is known.
    provider_payments text[]      not null,
    kind              text        not null,
    standing          text        not null,
    -- The provider's word for it.
    status            text        not null,
    -- Grows with each thing that happens to the object: what is told of an earlier step changes nothing.
    step              bigint      not null,
    -- How much of `paid_minor`; both null: all. A null `paid_minor` is the order's amount.
    amount_minor      bigint,
    paid_minor        bigint,
    currency          text,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    constraint reversals_pkey primary key (provider, object_id),
    constraint reversals_payment_fkey foreign key (payment_id) references payments (id),
    constraint reversals_kind check (kind in ('refund', 'dispute', 'total')),
    constraint reversals_standing check (standing in ('announced', 'taken', 'restored')),
    constraint reversals_amounts check (amount_minor >= 0 and paid_minor >= 0
        and (amount_minor is null) = (currency is null) and (amount_minor is not null or paid_minor is null))
);

create index reversals_by_payment on reversals (payment_id);
create index reversals_waiting on reversals using gin (provider_payments) where payment_id is null;

alter table payments
    -- Whether anything is known to have gone back of it, which crediting it has to look at.
    add column has_reversals     boolean not null default false,
    -- Money back by refunds and by disputes, as the provider counts, which may be with tax.
    add column refunded_minor    bigint  not null default 0,
    add column withdrawn_minor   bigint  not null default 0,
    -- Credits that are taken back, and those that had been spent and are forgiven.
    add column credits_reversed  bigint  not null default 0,
    add column credits_shortfall bigint  not null default 0,
    add constraint payments_reversed_in_range check (refunded_minor >= 0 and withdrawn_minor >= 0
        and credits_reversed >= 0 and credits_shortfall >= 0
        and credits_reversed + credits_shortfall <= credits + bonus_credits);
