-- What a credential may do: scopes, for the wallets of anybody, of one user or of one organization.

alter table api_keys
    alter column user_id drop not null,
    add column organization_id bigint,
    -- For people: what the key is for.
    add column name            text not null default '',
    -- The beginning of the key, by which people tell keys apart; none of keys from before there was one.
    add column prefix          text,
    -- A key of a user who may administrate does so only with `admin`.
    add column scopes          text[] not null default '{read,spend,buy,admin}',
    add column expires_at      timestamptz,
    -- To the minute.
    add column last_used_at    timestamptz,
    add constraint api_keys_organization_fkey foreign key (organization_id) references organizations (id),
    add constraint api_keys_one_owner check (user_id is null or organization_id is null),
    add constraint api_keys_scopes check (scopes <@ array['read', 'spend', 'buy', 'manage', 'admin']);
alter table api_keys alter column scopes drop default;
create index api_keys_by_organization on api_keys (organization_id, id) where organization_id is not null;

-- `may_spend` stays for processes of the version before.
alter table sessions
    add column scopes text[] not null default '{read,buy}',
    add constraint sessions_scopes check (scopes <@ array['read', 'spend', 'buy']);
update sessions set scopes = '{read,buy,spend}' where may_spend;
