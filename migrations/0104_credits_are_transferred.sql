-- Credits go from one wallet to another: each of the two entries has the other wallet on its other side. Every entry
-- met the narrower constraint, so none is looked at.

alter table ledger_entries
    drop constraint ledger_entries_counter_account,
    add constraint ledger_entries_counter_account check (counter_account in
        ('stripe', 'creem', 'revenuecat', 'promotion', 'usage', 'expiry', 'refund', 'manual', 'transfer')) not valid;
