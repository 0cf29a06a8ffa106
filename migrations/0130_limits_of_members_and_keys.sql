-- How much a member may spend of an organization's wallet, or may be spent with an API key, in a day and in a month, and
-- how much was. The row is locked after the wallets, and that of a member with its wallet only.

create table limits (
    id          uuid    not null,
    -- Those of a member…
    wallet_id   uuid,
    user_id     text,
    -- …or of a key.
    api_key_id  uuid,
    day_limit   bigint,
    month_limit bigint,
    -- The day, in UTC, of the counters, and the month that it is in.
    counted_on  date    not null,
    day_used    bigint  not null default 0,
    month_used  bigint  not null default 0,
    -- Whether it was told in this day, or month, that the limit is reached.
    day_told    boolean not null default false,
    month_told  boolean not null default false,
    constraint limits_pkey primary key (id),
    constraint limits_of_members unique (wallet_id, user_id),
    constraint limits_of_api_keys unique (api_key_id),
    constraint limits_wallet_fkey foreign key (wallet_id) references wallets (id),
    constraint limits_user_fkey foreign key (user_id) references users (id),
    constraint limits_api_key_fkey foreign key (api_key_id) references api_keys (id),
    constraint limits_of_one check ((wallet_id is null) = (user_id is null) and (user_id is null) <> (api_key_id is null)),
    constraint limits_not_negative check (day_limit >= 0 and month_limit >= 0 and day_used >= 0 and month_used >= 0)
);
-- Limits that were taken away keep their counters until the month is over.
create index limits_idle on limits (counted_on) where coalesce(day_limit, month_limit) is null;

-- Whether any member's spending is limited: a debit of another wallet asks no further.
alter table wallets add column members_are_limited boolean not null default false;

-- Which limits counted it, and on which day: {"on": "2026-11-28", "by": [limit, …]}. Null if none did.
alter table ledger_entries add column counted jsonb;
alter table holds add column counted jsonb;
