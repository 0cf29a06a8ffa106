-- What a change of plan gave back money for, in millionths of a credit: taken off what later payments grant. Without
-- it, going up and down again would make credits.

alter table subscriptions
    add column carried bigint not null default 0,
    add constraint subscriptions_carried_not_positive check (carried <= 0);
