-- What is for sale. Prices are in the smallest unit of the currency, credits in millionths.

create table packs (
    id                  text        not null,
    name                text        not null,
    description         text        not null default '',
    credits             bigint      not null,
    price_minor         bigint      not null,
    currency            text        not null,
    -- The dialects that sell it; empty: all of them.
    dialects            text[]      not null default '{}',
    stripe_payment_link text,
    store_product_id    text,
    is_active           boolean     not null default true,
    sort_order          integer     not null default 0,
    created_at          timestamptz not null,
    updated_at          timestamptz not null,
    constraint packs_pkey primary key (id),
    constraint packs_id_shape check (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    constraint packs_credits_positive check (credits > 0),
    constraint packs_price_not_negative check (price_minor >= 0),
    constraint packs_currency_shape check (currency ~ '^[a-z]{3}$'),
    constraint packs_store_product_unique unique (store_product_id)
);
