-- Plans and subscriptions to them, coupons, and products at Creem. Prices are in the smallest unit of the currency,
-- credits in millionths.

create table plans (
    id                      text        not null,
    name                    text        not null,
    description             text        not null default '',
    price_monthly           bigint      not null,
    -- None: not sold by the year.
    price_yearly            bigint,
    currency                text        not null,
    -- What a paid month grants, and what a paid year grants.
    credits_included        bigint      not null,
    credits_included_yearly bigint      not null,
    features                text[]      not null default '{}',
    -- Whether what is left at the end of a period stays.
    rollover                boolean     not null default false,
    -- Without them the price is made when it is sold.
    stripe_price_id_monthly text,
    stripe_price_id_yearly  text,
    -- Without it the plan is not sold over Creem.
    creem_product_id        text,
    creem_product_id_yearly text,
    is_active               boolean     not null default true,
    sort_order              integer     not null default 0,
    created_at              timestamptz not null,
    updated_at              timestamptz not null,
    constraint plans_pkey primary key (id),
    constraint plans_id_shape check (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    constraint plans_prices_not_negative check (price_monthly >= 0 and coalesce(price_yearly, 0) >= 0),
    constraint plans_credits_positive check (credits_included > 0 and credits_included_yearly > 0),
    constraint plans_currency_shape check (currency ~ '^[a-z]{3}$'),
    constraint plans_stripe_price_monthly_unique unique (stripe_price_id_monthly),
    constraint plans_stripe_price_yearly_unique unique (stripe_price_id_yearly),
    constraint plans_creem_product_unique unique (creem_product_id),
    constraint plans_creem_product_yearly_unique unique (creem_product_id_yearly)
);

insert into plans (id, name, description, price_monthly, price_yearly, currency, credits_included,
                   credits_included_yearly, features, sort_order, created_at, updated_at)
values
    ('pro', 'Pro', 'For growing teams', 999, 9990, 'usd', 10000000000, 120000000000,
     '{"Unlimited AI chat","Priority support"}', 1, now(), now()),
    ('team', 'Team', 'For whole companies', 2999, 29990, 'usd', 40000000000, 480000000000,
     '{"Everything in Pro","Shared credits","Dedicated support"}', 2, now(), now());

alter table packs add column creem_product_id text;

create table coupons (
    id              uuid        not null,
    code            text        not null,
    kind            text        not null,
    -- Per cent, smallest units of the currency, or millionths of a credit.
    value           bigint      not null,
    currency        text,
    max_redemptions bigint,
    max_per_user    bigint,
    -- Orders that use it and have not ended unpaid.
    redemptions     bigint      not null default 0,
    expires_at      timestamptz,
    -- What it is good for; both empty: everything.
    plan_ids        text[]      not null default '{}',
    pack_ids        text[]      not null default '{}',
    is_active       boolean     not null default true,
    created_at      timestamptz not null,
    constraint coupons_pkey primary key (id),
    constraint coupons_code_shape check (code ~ '^[A-Z0-9_-]{1,64}$'),
    constraint coupons_code_unique unique (code),
    constraint coupons_kind check (kind in ('percent', 'amount', 'bonus_credits')),
    constraint coupons_value check (value > 0 and (kind <> 'percent' or value <= 100)),
    constraint coupons_currency check ((kind = 'amount') = (currency is not null)),
    constraint coupons_within_limit check (redemptions >= 0 and redemptions <= coalesce(max_redemptions, redemptions))
);

create table coupon_redemptions (
    payment_id uuid        not null,
    coupon_id  uuid        not null,
    user_id    text        not null,
    created_at timestamptz not null,
    constraint coupon_redemptions_pkey primary key (payment_id),
    constraint coupon_redemptions_coupon_fkey foreign key (coupon_id) references coupons (id),
    constraint coupon_redemptions_payment_fkey foreign key (payment_id) references payments (id)
);

create index coupon_redemptions_by_user on coupon_redemptions (coupon_id, user_id);

create table subscriptions (
    id                    uuid        not null,
    user_id               text        not null,
    wallet_id             uuid        not null,
    -- The order that started it.
    payment_id            uuid        not null,
    provider              text        not null,
    provider_subscription text        not null,
    provider_customer     text,
    livemode              boolean     not null,
    state                 text        not null,
    cancel_at_period_end  boolean     not null default false,
    current_period_end    timestamptz,
    -- The terms: what a period costs and grants, frozen when they were agreed on.
    plan_id               text        not null,
    billing_interval      text        not null,
    provider_price        text,
    amount_minor          bigint      not null,
    currency              text        not null,
    credits               bigint      not null,
    rollover              boolean     not null,
    created_at            timestamptz not null,
    -- When the provider said what is known of its state: older words change nothing.
    told_at               timestamptz not null,
    canceled_at           timestamptz,
    constraint subscriptions_pkey primary key (id),
    constraint subscriptions_payment_unique unique (payment_id),
    constraint subscriptions_provider_unique unique (provider, provider_subscription),
    constraint subscriptions_user_fkey foreign key (user_id) references users (id),
    constraint subscriptions_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint subscriptions_payment_fkey foreign key (payment_id) references payments (id),
    constraint subscriptions_plan_fkey foreign key (plan_id) references plans (id),
    constraint subscriptions_state check (state in ('incomplete', 'active', 'past_due', 'paused', 'canceled')),
    constraint subscriptions_interval check (billing_interval in ('month', 'year'))
);

create index subscriptions_by_user on subscriptions (user_id, created_at desc);

alter table payments
    add column plan_id           text references plans (id),
    add column billing_interval  text constraint payments_interval check (billing_interval in ('month', 'year')),
    -- When what it grants lapses.
    add column credits_expire_at timestamptz,
    -- What a coupon took off the price, and what it adds to the credits.
    add column discount_minor    bigint not null default 0,
    add column bonus_credits     bigint not null default 0,
    add constraint payments_plan_has_interval check ((plan_id is null) = (billing_interval is null)),
    add constraint payments_discount_not_negative check (discount_minor >= 0 and bonus_credits >= 0);
