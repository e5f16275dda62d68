// The amounts of events as the bits of their doubles (IEEE 754), which the macro memini_amount reads: Kùzu loses values
// of lists of doubles when it compresses them. Filled from event_amount when a store of an older version is opened.
ALTER TABLE Document ADD event_bits INT64[];
ALTER TABLE EventLog ADD event_bits INT64[];
