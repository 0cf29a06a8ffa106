-- What callers attach to entries and grants, who moved the credits and with which key, and what a debit was taken from.

alter table ledger_entries
    -- Texts by name; none is null.
    add column metadata   jsonb,
    -- The user who did it, or for whom it was done, and the key that it was done with.
    add column member_id  text,
    add column api_key_id uuid,
    -- What a debit or a capture was taken from, in the order in which the grants burned, in millionths of a credit:
    -- [[grant, amount], …]. What is missing of its amount is owed. Null in entries that are older.
    add column burned     jsonb,
    -- The grant that the entry made, or that lapsed.
    add column grant_id   uuid,
    -- The debit that the entry gives back.
    add column debit_id   uuid;

alter table grants
    add column metadata jsonb;
