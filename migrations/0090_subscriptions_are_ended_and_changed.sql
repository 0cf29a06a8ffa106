-- What operators have providers do to subscriptions: end them, with or without the money of the last payment, and move
-- them to other plans. Each holds its newest instruction of either kind; a job of an older one does nothing.

create table subscription_endings (
    subscription_id uuid        not null,
    instruction_id  uuid        not null,
    -- Ends with the period that is paid for, else now.
    at_period_end   boolean     not null,
    -- Whether the last payment is given back.
    refund          boolean     not null,
    state           text        not null,
    -- The provider's id of the payment that is given back, once it is known: another one never is.
    refund_of       text,
    -- When the provider was asked to give it back. Creem knows no idempotency keys: it is asked once.
    refund_asked_at timestamptz,
    -- In the provider's words, or why the outcome is not known.
    refusal         text,
    asked_at        timestamptz not null,
    updated_at      timestamptz not null,
    constraint subscription_endings_pkey primary key (subscription_id),
    constraint subscription_endings_subscription_fkey foreign key (subscription_id) references subscriptions (id),
    constraint subscription_endings_state check (state in ('asked', 'ended', 'done', 'refused', 'unclear')),
    constraint subscription_endings_refund_ends_now check (not (refund and at_period_end)),
    constraint subscription_endings_refusal check ((state in ('refused', 'unclear')) = (refusal is not null))
);

create table subscription_changes (
    subscription_id  uuid        not null,
    instruction_id   uuid        not null,
    plan_id          text        not null,
    billing_interval text        not null,
    -- The price or product that the provider is to bill.
    provider_price   text        not null,
    state            text        not null,
    refusal          text,
    asked_at         timestamptz not null,
    updated_at       timestamptz not null,
    constraint subscription_changes_pkey primary key (subscription_id),
    constraint subscription_changes_subscription_fkey foreign key (subscription_id) references subscriptions (id),
    constraint subscription_changes_plan_fkey foreign key (plan_id) references plans (id),
    constraint subscription_changes_interval check (billing_interval in ('month', 'year')),
    constraint subscription_changes_state check (state in ('asked', 'done', 'refused')),
    constraint subscription_changes_refusal check ((state = 'refused') = (refusal is not null))
);

create index subscriptions_by_wallet on subscriptions (wallet_id, created_at desc);

alter table subscriptions
    -- When it was found that another one of its wallet bills at the same time.
    add column doubled_at timestamptz;

update subscriptions s set doubled_at = now()
where state <> 'canceled'
  and exists (select from subscriptions o where o.wallet_id = s.wallet_id and o.state <> 'canceled' and o.id <> s.id);

create index subscriptions_doubled on subscriptions (wallet_id) where doubled_at is not null and state <> 'canceled';
