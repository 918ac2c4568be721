package alertstore

import "adminbot/internal/sqlitefile"

// kind is what files of alerts are. Times are Unix nanoseconds, 0 for none;
// addresses are text, empty for none.
var kind = sqlitefile.Kind{AppID: 0x4142574B /* ABWK */, Schema: []string{`
CREATE TABLE alerts (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	workgroup   TEXT NOT NULL,
	source      TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	episode     INTEGER NOT NULL,
	severity    TEXT NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
	summary     TEXT NOT NULL,
	details     TEXT NOT NULL,
	host        TEXT NOT NULL,
	labels      TEXT NOT NULL, -- JSON object
	starts      INTEGER NOT NULL,
	user        TEXT NOT NULL,
	notify      INTEGER NOT NULL,
	raised      INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	count       INTEGER NOT NULL,
	accepted    INTEGER NOT NULL,
	ended       INTEGER NOT NULL,
	ended_by    TEXT NOT NULL,
	state       TEXT NOT NULL CHECK (state IN ('open', 'offered', 'assigned', 'resolved', 'expired')),
	reason      TEXT NOT NULL,
	owner       TEXT NOT NULL,
	fence       INTEGER NOT NULL,
	gone        INTEGER NOT NULL,
	round       INTEGER NOT NULL,
	wake        INTEGER NOT NULL,
	seq         INTEGER NOT NULL,
	CHECK ((ended > 0) = (state IN ('resolved', 'expired'))),
	CHECK ((state = 'assigned') <= (owner != ''))
) STRICT;
CREATE INDEX alerts_live  ON alerts (id) WHERE ended = 0;
CREATE INDEX alerts_ended ON alerts (ended) WHERE ended > 0;

CREATE TABLE offers (
	alert     INTEGER NOT NULL,
	agent     TEXT NOT NULL,
	recipient TEXT NOT NULL,
	made      INTEGER NOT NULL,
	expires   INTEGER NOT NULL,
	outcome   TEXT NOT NULL,
	PRIMARY KEY (alert, agent)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
	workgroup TEXT NOT NULL,
	jid       TEXT NOT NULL,
	shown     TEXT NOT NULL,
	status    TEXT NOT NULL,
	most      INTEGER NOT NULL,
	since     INTEGER NOT NULL,
	PRIMARY KEY (workgroup, jid)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
	id        INTEGER PRIMARY KEY AUTOINCREMENT, -- sqlite_sequence remembers the last
	kind      TEXT NOT NULL,
	workgroup TEXT NOT NULL,
	recipient TEXT NOT NULL,
	alert     INTEGER NOT NULL,
	user      TEXT NOT NULL,
	fence     INTEGER NOT NULL,
	text      TEXT NOT NULL,
	made      INTEGER NOT NULL
) STRICT;

CREATE TABLE entries (
	alert INTEGER NOT NULL,
	seq   INTEGER NOT NULL,
	at    INTEGER NOT NULL,
	what  TEXT NOT NULL,
	who   TEXT NOT NULL,
	text  TEXT NOT NULL,
	PRIMARY KEY (alert, seq)
) STRICT, WITHOUT ROWID;
`, `
ALTER TABLE alerts ADD COLUMN due       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN reminded  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN step      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN step_ends INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN muted     INTEGER NOT NULL DEFAULT 0;

CREATE TABLE overrides (
	id       INTEGER PRIMARY KEY,
	schedule TEXT NOT NULL,
	who      TEXT NOT NULL,
	begins   INTEGER NOT NULL,
	ends     INTEGER NOT NULL,
	by       TEXT NOT NULL,
	made     INTEGER NOT NULL
) STRICT;

CREATE TABLE silences (
	id        INTEGER PRIMARY KEY,
	workgroup TEXT NOT NULL,
	match     TEXT NOT NULL, -- JSON
	begins    INTEGER NOT NULL,
	ends      INTEGER NOT NULL,
	by        TEXT NOT NULL,
	reason    TEXT NOT NULL,
	made      INTEGER NOT NULL
) STRICT;
`, `
ALTER TABLE alerts ADD COLUMN room TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN due INTEGER NOT NULL DEFAULT 0;
`, `
ALTER TABLE alerts ADD COLUMN grouping  TEXT    NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN gathers   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN instances INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN firing    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN told      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN tell      INTEGER NOT NULL DEFAULT 0;

CREATE TABLE instances (
	alert       INTEGER NOT NULL,
	n           INTEGER NOT NULL,
	source      TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	episode     INTEGER NOT NULL,
	severity    TEXT NOT NULL CHECK (severity IN ('critical', 'warning', 'info')),
	summary     TEXT NOT NULL,
	details     TEXT NOT NULL,
	host        TEXT NOT NULL,
	labels      TEXT NOT NULL, -- JSON object
	starts      INTEGER NOT NULL,
	raised      INTEGER NOT NULL,
	count       INTEGER NOT NULL,
	over        INTEGER NOT NULL,
	PRIMARY KEY (alert, n)
) STRICT, WITHOUT ROWID;
`}}
