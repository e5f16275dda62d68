// The language of each passage (ISO 639), by which its words were analysed; MeminiMeta has under 'languages' how many
// passages there are in each (JSON).
ALTER TABLE Passage ADD language STRING;
