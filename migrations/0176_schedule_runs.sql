-- When each entry of the schedule last ran, for those who run the installation: a scheduler that stands still shows.
create table schedule_runs (
    entry text not null,
    every_seconds bigint not null,
    ran_at timestamptz not null,
    -- Why it failed; null: it did not.
    failure text,
    constraint schedule_runs_pkey primary key (entry)
);
