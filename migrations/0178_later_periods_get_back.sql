-- What a change of plan gave back is made up for in the order of the periods, in whatever order their payments are heard
-- of. So each period notes how much of its payment's worth it made up for, and how much of that it got back when a
-- payment of an earlier period did it in its stead. Both in millionths of a credit.
alter table subscription_periods
    add column made_up    bigint not null default 0,
    add column given_back bigint not null default 0,
    add constraint subscription_periods_given_back check (0 <= given_back and given_back <= made_up);
