// What a passage takes the entity for: the label that most of its mentions in it have. An entity's label is what the
// passages that mention it agree on (store/labels.py); votes counts them, as JSON of label and number.
ALTER TABLE MENTIONS ADD label STRING;
ALTER TABLE Entity ADD votes STRING;
