-- What of a debit has been given back is the sum of the entries that name it.

create index ledger_entries_by_debit on ledger_entries (debit_id) where debit_id is not null;
