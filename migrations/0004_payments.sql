-- Purchases. The row is the order: what is paid and what is granted come from here, never from an event.

create table payments (
    id                  uuid        not null,
    -- For dialects whose payment ids are numbers.
    number              bigint      generated always as identity,
    user_id             text        not null,
    wallet_id           uuid        not null,
    organization_id     bigint,
    dialect             text        not null,
    kind                text        not null,
    provider            text        not null,
    mode                text        not null,
    livemode            boolean     not null,
    state               text        not null,
    credits             bigint      not null,
    amount_minor        bigint      not null,
    currency            text        not null,
    summary             text        not null,
    return_urls         jsonb,
    -- Counts the checkouts opened for this order: part of the provider's idempotency key.
    attempt             integer     not null default 1,
    provider_customer   text,
    provider_session    text,
    provider_payment    text,
    checkout_url        text,
    -- The provider's own words, for dialects that show them.
    session_status      text,
    payment_status      text,
    payment_intent_status text,
    receipt_url         text,
    failure             text,
    created_at          timestamptz not null,
    expires_at          timestamptz not null,
    completed_at        timestamptz,
    checked_at          timestamptz,
    constraint payments_pkey primary key (id),
    constraint payments_number_unique unique (number),
    constraint payments_session_unique unique (provider_session),
    constraint payments_provider_payment_unique unique (provider_payment),
    constraint payments_user_fkey foreign key (user_id) references users (id),
    constraint payments_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint payments_kind check (kind in ('one_time', 'auto_recharge', 'subscription')),
    constraint payments_provider check (provider in ('stripe', 'creem', 'revenuecat')),
    constraint payments_mode check (mode in ('payment', 'setup', 'subscription')),
    constraint payments_state check (state in
        ('created', 'pending', 'completed', 'failed', 'expired', 'refunded', 'partially_refunded', 'disputed')),
    constraint payments_completed check (state in ('created', 'pending', 'failed', 'expired') or completed_at is not null),
    constraint payments_credits_not_negative check (credits >= 0),
    constraint payments_amount_not_negative check (amount_minor >= 0),
    constraint payments_currency_shape check (currency ~ '^[a-z]{3}$')
) with (fillfactor = 80);

create index payments_by_user on payments (user_id, created_at desc);
create index payments_unsettled on payments (expires_at) where state in ('created', 'pending');

create table payment_items (
    payment_id   uuid    not null,
    line         integer not null,
    pack_id      text,
    name         text    not null,
    quantity     bigint  not null,
    -- For one piece.
    credits      bigint  not null,
    amount_minor bigint  not null,
    constraint payment_items_pkey primary key (payment_id, line),
    constraint payment_items_payment_fkey foreign key (payment_id) references payments (id),
    constraint payment_items_pack_fkey foreign key (pack_id) references packs (id),
    constraint payment_items_quantity_positive check (quantity > 0)
);

-- One customer at the provider for each wallet: a second one would orphan the saved card.
create table provider_customers (
    provider    text        not null,
    wallet_id   uuid        not null,
    customer_id text        not null,
    created_at  timestamptz not null,
    constraint provider_customers_pkey primary key (provider, wallet_id),
    constraint provider_customers_unique unique (provider, customer_id),
    constraint provider_customers_wallet_fkey foreign key (wallet_id) references wallets (id)
);
