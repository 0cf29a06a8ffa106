-- Sessions of the pages on which customers see a wallet. The host application makes one and sends the customer to its
-- link, which opens it once.
create table portal_sessions (
    id          uuid        not null,
    wallet_id   uuid        not null,
    -- As which user; none: as the organization whose wallet it is.
    user_id     text,
    -- Where the customer goes back to.
    return_url  text        not null,
    -- The language of the pages, if the host application knows it.
    locale      text,
    -- SHA-256 of the link's secret, which has 256 random bits.
    link_hash   bytea       not null,
    created_at  timestamptz not null,
    opened_at   timestamptz,
    -- SHA-256 of the session's token, once it is open.
    token_hash  bytea,
    -- Until it is opened of the link, then of the session.
    expires_at  timestamptz not null,
    constraint portal_sessions_pkey primary key (id),
    constraint portal_sessions_link_unique unique (link_hash),
    constraint portal_sessions_token_unique unique (token_hash),
    constraint portal_sessions_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint portal_sessions_user_fkey foreign key (user_id) references users (id),
    constraint portal_sessions_opened check ((opened_at is null) = (token_hash is null))
);

create index portal_sessions_by_wallet on portal_sessions (wallet_id, id desc);
create index portal_sessions_by_user on portal_sessions (user_id);
create index portal_sessions_by_end on portal_sessions (expires_at);
