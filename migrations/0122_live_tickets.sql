-- Tickets for one live connection each: they stand in addresses, where no credential must, so they last a minute and
-- are gone once used.
create table live_tickets (
    -- SHA-256 of the ticket, which has 256 random bits.
    ticket_hash           bytea       not null,
    -- Whose connection it is: all wallets that they may see are told of…
    user_id               text,
    -- …or this one alone, where the ticket is for one.
    wallet_id             uuid,
    -- The credential that it was bought with: what ends that ends the connection.
    credential_hash       bytea       not null,
    -- Whether that credential is in the database.
    is_recorded           boolean     not null,
    credential_expires_at timestamptz,
    created_at            timestamptz not null,
    expires_at            timestamptz not null,
    constraint live_tickets_pkey primary key (ticket_hash),
    constraint live_tickets_user_fkey foreign key (user_id) references users (id),
    constraint live_tickets_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint live_tickets_of_somebody check (user_id is not null or wallet_id is not null)
);

create index live_tickets_by_age on live_tickets (expires_at);
