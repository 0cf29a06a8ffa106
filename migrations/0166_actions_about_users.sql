-- What administrators did about a user is also found by the user in its details.

create index admin_actions_by_user on admin_actions ((details ->> 'userId'), id);
