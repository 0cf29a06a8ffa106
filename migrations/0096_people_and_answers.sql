-- What hosts keep with their users, and how users are found again.

alter table users
    add column name     text,
    add column metadata jsonb not null default '{}';

-- Users are looked for by the beginning of their id or e-mail address.
create index users_by_id_prefix on users (id text_pattern_ops);
create index users_by_email_prefix on users (lower(email) text_pattern_ops) where email is not null;

-- What was held when an entry was written: a debit that is asked for again is answered as it was. Null of older
-- entries.
alter table ledger_entries add column held_after bigint;
