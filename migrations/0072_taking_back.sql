-- Users can be blocked and erased, and what was given to them can be listed: sessions, keys, the right to administer.

alter table users
    add column blocked_at   timestamptz,
    add column block_reason text,
    -- Personal data is gone then; what the user bought and spent stays in the books.
    add column erased_at    timestamptz,
    add constraint users_blocked_for_a_reason check ((blocked_at is null) = (block_reason is null)),
    add constraint users_erased_is_blocked check (erased_at is null or blocked_at is not null);

create index users_admins on users (id) where is_admin;
create index sessions_by_user on sessions (user_id, id);
create index api_keys_by_user on api_keys (user_id, id);
