-- What administrators did about a user is found by the user and by the user's wallet.

create index admin_actions_by_subject on admin_actions (subject, id);
create index admin_actions_by_user on admin_actions ((details ->> 'userId'), id);
