-- The mark that orders of this installation carry at the providers, whose accounts may be shared with other products.

create table installation (
    id      uuid    not null default gen_random_uuid(),
    is_only boolean not null default true,
    constraint installation_pkey primary key (is_only),
    constraint installation_is_only check (is_only)
);

insert into installation default values;
