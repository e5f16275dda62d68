// The events of documents and loads, what they share once: the entities, dates and amounts of a row, and events as
// positions in these lists, from 1. Those of notes take an eighth of the space so. The amounts are the bits of doubles,
// as before. Filled from the lists of version 8 when a store of an older version is opened.
ALTER TABLE Document ADD event_entities INT64[];
ALTER TABLE Document ADD event_times TIMESTAMP[];
ALTER TABLE Document ADD event_amounts INT64[];
ALTER TABLE Document ADD source_at INT64[];
ALTER TABLE Document ADD target_at INT64[];
ALTER TABLE Document ADD time_at INT64[];
ALTER TABLE Document ADD amount_at INT64[];
ALTER TABLE EventLog ADD event_entities INT64[];
ALTER TABLE EventLog ADD event_times TIMESTAMP[];
ALTER TABLE EventLog ADD event_amounts INT64[];
ALTER TABLE EventLog ADD source_at INT64[];
ALTER TABLE EventLog ADD target_at INT64[];
ALTER TABLE EventLog ADD time_at INT64[];
ALTER TABLE EventLog ADD amount_at INT64[];
