-- A hold's id says nothing of the request that placed it: the request's key is kept with the hold, and so is the key of
-- the request that ended it. What a hold is for goes onto the entry of its capture.

alter table holds
    add column entry_type text not null default 'hold_captured',
    add column placed_key text,
    add column ended_key  text;

create unique index holds_by_key on holds (user_id, placed_key) where placed_key is not null;
create index holds_open on holds (wallet_id, id) where state = 'active';

alter table sessions
    -- Whether debits and holds may be made with it: a browser's session buys and sees.
    add column may_spend boolean not null default false;
