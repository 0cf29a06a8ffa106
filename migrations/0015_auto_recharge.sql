-- Auto-recharge: what wallets ask for, and each time that one was recharged. Money is in the smallest unit of its
-- currency, credits in millionths.

-- A debit that takes the balance below this has the wallet recharged; null: never. Kept here because the ledger reads
-- and locks this row for every movement anyway.
alter table wallets add column recharge_below bigint;
alter table wallets add constraint wallets_recharge_below_positive check (recharge_below > 0);

create table auto_recharge (
    wallet_id         uuid        not null,
    -- Who set it up last, and agreed to be charged: the buyer of its payments.
    user_id           text        not null,
    organization_id   bigint,
    livemode          boolean     not null,
    enabled           boolean     not null,
    -- When it was last switched on, by the user above.
    consented_at      timestamptz,
    -- Strictly below this balance; zero: never.
    threshold         bigint      not null,
    amount_minor      bigint      not null,
    currency          text        not null,
    -- At most this in a calendar month in UTC; null: no cap.
    max_monthly_minor bigint,
    -- The saved card and whose it is at the provider.
    customer          text,
    payment_method    text,
    card_brand        text,
    card_last4        text,
    card_exp_month    bigint,
    card_exp_year     bigint,
    -- Declines of the card in a row.
    declines          integer     not null default 0,
    next_attempt_at   timestamptz,
    paused_at         timestamptz,
    pause_reason      text,
    -- The month in which the cap left nothing to charge, and the user was told so; its first day.
    capped_month      date,
    created_at        timestamptz not null,
    updated_at        timestamptz not null,
    constraint auto_recharge_pkey primary key (wallet_id),
    constraint auto_recharge_payment_method_unique unique (payment_method),
    constraint auto_recharge_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint auto_recharge_user_fkey foreign key (user_id) references users (id),
    constraint auto_recharge_threshold_not_negative check (threshold >= 0),
    constraint auto_recharge_amount_positive check (amount_minor > 0),
    constraint auto_recharge_currency_shape check (currency ~ '^[a-z]{3}$'),
    constraint auto_recharge_cap_positive check (max_monthly_minor > 0),
    constraint auto_recharge_card check ((payment_method is null) = (customer is null)),
    constraint auto_recharge_declines_not_negative check (declines >= 0),
    constraint auto_recharge_consent check (not enabled or consented_at is not null),
    constraint auto_recharge_pause check ((paused_at is null) = (pause_reason is null))
);

create index auto_recharge_enabled on auto_recharge (wallet_id) where enabled;

create table recharge_runs (
    id             uuid        not null,
    wallet_id      uuid        not null,
    payment_id     uuid        not null,
    -- The calendar month in UTC of its reservation, whose cap it counts against; its first day.
    month          date        not null,
    amount_minor   bigint      not null,
    -- What is charged: fixed with the run, so that asking again asks for the same.
    customer       text        not null,
    payment_method text        not null,
    state          text        not null,
    -- Why it failed, in the provider's word or ours.
    failure        text,
    reserved_at    timestamptz not null,
    -- When the provider was first asked to charge: its memory of the idempotency key begins here.
    asked_at       timestamptz,
    updated_at     timestamptz not null,
    constraint recharge_runs_pkey primary key (id),
    constraint recharge_runs_payment_unique unique (payment_id),
    constraint recharge_runs_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint recharge_runs_payment_fkey foreign key (payment_id) references payments (id),
    constraint recharge_runs_amount_positive check (amount_minor > 0),
    constraint recharge_runs_month check (extract(day from month) = 1),
    constraint recharge_runs_state check (state in
        ('reserved', 'charging', 'unknown', 'requires_action', 'succeeded', 'failed'))
);

-- One at a time for each wallet, whoever decides.
create unique index recharge_runs_one_open on recharge_runs (wallet_id)
    where state in ('reserved', 'charging', 'unknown', 'requires_action');
create index recharge_runs_by_month on recharge_runs (wallet_id, month);
create index recharge_runs_unsettled on recharge_runs (updated_at) where state in ('reserved', 'charging', 'unknown');
