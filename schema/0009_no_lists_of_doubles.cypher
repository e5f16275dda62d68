// What version 8 replaces.
ALTER TABLE Document DROP event_amount;
ALTER TABLE EventLog DROP event_amount;
