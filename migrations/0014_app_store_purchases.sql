-- Purchases in app stores, as RevenueCat tells of them. One whose buyer or product is unknown here is parked: it has no
-- payment until both are known.

create table store_purchases (
    id             uuid        not null,
    -- As RevenueCat spells it: APP_STORE, PLAY_STORE, …
    store          text        not null,
    transaction_id text        not null,
    product_id     text        not null,
    -- PRODUCTION or SANDBOX.
    environment    text        not null,
    -- What RevenueCat calls the buyer; earlier ones count more.
    buyers         text[]      not null,
    -- To whom an administrator gave it.
    user_id        text,
    -- None while it is parked.
    payment_id     uuid,
    -- None: only its refund has been told so far.
    bought_at      timestamptz,
    is_refunded    boolean     not null default false,
    -- When RevenueCat said whether it is refunded: older words change nothing.
    refund_told_at timestamptz,
    created_at     timestamptz not null,
    constraint store_purchases_pkey primary key (id),
    constraint store_purchases_transaction_unique unique (store, transaction_id),
    constraint store_purchases_payment_unique unique (payment_id),
    constraint store_purchases_user_fkey foreign key (user_id) references users (id),
    constraint store_purchases_payment_fkey foreign key (payment_id) references payments (id)
);

-- What is parked, by what its buyer is called.
create index store_purchases_parked on store_purchases using gin (buyers) where payment_id is null;
