-- How often the state of a subscription, or whether it ends with its period, was changed. A question to the provider
-- carries it: an answer counts as newer than all that is known if nothing has changed since it was asked for.
alter table subscriptions add column revision bigint not null default 0;
