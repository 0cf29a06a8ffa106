-- What hosts keep with their users, and how users are found again.

alter table users
    add column name     text,
    add column metadata jsonb not null default '{}';

-- Users are looked for by the beginning of their id, or by their e-mail address.
create index users_by_id_prefix on users (id text_pattern_ops);
create index users_by_email on users (lower(email)) where email is not null;

-- What was held when an entry was written: a debit that is asked for again is answered as it was. Null of older
-- entries.
alter table ledger_entries add column held_after bigint;
