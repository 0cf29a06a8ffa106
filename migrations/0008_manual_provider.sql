-- Orders that nobody pays for: packages that an administrator gives, and test purchases outside production.

alter table payments drop constraint payments_provider;
alter table payments add constraint payments_provider check (provider in ('stripe', 'creem', 'revenuecat', 'manual'));
