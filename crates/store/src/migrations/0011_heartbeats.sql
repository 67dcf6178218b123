-- What was last heard of jobs that report, by the name of the check that awaits them.
CREATE TABLE heartbeat (
    name TEXT PRIMARY KEY,
    succeeded_ms INTEGER,
    started_ms INTEGER,
    failed_ms INTEGER,
    exit_code INTEGER
) STRICT;
