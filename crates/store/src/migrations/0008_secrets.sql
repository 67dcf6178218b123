-- Texts that must be read again and that nobody else may read, each under a name of its own.
CREATE TABLE secret (
    name TEXT PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

-- Repositories that there were, so that one that is gone is not taken for one that is still to be made.
CREATE TABLE repository (
    place TEXT PRIMARY KEY NOT NULL,
    id TEXT NOT NULL,
    checked_ms INTEGER,
    damaged INTEGER
) STRICT;
