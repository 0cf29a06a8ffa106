-- Holds are captured in parts, above what is held, and extended; they are listed by state.

alter table holds
    -- Texts by name; none is null.
    add column metadata     jsonb,
    -- When a hold would have ended by itself, had it not been extended: the request that placed it is known by that.
    add column placed_until timestamptz,
    -- What is left of an active hold is held. Every hold met the narrower constraint, so none is looked at.
    drop constraint holds_captured_in_range,
    add constraint holds_captured_in_range
        check (captured >= 0 and (state <> 'active' or captured < amount)) not valid;

create index holds_of_wallet on holds (wallet_id, id);
create index holds_by_state on holds (wallet_id, state, id);
-- Those two serve what these did.
drop index holds_by_wallet;
drop index holds_open;
