-- A parked purchase that nobody will claim is dismissed by an operator.

alter table store_purchases
    add column dismissed_at timestamptz;

-- What the last scheduled comparison of the books found. The scheduler measures it, so that all processes show the same.

create table reconciliation_runs (
    is_only           boolean     not null default true,
    ended_at          timestamptz not null,
    findings          bigint      not null,
    paid_not_credited bigint      not null,
    constraint reconciliation_runs_pkey primary key (is_only),
    constraint reconciliation_runs_is_only check (is_only)
);
