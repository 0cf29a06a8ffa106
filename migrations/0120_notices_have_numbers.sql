-- The number of a wallet's last notice: whoever takes the next one has the row locked until the commit.
alter table wallets add column last_notice bigint not null default 0;

-- Whether anybody outside is told of every movement of credits. The ledger asks while it locks wallets: without such an
-- endpoint a debit writes no notice. The rows are few, and the index has those only that make it true.
create index webhook_endpoints_told_of_wallets on webhook_endpoints (id)
    where is_enabled and (event_types = '{}' or 'wallet.changed' = any (event_types));

create function wallet_changes_are_told() returns boolean language sql stable parallel safe
return exists (
    select from webhook_endpoints
    where is_enabled and (event_types = '{}' or 'wallet.changed' = any (event_types)));
