-- Who leads, and until when: common/kernel/src/lease.rs. Each new leader has a higher term, so that what an earlier one
-- still tries can be told apart and refused.
create table leases (
    name text not null,
    holder uuid not null,
    term bigint not null,
    expires_at timestamptz not null,
    constraint leases_pkey primary key (name),
    constraint leases_term_positive check (term > 0)
);
