package store

import (
	"context"
	"crypto/rand"
	"database/sql"

	"adminbot/internal/sqlitefile"
)

// schema are the steps to the present tables; the file says how many it has
// taken. Steps are never changed once released, only added.
var schema = []string{`
CREATE TABLE counters (
	name TEXT PRIMARY KEY,
	n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('accounts', 0), ('contacts', 0);

CREATE TABLE secrets (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
	name              TEXT PRIMARY KEY,
	role              TEXT NOT NULL CHECK (role IN ('admin', 'user', 'host', 'bot')),
	created           INTEGER NOT NULL, -- unix seconds
	generation        INTEGER NOT NULL, -- counters.accounts at the last change of role or password
	contacts_revision INTEGER NOT NULL DEFAULT 0,
	sha1_salt         BLOB NOT NULL,
	sha1_iterations   INTEGER NOT NULL,
	sha1_stored       BLOB NOT NULL,
	sha1_server       BLOB NOT NULL,
	sha256_salt       BLOB NOT NULL,
	sha256_iterations INTEGER NOT NULL,
	sha256_stored     BLOB NOT NULL,
	sha256_server     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE contacts (
	owner        TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
	jid          TEXT NOT NULL,
	name         TEXT NOT NULL,
	groups       TEXT NOT NULL, -- JSON array
	subscription TEXT NOT NULL CHECK (subscription IN ('none', 'to', 'from', 'both')),
	ask          INTEGER NOT NULL,
	pending      INTEGER NOT NULL,
	listed       INTEGER NOT NULL,
	PRIMARY KEY (owner, jid)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	owner  TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
	stanza BLOB NOT NULL
) STRICT;
CREATE INDEX messages_owner ON messages (owner, id);

CREATE TABLE private (
	owner     TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
	namespace TEXT NOT NULL,
	name      TEXT NOT NULL,
	xml       BLOB NOT NULL,
	PRIMARY KEY (owner, namespace, name)
) STRICT, WITHOUT ROWID;
`, `
ALTER TABLE messages ADD COLUMN sender TEXT NOT NULL DEFAULT '';
`, `
CREATE TABLE rooms (
	name     TEXT PRIMARY KEY,
	state    BLOB NOT NULL, -- JSON, of package muc
	messages INTEGER NOT NULL DEFAULT 0, -- in its archive
	bytes    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE archive (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	room   TEXT NOT NULL REFERENCES rooms ON DELETE CASCADE,
	uid    TEXT NOT NULL UNIQUE,
	at     INTEGER NOT NULL, -- unix milliseconds
	sender TEXT NOT NULL,
	stanza BLOB NOT NULL
) STRICT;
CREATE INDEX archive_room ON archive (room, id, at);
INSERT INTO counters VALUES ('archive bytes', 0);
`}

// kind is what files of a store are.
func kind() sqlitefile.Kind {
	return sqlitefile.Kind{AppID: 0x41424F54 /* ABOT */, Schema: schema, Init: addSecret}
}

// addSecret draws the server's own secret, once in the life of a file.
func addSecret(ctx context.Context, tx *sql.Tx) error {
	secret := make([]byte, 32)
	rand.Read(secret)
	_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO secrets VALUES ('server', ?)", secret)
	return err
}
