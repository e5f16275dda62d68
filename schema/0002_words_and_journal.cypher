// Words in tables of our own, in the place of the engine's full-text index, which version 1 had; and what the file knows
// of its journal.

// An analysed word; df is in how many passages it occurs.
CREATE NODE TABLE Term(term STRING PRIMARY KEY, df INT64);

// tf is how often the word occurs in the passage.
CREATE REL TABLE OCCURS(FROM Term TO Passage, tf INT64);

// One row, id 0. sequence is the number of the last change that is in the file; journal is the name of the journal beside
// the file in which others may follow, empty where all that was told is in the file.
CREATE NODE TABLE MeminiJournal(id INT64 PRIMARY KEY, sequence INT64, journal STRING);
CREATE (:MeminiJournal {id: 0, sequence: 0, journal: ''});
