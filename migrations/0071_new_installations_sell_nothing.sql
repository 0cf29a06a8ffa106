-- A new installation sells nothing and gives nothing until its operator says what. Earlier migrations put packs, plans
-- and a daily check-in there. They go where nobody has registered yet, unless they were changed; an installation that
-- has users keeps what it sells.

delete from packs
where id in ('Fifty', 'OneHundred', 'micro', 'basic', 'pro', 'bulk', '65a000000000000000000010',
             '65a000000000000000000100', '65a000000000000000000250', '65a000000000000000000500',
             '65a000000000000000001000', '65a000000000000000010000')
  and updated_at = created_at
  and not exists (select from users)
  and not exists (select from payment_items where pack_id = packs.id);

delete from plans
where id in ('pro', 'team')
  and updated_at = created_at
  and not exists (select from users);

update checkin_config
set enabled = false
where credits_per_day = 10000000 and streak_bonuses = '[]' and time_zone = 'UTC'
  and not exists (select from users);
