-- How far the access logs of a shop beside another web server were counted, in the words of whoever
-- counts.
CREATE TABLE log_place (
  shop  TEXT PRIMARY KEY,
  place TEXT NOT NULL
) STRICT, WITHOUT ROWID;
