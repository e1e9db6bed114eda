"""What the ledger says of a batch in bronze."""

from __future__ import annotations

from contextlib import closing

import psycopg2

from spark_jobs.bronze import note_in_lake
from tests.builders import a_chart_message, query, to_bytes
from tests.spark_jobs.quarantined import CHARTS, load_values


def test_a_batch_committed_in_part_without_the_lake_is_not_taken_for_whole(database: str) -> None:
    """Bronze got only the ranges that were still open when it was switched on; a batch with none committed is whole."""
    batch_id = load_values(database, CHARTS, [to_bytes(a_chart_message())])
    for committed, whole in ((True, False), (False, True)):
        if not committed:
            query(database, "update pipeline.batch_range set committed_at = null where batch_id = %s", [batch_id])
        with closing(psycopg2.connect(database)) as connection, connection, connection.cursor() as cursor:
            note_in_lake(cursor, batch_id)
        assert query(database, "select in_lake from pipeline.batch where batch_id = %s", [batch_id]) == [(whole,)]
