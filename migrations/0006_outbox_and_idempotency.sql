-- Jobs that were decided in a transaction and are published after it commits; a row is deleted once the broker has it.

create table outbox (
    id         uuid        not null,
    role       text        not null,
    body       text        not null,
    created_at timestamptz not null,
    constraint outbox_pkey primary key (id)
);

-- Answers to requests that carried an Idempotency-Key.
create table idempotency_keys (
    caller       text        not null,
    key          text        not null,
    -- SHA-256 of method, path and body: the same key with another request is an error.
    fingerprint  bytea       not null,
    -- Null while the first request is still being worked on.
    status       smallint,
    body         jsonb,
    created_at   timestamptz not null,
    constraint idempotency_keys_pkey primary key (caller, key)
);

create index idempotency_keys_by_age on idempotency_keys (created_at);
