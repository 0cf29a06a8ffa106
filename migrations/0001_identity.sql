-- Who may call: users, organizations with members and roles, and their credentials (stored as hashes only).

create table users (
    -- The host application's own name for the user; it never changes.
    id         text        not null,
    email      text,
    is_admin   boolean     not null default false,
    created_at timestamptz not null,
    constraint users_pkey primary key (id),
    constraint users_id_length check (length(id) between 1 and 128)
);

create table organizations (
    id         bigint      generated always as identity,
    name       text        not null,
    created_at timestamptz not null,
    constraint organizations_pkey primary key (id),
    constraint organizations_name_length check (length(name) between 1 and 200)
);

create table organization_members (
    organization_id bigint      not null,
    user_id         text        not null,
    role            text        not null,
    created_at      timestamptz not null,
    constraint organization_members_pkey primary key (organization_id, user_id),
    constraint organization_members_organization_fkey foreign key (organization_id) references organizations (id),
    constraint organization_members_user_fkey foreign key (user_id) references users (id),
    constraint organization_members_role check (role in ('owner', 'admin', 'member', 'viewer'))
);

create index organization_members_by_user on organization_members (user_id);

create table api_keys (
    id         uuid        not null,
    user_id    text        not null,
    -- SHA-256 of the key. The key has 256 random bits, so a plain hash cannot be searched.
    key_hash   bytea       not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (id),
    constraint api_keys_hash_unique unique (key_hash),
    constraint api_keys_user_fkey foreign key (user_id) references users (id)
);

create table sessions (
    id         uuid        not null,
    user_id    text        not null,
    token_hash bytea       not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    constraint sessions_pkey primary key (id),
    constraint sessions_hash_unique unique (token_hash),
    constraint sessions_user_fkey foreign key (user_id) references users (id)
);
