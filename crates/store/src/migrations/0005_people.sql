-- People, what they may do, and how they prove who they are. Whatever opens something is kept as a
-- hash, or sealed with the key beside the store (docs/formats/secrets.md).

-- Their sessions and links named nobody.
DROP TABLE session;
DROP TABLE sign_in_token;

CREATE TABLE person (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  email      TEXT UNIQUE,
  password   TEXT,
  totp       BLOB,
  -- Begun and not confirmed yet.
  totp_new   BLOB,
  -- The last step whose code was used: no code is good twice.
  totp_step  INTEGER NOT NULL DEFAULT 0,
  created_ms INTEGER NOT NULL,
  seen_ms    INTEGER
) STRICT, WITHOUT ROWID;

-- shop is '' where the role holds at all of them.
CREATE TABLE person_role (
  person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  role   TEXT NOT NULL,
  shop   TEXT NOT NULL,
  PRIMARY KEY (person, role, shop)
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
  hash   BLOB PRIMARY KEY,
  person TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_code_person ON recovery_code (person);

CREATE TABLE one_time_link (
  hash       BLOB PRIMARY KEY,
  person     TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  purpose    TEXT NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_link_person ON one_time_link (person);

CREATE TABLE session (
  hash       BLOB PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  person     TEXT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
  method     TEXT NOT NULL,
  browser    TEXT,
  created_ms INTEGER NOT NULL,
  seen_ms    INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_person ON session (person);

CREATE TABLE api_token (
  name       TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  scope      TEXT NOT NULL,
  made_by    TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  used_ms    INTEGER
) STRICT, WITHOUT ROWID;

-- Sealed at the next opening, and emptied in clear.
ALTER TABLE certificate ADD COLUMN key_sealed BLOB;
ALTER TABLE acme_account ADD COLUMN sealed BLOB;
