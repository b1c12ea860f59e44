-- Who may still come in, and what people did: tickets, revoked tokens, and an audit that nobody can rewrite.

-- A way onto a socket for browsers, which cannot send a header: single use, seconds long, taken by whichever gateway it reaches.
-- Only the digest is kept: who reads the table cannot use what is in it.
create table live_ticket (
  digest bytea primary key,
  identity jsonb not null,
  expires_at timestamptz not null
);
create index live_ticket_expires on live_ticket (expires_at);

-- Tokens refused before their time. A row may go when the token would have expired anyway.
create table revoked_token (
  jti text primary key,
  revoked_at timestamptz not null,
  expires_at timestamptz not null,
  by_subject text not null
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'integrity_constraint_violation';
end
$$;
create trigger audit_append_only before update or delete on audit for each row execute function refuse_change();

-- A customer's own history: which interruptions had this supply group among their members. Only of intervals that have ended, so that
-- opening one in a storm costs nothing here; the open ones are few and have an index of their own.
create index interruption_members on interruption using gin (members) where until_at is not null;
