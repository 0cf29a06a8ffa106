-- What makes a recharge due is use by the wallet's owner, never a balance that is low for another reason.

-- A recharge is due while less than this can be spent (balance less holds). Set by a use that leaves less than
-- recharge_below, by a use that is refused for lack of credits (then it is what the use needed), and by the owner who
-- switches recharging on; taken away when more can be spent, when a recharge has come, and when money is taken back.
alter table wallets add column recharge_due_below bigint;
alter table wallets add constraint wallets_recharge_due_positive check (recharge_due_below > 0);
alter table wallets add constraint wallets_recharge_due_watched check
    (recharge_due_below is null or recharge_below is not null);

-- An early fraud warning moves nothing, and stops recharging as a dispute does.
alter table reversals drop constraint reversals_kind;
alter table reversals add constraint reversals_kind check (kind in ('refund', 'dispute', 'total', 'warning'));
