-- The ledger: what was done, by whom, in a chain. docs/formats/ledger.md is its format.

-- Which store this is; what the first record is chained to.
CREATE TABLE ledger_origin (
  one   INTEGER PRIMARY KEY CHECK (one = 1),
  store TEXT NOT NULL
) STRICT;

INSERT INTO ledger_origin (one, store) VALUES (1, lower(hex(randomblob(16))));

CREATE TABLE ledger (
  sequence INTEGER PRIMARY KEY,
  at_ms    INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  shop     TEXT,
  kind     TEXT NOT NULL,
  subject  TEXT,
  params   TEXT NOT NULL,
  previous BLOB NOT NULL,
  hash     BLOB NOT NULL
) STRICT;

CREATE INDEX ledger_by_shop ON ledger (shop);
CREATE INDEX ledger_by_kind ON ledger (kind);
CREATE INDEX ledger_by_actor ON ledger (actor);

-- Who is behind a keyed id. Its own key each, so that who is forgotten cannot be guessed.
CREATE TABLE ledger_identity (
  keyed_id TEXT PRIMARY KEY,
  class    TEXT NOT NULL,
  id       TEXT NOT NULL,
  key      BLOB NOT NULL,
  UNIQUE (class, id)
) STRICT;

CREATE TABLE ledger_checkpoint (
  sequence  INTEGER PRIMARY KEY,
  count     INTEGER NOT NULL,
  hash      BLOB NOT NULL,
  at_ms     INTEGER NOT NULL,
  key       BLOB NOT NULL,
  signature BLOB NOT NULL
) STRICT;

-- How far each destination has got.
CREATE TABLE ledger_delivery (
  destination TEXT PRIMARY KEY,
  sequence    INTEGER NOT NULL,
  at_ms       INTEGER
) STRICT;

CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'a record of the ledger is never changed'); END;
CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'a record of the ledger is never removed'); END;
-- REPLACE deletes without asking the trigger above, but only where there is a row already.
CREATE TRIGGER ledger_only_grows BEFORE INSERT ON ledger
WHEN NEW.sequence IS NOT (SELECT coalesce(max(sequence), 0) + 1 FROM ledger)
BEGIN SELECT RAISE(ABORT, 'a record of the ledger comes after the last one'); END;

CREATE TRIGGER ledger_checkpoint_is_never_updated BEFORE UPDATE ON ledger_checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never changed'); END;
CREATE TRIGGER ledger_checkpoint_is_never_deleted BEFORE DELETE ON ledger_checkpoint
BEGIN SELECT RAISE(ABORT, 'a checkpoint is never removed'); END;
CREATE TRIGGER ledger_checkpoint_only_grows BEFORE INSERT ON ledger_checkpoint
WHEN NEW.sequence <= (SELECT coalesce(max(sequence), 0) FROM ledger_checkpoint)
BEGIN SELECT RAISE(ABORT, 'a checkpoint comes after the last one'); END;

CREATE TRIGGER ledger_origin_is_never_updated BEFORE UPDATE ON ledger_origin
BEGIN SELECT RAISE(ABORT, 'the origin of the ledger is never changed'); END;
CREATE TRIGGER ledger_origin_is_never_deleted BEFORE DELETE ON ledger_origin
BEGIN SELECT RAISE(ABORT, 'the origin of the ledger is never removed'); END;
