// No other tables: from this version on, irregular English forms have the term of their lemma. The words of a store of an
// older version are analysed again when it is opened.
