-- The mark that orders of this installation carry at the providers, whose accounts may be shared with other products.

create table installation_mark (
    id      uuid    not null default gen_random_uuid(),
    is_only boolean not null default true,
    constraint installation_mark_pkey primary key (is_only),
    constraint installation_mark_is_only check (is_only)
);

insert into installation_mark default values;
