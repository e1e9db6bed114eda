-- What each role may touch. Runs last whenever tables or views have changed, as trendscript_owner.

comment on schema pipeline is 'How messages became rows: the ledger, dead letters and API usage.';
comment on schema processed is 'Typed, keyed tables, one message''s content each; times are UTC.';
comment on schema trusted is 'Views for analysts; those named q01 to q12 answer a question each.';

grant usage on schema processed, trusted to data_analyst, pipeline_writer, pipeline_janitor;
grant usage on schema pipeline to pipeline_writer, pipeline_janitor;

grant select on all tables in schema processed, trusted to data_analyst, pipeline_writer, pipeline_janitor;
grant select on all tables in schema pipeline to pipeline_writer, pipeline_janitor;

grant insert, update on all tables in schema processed, pipeline to pipeline_writer;
-- The segments of a transcript are replaced as a set when a newer one wins.
grant delete on table processed.transcript_segment to pipeline_writer;
revoke insert, update on table processed.metric_epoch, pipeline.sql_checksum from pipeline_writer;
revoke insert, update on table
pipeline._yoyo_migration, pipeline._yoyo_log, pipeline._yoyo_version
from pipeline_writer;

grant delete on all tables in schema processed to pipeline_janitor;
revoke delete on table processed.metric_epoch from pipeline_janitor;
grant delete on table pipeline.dead_letter, pipeline.api_usage to pipeline_janitor;
-- What others point at is emptied instead of deleted.
grant update on table processed.video, processed.channel to pipeline_janitor;
-- Deletions are written down by who deletes, and by nobody else.
revoke insert, update on table pipeline.purge from pipeline_writer;
grant insert, update on table pipeline.purge to pipeline_janitor;
-- Purging is done under the topic's lease.
grant insert, update on table pipeline.lease to pipeline_janitor;
