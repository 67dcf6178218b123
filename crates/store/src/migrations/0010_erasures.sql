-- Who had their data erased: a keyed hash of the address, never the address.
CREATE TABLE erasure (
    shop TEXT NOT NULL,
    person TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (shop, person)
) STRICT, WITHOUT ROWID;
