-- Recharging: which page a card comes from and whose it is, and that users were told of an amount that is too small.

-- Who saved the card: it is let go when they may not buy for the wallet any more.
alter table auto_recharge add column card_user_id text;
update auto_recharge set card_user_id = user_id where payment_method is not null;
alter table auto_recharge add constraint auto_recharge_card_user_fkey foreign key (card_user_id) references users (id);
create index auto_recharge_card_users on auto_recharge (card_user_id) where card_user_id is not null;

-- The page that the newest card was saved on, also after the card is gone: when it was given there, as the provider
-- says, and the page's order. A page that is older changes nothing.
alter table auto_recharge add column card_given_at timestamptz;
alter table auto_recharge add column card_order uuid;
alter table auto_recharge add constraint auto_recharge_card_page check ((card_given_at is null) = (card_order is null));

-- When the wallet's people were last told that the amount is too small for what is used.
alter table auto_recharge add column too_small_told_at timestamptz;
