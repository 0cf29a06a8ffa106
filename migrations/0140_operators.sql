-- Those who run the installation, what each may do, and their sessions. Passwords are kept as argon2id; links and session
-- tokens have 256 random bits and are kept as SHA-256.
create table operators (
    id            uuid        not null,
    email         text        not null,
    name          text        not null,
    role          text        not null,
    -- None until the operator has accepted the invitation.
    password_hash text,
    created_at    timestamptz not null,
    accepted_at   timestamptz,
    disabled_at   timestamptz,
    constraint operators_pkey primary key (id),
    constraint operators_role check (role in ('viewer', 'support', 'finance', 'admin')),
    constraint operators_accept_with_a_password check ((password_hash is null) = (accepted_at is null))
);
create unique index operators_by_email on operators (lower(email));

-- Addresses that work once: an invitation sets the password, a sign-in link signs in.
create table operator_links (
    token_hash  bytea       not null,
    operator_id uuid        not null,
    purpose     text        not null,
    expires_at  timestamptz not null,
    constraint operator_links_pkey primary key (token_hash),
    constraint operator_links_operator_fkey foreign key (operator_id) references operators (id) on delete cascade,
    constraint operator_links_purpose check (purpose in ('invitation', 'sign_in'))
);
create index operator_links_by_operator on operator_links (operator_id);

create table operator_sessions (
    id           uuid        not null,
    operator_id  uuid        not null,
    token_hash   bytea       not null,
    -- Where the operator signed in, and with which browser.
    address      text,
    user_agent   text,
    created_at   timestamptz not null,
    -- To the minute: a session that is not used ends.
    last_seen_at timestamptz not null,
    -- Ends it, however much it is used.
    expires_at   timestamptz not null,
    constraint operator_sessions_pkey primary key (id),
    constraint operator_sessions_operator_fkey foreign key (operator_id) references operators (id) on delete cascade
);
create unique index operator_sessions_by_token on operator_sessions (token_hash);
create index operator_sessions_by_operator on operator_sessions (operator_id, id);
create index operator_sessions_by_age on operator_sessions (expires_at);

-- Attempts to sign in, by account (whether or not there is one) and by address.
create table operator_attempts (
    -- SHA-256 of what the attempts have in common.
    subject    bytea       not null,
    attempts   integer     not null,
    expires_at timestamptz not null,
    constraint operator_attempts_pkey primary key (subject)
);
create index operator_attempts_by_age on operator_attempts (expires_at);

-- From where: the address of the request.
alter table admin_actions add column address text;
create index admin_actions_by_subject on admin_actions (subject, id);
create index admin_actions_by_actor on admin_actions (actor, id);
