-- Packages: orders with a name, which may be paid long after they were made, and on more than one page.

create table packages (
    payment_id  uuid not null,
    user_id     text not null,
    name        text,
    description text,
    constraint packages_pkey primary key (payment_id),
    constraint packages_payment_fkey foreign key (payment_id) references payments (id),
    constraint packages_user_fkey foreign key (user_id) references users (id),
    constraint packages_name_length check (length(name) <= 400),
    constraint packages_description_length check (length(description) <= 2000)
);

-- A user's packages have different names. One of them may have none, and that is another name than the empty one.
create unique index packages_name_unique on packages (user_id, (name is null), (coalesce(name, '')));

-- Until when the page that is open now can be paid on; an order may outlive it.
alter table payments add column page_expires_at timestamptz;

create index payments_by_organization on payments (organization_id, created_at desc) where organization_id is not null;
