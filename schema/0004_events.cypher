// The events of loads, so that whatever is computed from the ledgers of documents is computed from them too.

// A part of what a load gave, in the form of a document's ledger (parallel lists); id is a stable hash of the load and
// the part's number. The sources of its events lie between first_source and last_source. event_kind holds ids of Kind,
// 0 for an event without one, and is empty where no event of the part has one. A load without parts kept no events.
CREATE NODE TABLE EventLog(
    id INT64 PRIMARY KEY, load STRING, first_source INT64, last_source INT64,
    event_source INT64[], event_target INT64[], event_amount DOUBLE[], event_time TIMESTAMP[], event_kind INT64[]
);

// What kind an event is, such as a type of relation; id is a stable hash of the name.
CREATE NODE TABLE Kind(id INT64 PRIMARY KEY, name STRING);
