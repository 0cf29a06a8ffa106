-- Tickets for one live connection each: they stand in addresses, where no credential must, so they last a minute and
-- are gone once used.
create table live_tickets (
    -- SHA-256 of the ticket, which has 256 random bits.
    ticket_hash           bytea       not null,
    user_id               text        not null,
    -- The credential that it was bought with: what ends that ends the connection.
    credential_hash       bytea       not null,
    -- Whether that credential is in the database.
    is_recorded           boolean     not null,
    credential_expires_at timestamptz,
    created_at            timestamptz not null,
    expires_at            timestamptz not null,
    constraint live_tickets_pkey primary key (ticket_hash),
    constraint live_tickets_user_fkey foreign key (user_id) references users (id)
);

create index live_tickets_by_age on live_tickets (expires_at);
