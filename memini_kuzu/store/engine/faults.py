"""The faults of Kùzu 0.11.3 that memini works around, or has to know of.

Kùzu is archived, so they stay; another release or a fork may be without them. Each has a probe among the
tests (tests/engine_probes.py) that uses the engine alone. Its test fails once the fault is gone: then what
keeps it off can go too.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that the engine does wrong.

    Parameters
    ----------
    name : str
        Also the name of its probe.
    happens : str
        What Kùzu 0.11.3 does.
    kept_off_by : str
        What memini does instead, and where; or that nothing keeps it off.

    Examples
    --------
    >>> Fault("slow", "It is slow.", "Patience.").name
    'slow'
    """

    name: str
    happens: str
    kept_off_by: str


FAULTS = (
    Fault(
        "replay_loses_a_relationship",
        "Where a relationship was deleted and then one of its nodes with DETACH DELETE, replaying the log "
        "deletes another relationship, the first of the table, from its source's list.",
        "The log is never replayed, and relationships are deleted before their nodes: start in "
        "engine/open_file.py, delete_nodes in engine/database.py.",
    ),
    Fault(
        "replay_leaves_ghosts",
        "Replaying DETACH DELETE of a node with several relationships takes only the first out of its "
        "neighbours' lists, so that counts of the others include what is gone.",
        "The log is never replayed, and relationships are deleted before their nodes: start in "
        "engine/open_file.py, delete_nodes in engine/database.py.",
    ),
    Fault(
        "replay_fails",
        "Where a relationship and its node were deleted and another relationship SET after, replaying the "
        "log fails with an assertion, and the file cannot be opened.",
        "The log is never replayed, and relationships are deleted before their nodes: start in "
        "engine/open_file.py, delete_nodes in engine/database.py.",
    ),
    Fault(
        "checkpoint_after_deletion_crashes",
        "Where all relationships created since the last checkpoint were deleted again, a checkpoint leaves "
        "the table in memory such that reading it crashes the process; the file is whole.",
        "The database is opened again after a checkpoint: reload in engine/open_file.py.",
    ),
    Fault(
        "freed_end_is_lost",
        "When the end of the file becomes free, it is neither counted any longer nor listed as free, nor cut "
        "off: where the file is opened again, these pages count as used for ever.",
        "The end is cut off after a checkpoint: engine/ends.py.",
    ),
    Fault(
        "killed_checkpoint",
        "A checkpoint that is killed midway leaves a file that cannot be opened, or crashes who opens it.",
        "A copy of the file stands by while the engine checkpoints, and it does so only when told to: "
        "engine/standby.py.",
    ),
    Fault(
        "rolled_back_copy_empties_a_table",
        "A ROLLBACK over a COPY into a relationship table that existed before deletes all that was in it.",
        "COPY goes only into tables made in the same transaction, and a copy of the file stands by: "
        "store/change.py.",
    ),
    Fault(
        "rolled_back_copy_crashes",
        "A ROLLBACK over a COPY into a node table with rows created since the last checkpoint spoils the "
        "process's memory, and crashes it at once or at the next write.",
        "COPY goes only into tables that are new, or right after a checkpoint; other nodes are created "
        "by LOAD FROM: store/change.py.",
    ),
    Fault(
        "create_table_as_is_lost",
        "CREATE … TABLE … AS writes past the log and does not checkpoint: after the next opening the table "
        "is empty.",
        "A checkpoint follows what a user writes, before it is answered: write_foreign in engine/queries.py.",
    ),
    Fault(
        "create_table_as_breaks_replay",
        "A row made by CREATE … TABLE … AS and changed after is not there when the log is replayed: the "
        "process crashes each time the file is opened.",
        "A checkpoint follows what a user writes, before it is answered: write_foreign in engine/queries.py.",
    ),
    Fault(
        "stray_log_is_replayed",
        "The log of a database that was deleted is replayed into the next one of its name.",
        "A store is not made where a log lies (store/schema.py), and no log is there when one is opened.",
    ),
    Fault(
        "read_only_replays_the_log",
        "A database that is opened read-only replays the log into memory, with all the faults of the replay, "
        "and leaves it where it is.",
        "Where a log lies, the store is recovered first, under its lock: first_reader in engine/recovery.py.",
    ),
    Fault(
        "functions_write_to_the_log",
        "Making a Python function known writes to the log, even of a database that is open read-only.",
        "The log is removed when the store is closed, and set aside when it is opened: engine/open_file.py.",
    ),
    Fault(
        "two_databases_lose_rows",
        "Two Database objects on one path in one process both open, and what one of them writes is lost.",
        "Handles on one path share one Database: engine/engine.py.",
    ),
    Fault(
        "second_writer_fails_at_once",
        "A second write transaction does not wait for the first but fails.",
        "Writers take turns by a lock: writing in engine/engine.py.",
    ),
    Fault(
        "commit_beside_a_reader_says_timeout",
        "A commit that checkpoints while a reader of the process is at work waits five seconds and raises an "
        "error, though the data is committed.",
        "Readers are kept out while a commit runs (engine/gate.py), and the error counts as success "
        "(commit in engine/open_file.py).",
    ),
    Fault(
        "results_crash_after_closing",
        "The results of several statements in one execute crash the process if they are released after the "
        "database was closed.",
        "All but the last are released at once, the last becomes Arrow: execute in engine/database.py.",
    ),
    Fault(
        "no_columns_divide_by_zero",
        "Asking a result without columns for Arrow divides by zero.",
        "Such a result is given as an empty table: execute in engine/database.py.",
    ),
    Fault(
        "arrow_needs_importlib_util",
        "Reading an Arrow table fails where neither memini nor pandas, which may be missing, has imported "
        "importlib.util.",
        "It is imported: engine/frames.py.",
    ),
    Fault(
        "empty_piece_ends_the_rows",
        "LOAD FROM an Arrow table reads no further than to the first piece of it that holds no rows.",
        "Such pieces are left out: execute in engine/database.py.",
    ),
    Fault(
        "deaf_to_interrupts",
        "Reading an Arrow table imports polars where it is installed, whose handler of SIGINT has system "
        "calls begin anew: Ctrl-C no longer ends a process that waits for input.",
        "It asks for polars only where that is loaded: engine/frames.py.",
    ),
    Fault(
        "macro_takes_no_parameter",
        "A query parameter as the argument of a macro fails an assertion.",
        "The parameter is bound to a variable first, WITH $now AS now: store/reading.py.",
    ),
    Fault(
        "macro_with_case_or_lambda",
        "A macro whose body holds CASE or a lambda makes the file impossible to open.",
        "The macros are arithmetic, without either: udfs/*.cypher.",
    ),
    Fault(
        "export_drops_parentheses",
        "EXPORT DATABASE writes macros without their parentheses, which gives them another meaning.",
        "Of an export only the tables are taken, the macros are made anew: store/rewriting.py.",
    ),
    Fault(
        "lists_are_mixed_up",
        "SET of a list together with new rows gives the new rows the lists of others at the next checkpoint.",
        "Rows with lists are deleted and created, not updated: store/change.py.",
    ),
    Fault(
        "joined_statements_miss_new_relationships",
        "In a table that a checkpoint has written, SET and DELETE for the rows of LOAD FROM find of all "
        "relationships that the same transaction has created only the first.",
        "No row is touched twice in a transaction: together in store/change.py.",
    ),
    Fault(
        "compression_loses_fractions",
        "With compression, which is the default, doubles with long fractions in lists (DOUBLE[], FLOAT[]) "
        "become 0 or other numbers at a checkpoint: where new values fit into the pages of the old, those "
        "that it cannot compress are not written. Arrays such as DOUBLE[3] are not compressed.",
        "The store holds no such lists: amounts of events are lists of their bits (store/ledger.py); in "
        "tables of the user's own they are refused (engine/foreign.py).",
    ),
    Fault(
        "literals_of_other_types_skip_rows",
        "A filter that compares a column with a literal of another type passes over rows that it is true of: "
        "events > 0.5, or a column of TIMESTAMP_MS or DATE > timestamp('2026-01-01'). The literal is "
        "compared with the bits of the column's least and greatest values. Parameters are not.",
        "Zone maps are off where queries of users run (engine/queries.py), dates have the type of the "
        "literals that people write, TIMESTAMP, and memini's own queries take parameters. Other programs "
        "write literals of the column's type: events > 0.",
    ),
    Fault(
        "paths_read_columns_of_other_types",
        "In a path variable, nodes with a label and nodes without one have a column of one name in several "
        "types, where tables differ in it, as in id; it is read as the first of them. So p, nodes(p) and "
        "rels(p) of p = (a:Entity)-[:ASSOCIATES]->(b) hold wrong values or end the process.",
        "Nothing: queries name the label of every node of a path, or of none.",
    ),
    Fault(
        "set_after_a_dropped_column_crashes",
        "Where a column was dropped since the last checkpoint, and several columns that were added after it "
        "are SET, the next checkpoint crashes the process.",
        "A checkpoint comes between: store/schema.py.",
    ),
    Fault(
        "one_match_is_a_cross_product",
        "Both ends of a relationship in one MATCH with a comma are planned as a cross product of all nodes.",
        "Each end has a MATCH of its own: store/change.py.",
    ),
)
"""All of them."""
