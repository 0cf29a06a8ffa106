-- A wallet's history by what entries were for and by who made them, a page in the same time at any depth.

create index ledger_entries_by_type on ledger_entries (wallet_id, entry_type, id);
create index ledger_entries_by_member on ledger_entries (wallet_id, member_id, id) where member_id is not null;
