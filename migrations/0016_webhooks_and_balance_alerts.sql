-- Where the host application is told what happened to wallets, and what it was told.

create table webhook_endpoints (
    id                    uuid        not null,
    url                   text        not null,
    -- The types that it is told of; none named: all.
    event_types           text[]      not null,
    -- Signs what is sent, so it cannot be kept as a hash. Whoever reads it can forge messages of this system to that
    -- endpoint, and nothing else.
    secret                text        not null,
    -- The one before, which also signs for some time after it was replaced.
    previous_secret       text,
    previous_secret_until timestamptz,
    is_enabled            boolean     not null,
    -- Why it is not enabled.
    disabled_reason       text,
    -- The first failure since the last success.
    failing_since         timestamptz,
    consecutive_failures  bigint      not null default 0,
    created_at            timestamptz not null,
    updated_at            timestamptz not null,
    constraint webhook_endpoints_pkey primary key (id),
    constraint webhook_endpoints_disabled_for_a_reason check (is_enabled = (disabled_reason is null)),
    constraint webhook_endpoints_failing check ((failing_since is null) = (consecutive_failures = 0)),
    constraint webhook_endpoints_previous_secret
        check ((previous_secret is null) = (previous_secret_until is null))
);

create table webhook_deliveries (
    id              uuid        not null,
    endpoint_id     uuid        not null,
    -- The same for all endpoints and all attempts: by it a receiver knows what it has seen.
    message_id      uuid        not null,
    event_type      text        not null,
    -- The bytes that are signed and sent.
    payload         text        not null,
    state           text        not null default 'pending',
    attempts        integer     not null default 0,
    -- When a pending one is tried again, or looked for should its job be lost.
    next_attempt_at timestamptz,
    created_at      timestamptz not null,
    delivered_at    timestamptz,
    constraint webhook_deliveries_pkey primary key (id),
    constraint webhook_deliveries_message_unique unique (endpoint_id, message_id),
    constraint webhook_deliveries_endpoint_fkey foreign key (endpoint_id) references webhook_endpoints (id)
        on delete cascade,
    constraint webhook_deliveries_state check (state in ('pending', 'delivered', 'failed')),
    constraint webhook_deliveries_pending check ((state = 'pending') = (next_attempt_at is not null)),
    constraint webhook_deliveries_delivered check ((state = 'delivered') = (delivered_at is not null))
);

create index webhook_deliveries_due on webhook_deliveries (next_attempt_at) where state = 'pending';
create index webhook_deliveries_by_endpoint on webhook_deliveries (endpoint_id, id);
create index webhook_deliveries_by_age on webhook_deliveries (created_at);

create table webhook_attempts (
    delivery_id     uuid        not null,
    -- From 1.
    number          integer     not null,
    -- What the endpoint answered; none if it did not.
    response_status smallint,
    -- What went wrong; none if nothing did.
    failure         text,
    duration_ms     bigint      not null,
    ended_at        timestamptz not null,
    constraint webhook_attempts_pkey primary key (delivery_id, number),
    constraint webhook_attempts_delivery_fkey foreign key (delivery_id) references webhook_deliveries (id)
        on delete cascade
);

-- The levels of its balance below which those who see a wallet are told. Beside recharge_below, and for its reason.
alter table wallets add column alert_below bigint[] not null default '{}';
