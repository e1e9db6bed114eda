-- Who may do what, and the schemas. Runs before the migrations every time, as the connecting user.
--
-- Roles belong to the whole server and several databases may share it, so each statement first looks
-- whether there is anything to do: two databases may be migrated at once, and concurrent changes to one
-- role fail in PostgreSQL. No password is set here; a server that asks for one lets nobody in until the
-- operator has run: alter role data_analyst password '...'.

do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values
            ('trendscript_owner', 'nologin'),
            ('pipeline_writer', 'login'),
            ('pipeline_janitor', 'login'),
            ('data_analyst', 'login')
        ) as role (name, login)
    loop
        if not exists (select from pg_roles where rolname = wanted.name) then
            begin
                execute format('create role %I %s', wanted.name, wanted.login);
            exception when duplicate_object or unique_violation then
                null;
            end;
        end if;
    end loop;
end
$$;

-- Analysts read: what they start can't write even where somebody granted too much, and can't run for ever.
do $$
declare
    wanted record;
begin
    for wanted in
        select *
        from (values
            ('default_transaction_read_only', 'on'),
            ('statement_timeout', '60000'), -- milliseconds
            ('search_path', 'trusted, processed')
        ) as setting (name, value)
        where not exists (
            select from pg_db_role_setting as s
            where
                s.setdatabase = 0
                and s.setrole = 'data_analyst'::regrole
                and setting.name || '=' || setting.value = any(s.setconfig)
        )
    loop
        -- No quotes: search_path is a list.
        execute format('alter role data_analyst set %I = %s', wanted.name, wanted.value);
    end loop;
end
$$;

-- Migrations run as the owner; who may create roles may grant this one.
do $$
begin
    if not pg_has_role('trendscript_owner', 'usage') then
        execute format('grant trendscript_owner to %I', current_user);
    end if;
end
$$;

-- Temporary tables fill a disk: the loader needs them, analysts don't.
do $$
begin
    if (select pg_has_role(datdba, 'usage') from pg_database where datname = current_database()) then
        execute format('revoke create, temporary on database %I from public', current_database());
        execute format('grant temporary on database %I to pipeline_writer', current_database());
        revoke create on schema public from public;
    end if;
end
$$;

-- Large objects are everybody's by default, and as good as a table for filling a disk; nothing here has any.
do $$
declare
    maker regprocedure;
begin
    foreach maker in array array[
        'pg_catalog.lo_creat(integer)', 'pg_catalog.lo_create(oid)', 'pg_catalog.lo_from_bytea(oid, bytea)'
    ]::regprocedure[] loop
        if has_function_privilege('data_analyst', maker, 'execute')
            and (select rolsuper from pg_roles where rolname = current_user)
        then
            execute format('revoke execute on function %s from public', maker);
        end if;
    end loop;
end
$$;

-- Trigrams, for searching speech; trusted, so whoever may create in the database may install it. Where somebody has
-- installed it elsewhere, others may rely on that, so it isn't moved unasked.
do $$
declare
    found text;
begin
    select extnamespace::regnamespace::text into found
    from pg_extension
    where extname = 'pg_trgm' and extnamespace <> 'public'::regnamespace;
    if found is not null then
        raise exception 'the extension pg_trgm is in schema %, and searches look for it in public', found
            using detail = 'As its owner: alter extension pg_trgm set schema public';
    end if;
end
$$;

create extension if not exists pg_trgm with schema public;

create schema if not exists pipeline authorization trendscript_owner;
create schema if not exists processed authorization trendscript_owner;
create schema if not exists trusted authorization trendscript_owner;
