// The data model of a memini store. Applied once, in order of the file numbers; the number applied last is
// recorded in MeminiMeta under 'schema_version'.

// What the store knows of itself: schema version, parameters of the dynamics, the extractor's identity, and the
// sums 'passages' and 'words' over all passages. A store with vectors also has 'embedder' and 'dimension', and a table
// Embedding(id INT64 PRIMARY KEY, time TIMESTAMP, vector FLOAT[dimension]): a passage's id and time, and its vector.
CREATE NODE TABLE MeminiMeta(key STRING PRIMARY KEY, value STRING);

// id is a stable 64-bit hash of key, the canonical name. mentions counts the passages that mention it now,
// headings those that it heads.
CREATE NODE TABLE Entity(
    id INT64 PRIMARY KEY, key STRING, name STRING, label STRING,
    first_seen TIMESTAMP, last_seen TIMESTAMP, mentions INT64, headings INT64
);

// Another canonical name that resolves to an entity. Where it was one itself, undo says what was moved (JSON), so that
// the alias can be taken back.
CREATE NODE TABLE Alias(key STRING PRIMARY KEY, name STRING, entity INT64, undo STRING);

// What documents belong to: a conversation, a feed, a file. passages counts positions given out so far.
CREATE NODE TABLE Source(name STRING PRIMARY KEY, passages INT64);

// One document in its newest version: digest of its text, the positions of its passages in the source, and the
// ledger of all events that it ever gave (parallel lists), so that forgetting it can subtract them exactly.
// versions lists the digests and times of all versions seen, so that none is counted twice.
CREATE NODE TABLE Document(
    id INT64 PRIMARY KEY, source STRING, record STRING, title STRING, time TIMESTAMP, digest STRING,
    versions STRING[], positions INT64[],
    event_source INT64[], event_target INT64[], event_amount DOUBLE[], event_time TIMESTAMP[]
);

// A piece of a document, verbatim. id is a stable hash of (source, position), so that what was said just before
// and after is found by primary key. heading is the entity that its title names, or that speaks it (null: none).
// terms is the analysed text, words how many terms that is.
CREATE NODE TABLE Passage(
    id INT64 PRIMARY KEY, record STRING, source STRING, position INT64, title STRING, time TIMESTAMP,
    document INT64, heading INT64, text STRING, terms STRING, words INT64
);

// What was loaded as columns: id is the digest of a file's bytes, so that a file loaded twice changes nothing, or a
// random one where a table came from memory; source is its name, events how many rows it gave.
CREATE NODE TABLE Load(id STRING PRIMARY KEY, source STRING, events INT64);

// fast and slow are the two variables as they stood at as_of, which maintenance moves on; first_seen and last_seen are
// the dates of the evidence.
CREATE REL TABLE ASSOCIATES(
    FROM Entity TO Entity,
    fast DOUBLE, slow DOUBLE, as_of TIMESTAMP, events INT64, first_seen TIMESTAMP, last_seen TIMESTAMP
);

// Provenance: count is how often the passage mentions the entity.
CREATE REL TABLE MENTIONS(FROM Passage TO Entity, count INT64);
