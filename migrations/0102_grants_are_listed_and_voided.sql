-- Grants are listed, newest first, and voided: what no hold needs of one leaves the balance, and the rest is for holds
-- alone, as if the grant had lapsed then.

alter table grants add column voided_at timestamptz;

create index grants_by_wallet on grants (wallet_id, id);
create index grants_open_by_wallet on grants (wallet_id, id) where is_open;
