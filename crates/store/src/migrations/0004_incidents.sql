-- Incidents, what happened in them, and who was told. Times are unix milliseconds, except steady
-- ones, which count what the machine's clock cannot turn back.

-- `body` is the incident as JSON; the columns beside it are what is looked for. `memory` is what the
-- rules must know of it to go on, and nobody else's.
CREATE TABLE incident (
  id          INTEGER PRIMARY KEY,
  shop        TEXT,
  state       TEXT NOT NULL,
  opened_ms   INTEGER NOT NULL,
  resolved_ms INTEGER,
  body        TEXT NOT NULL,
  memory      TEXT NOT NULL
) STRICT;
CREATE INDEX incident_shop ON incident (shop, id);
CREATE INDEX incident_state ON incident (state, id);
CREATE INDEX incident_shop_state ON incident (shop, state, id);
CREATE INDEX incident_resolved ON incident (resolved_ms) WHERE resolved_ms IS NOT NULL;

CREATE TABLE incident_entry (
  id       INTEGER PRIMARY KEY,
  incident INTEGER NOT NULL REFERENCES incident (id) ON DELETE CASCADE,
  at_ms    INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  kind     TEXT NOT NULL,
  params   TEXT NOT NULL
) STRICT;
CREATE INDEX incident_entry_of ON incident_entry (incident, id);

-- Messages to send and those that were sent. The same `dedup` is never queued twice. `outcome` is
-- NULL while it waits, then `sent` or `failed`.
CREATE TABLE notice (
  id         INTEGER PRIMARY KEY,
  dedup      TEXT NOT NULL UNIQUE,
  route      TEXT NOT NULL,
  incident   INTEGER,
  message    TEXT NOT NULL,
  queued_ms  INTEGER NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0,
  outcome    TEXT,
  outcome_ms INTEGER,
  error      TEXT
) STRICT;
CREATE INDEX notice_waiting ON notice (id) WHERE outcome IS NULL;
CREATE INDEX notice_route ON notice (route, id);
CREATE INDEX notice_outcome ON notice (outcome_ms) WHERE outcome IS NOT NULL;

CREATE TABLE silence (
  id       INTEGER PRIMARY KEY,
  shop     TEXT,
  code     TEXT,
  from_ms  INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  comment  TEXT NOT NULL,
  made_by  TEXT NOT NULL
) STRICT;

-- What rules, remedies and steady time were at, as JSON of whoever wrote it.
CREATE TABLE alert_state (
  name TEXT PRIMARY KEY,
  body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
