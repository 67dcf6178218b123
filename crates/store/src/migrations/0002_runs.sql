-- Runs of plans: what is to be done, and how far it is.
-- Every write names the epoch of the engine it comes from; one that is older than the counter
-- `run_epoch` is refused.

CREATE TABLE run (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  epoch        INTEGER NOT NULL,
  -- Grows with every change: whoever changes a run names the one they saw.
  revision     INTEGER NOT NULL,
  kind         TEXT NOT NULL,
  shop         TEXT,
  state        TEXT NOT NULL,
  actor        TEXT NOT NULL,
  -- The title's parameters once more, so that a list need not read whole plans.
  params       TEXT NOT NULL,
  plan         TEXT NOT NULL,
  created_ms   INTEGER NOT NULL,
  changed_ms   INTEGER NOT NULL,
  began_ms     INTEGER,
  ended_ms     INTEGER,
  approved_by  TEXT,
  hurried      TEXT,
  cancelled_by TEXT,
  cause        TEXT
) STRICT;
CREATE INDEX run_of_shop ON run (shop, id);
CREATE INDEX run_in_state ON run (state, id);
CREATE INDEX run_created ON run (created_ms);

-- One row a step of the plan, counted from 0; the record is JSON.
CREATE TABLE run_step (
  run      INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  state    TEXT NOT NULL,
  record   TEXT NOT NULL,
  PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;
