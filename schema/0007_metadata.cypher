// What is known of a document beside its text, such as the project that it belongs to: a JSON object of strings, its
// keys in order; empty where there is nothing. Recall and others can be asked to go by it alone.
ALTER TABLE Document ADD metadata STRING;
MATCH (d:Document) SET d.metadata = '';
