-- What was found when backups were tried by restoring them.
CREATE TABLE drill (
    id INTEGER PRIMARY KEY,
    shop TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    place TEXT NOT NULL,
    run INTEGER NOT NULL,
    report TEXT NOT NULL
) STRICT;
CREATE INDEX drill_by_shop ON drill (shop, at_ms);
CREATE UNIQUE INDEX drill_by_run ON drill (run, place);
