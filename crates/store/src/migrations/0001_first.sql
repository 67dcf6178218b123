-- Times are unix milliseconds, money is minor units of the shop's currency.

CREATE TABLE counter (
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What a shop did in one minute; NULL is unknown.
CREATE TABLE minute (
  shop          TEXT NOT NULL,
  at_ms         INTEGER NOT NULL,
  orders        INTEGER,
  revenue_minor INTEGER,
  requests      INTEGER,
  errors        INTEGER,
  PRIMARY KEY (shop, at_ms)
) STRICT, WITHOUT ROWID;

-- How far a shop's orders were counted, in the words of whoever counts.
CREATE TABLE order_mark (
  shop TEXT PRIMARY KEY,
  mark TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened and is drawn into charts; shop is NULL when it happened to the whole machine.
CREATE TABLE mark (
  id     INTEGER PRIMARY KEY,
  at_ms  INTEGER NOT NULL,
  shop   TEXT,
  kind   TEXT NOT NULL,
  params TEXT NOT NULL
) STRICT;
CREATE INDEX mark_at ON mark (at_ms);

CREATE TABLE sign_in_token (
  hash       BLOB PRIMARY KEY,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
  hash       BLOB PRIMARY KEY,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE certificate (
  host_key     TEXT PRIMARY KEY,
  chain_pem    TEXT NOT NULL,
  key_pem      TEXT NOT NULL,
  not_after_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE acme_account (
  directory   TEXT PRIMARY KEY,
  credentials TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Instances that a person took out, until a person puts them back.
CREATE TABLE drain (
  shop     TEXT NOT NULL,
  instance TEXT NOT NULL,
  PRIMARY KEY (shop, instance)
) STRICT, WITHOUT ROWID;
