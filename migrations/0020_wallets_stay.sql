-- Entries and grants are only ever written for wallets whose rows the same transaction has locked, so a look-up of the
-- wallet for each of them proves nothing new, and costs a fifth of what a debit costs the database. What it also
-- guarded against is refused here once for all: a wallet stays, and so does its id.

alter table ledger_entries drop constraint ledger_entries_wallet_fkey;
alter table grants drop constraint grants_wallet_fkey;

create function refuse_wallet_removal() returns trigger language plpgsql as $$
begin
    raise exception 'a wallet stays: % is refused', tg_op using errcode = 'restrict_violation';
end
$$;

create trigger wallets_stay before delete or truncate or update of id on wallets
    for each statement execute function refuse_wallet_removal();
