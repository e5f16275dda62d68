// What a passage takes the entity for: the label that most of its mentions in it have. An entity's label is what the
// passages that mention it agree on (store/labels.py); votes counts them, as JSON of label and number.
ALTER TABLE MENTIONS ADD label STRING;
ALTER TABLE Entity ADD votes STRING;

// Names that people have dropped: entity is the id of the entity of this name, which no answer shows any more. What
// documents tell of it is kept and goes on being counted, so that it can be taken back.
CREATE NODE TABLE Dropped(key STRING PRIMARY KEY, name STRING, entity INT64);

// What an entity is called in one source, where people told two of one name apart: mentions there that resolve to entity
// are of the one with this key and name. id is the number of the entity and the source.
CREATE NODE TABLE Split(id STRING PRIMARY KEY, source STRING, entity INT64, key STRING, name STRING);
