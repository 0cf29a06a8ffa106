-- Daily check-ins, what administrators did, and reading the ledgers of all wallets together. Amounts are millionths of
-- a credit.

create table checkin_config (
    -- There is one row.
    id              boolean     not null default true,
    enabled         boolean     not null,
    credits_per_day bigint      not null,
    -- [{"days": 7, "bonus_credits": 50000000}]: once in a streak, on the day that makes it so long.
    streak_bonuses  jsonb       not null,
    -- An IANA name, such as Europe/Rome: where days begin.
    time_zone       text        not null,
    updated_at      timestamptz not null,
    constraint checkin_config_pkey primary key (id),
    constraint checkin_config_one_row check (id),
    constraint checkin_config_credits_positive check (credits_per_day > 0)
);

insert into checkin_config (enabled, credits_per_day, streak_bonuses, time_zone, updated_at)
values (true, 10000000, '[]', 'UTC', now());

create table checkins (
    user_id       text        not null,
    day           date        not null,
    -- Where the day was that day.
    time_zone     text        not null,
    wallet_id     uuid        not null,
    -- Days in a row, this one included.
    streak        bigint      not null,
    credits       bigint      not null,
    checked_in_at timestamptz not null,
    constraint checkins_pkey primary key (user_id, day),
    constraint checkins_user_fkey foreign key (user_id) references users (id),
    constraint checkins_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint checkins_streak_positive check (streak > 0),
    constraint checkins_credits_positive check (credits > 0)
);

create table admin_actions (
    id         uuid        not null,
    -- 'admin' for the configured key, 'user:<id>' for a user with the admin role.
    actor      text        not null,
    action     text        not null,
    -- What was changed: a wallet's id, the name of a setting.
    subject    text        not null,
    details    jsonb       not null,
    created_at timestamptz not null,
    constraint admin_actions_pkey primary key (id)
);

create function refuse_admin_action_change() returns trigger language plpgsql as $$
begin
    raise exception 'the record of administration is append-only: % is refused', tg_op
        using errcode = 'restrict_violation';
end
$$;

create trigger admin_actions_append_only before update or delete or truncate on admin_actions
    for each statement execute function refuse_admin_action_change();

-- Ids sort by age: new entries go to the end of the index, and administrators read it from there.
create index ledger_entries_by_id on ledger_entries (id);
