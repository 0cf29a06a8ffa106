-- What is looked for regularly, and was looked for among everything: sessions that have expired, and wallets whose cap
-- was reached in a month that is over.

create index sessions_to_expire on sessions (expires_at);
create index auto_recharge_capped on auto_recharge (capped_month) where enabled and capped_month is not null;
