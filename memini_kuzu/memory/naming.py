"""What entities are called: other names, new ones, and those that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memini_kuzu import changes, insight
from memini_kuzu.memory.opening import OpenMemory, check_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from memini_kuzu.changes.aliases import Alias
    from memini_kuzu.changes.entities import Edit
    from memini_kuzu.insight.entities import KnownEntity
    from memini_kuzu.insight.suggestions import Suggestion

__all__ = ["Naming"]


class Naming(OpenMemory):
    """The calls about names."""

    def alias_add(self, alias: str, entity: str) -> Alias:
        """Let a name stand for an entity; what was known under it goes over. `alias_remove` takes it back.

        Parameters
        ----------
        alias : str
            The other name.
        entity : str
            The entity's name, or one of its aliases.

        Returns
        -------
        Alias
            As it stands now.

        Raises
        ------
        InputError
            If the alias is empty, stands for something already, or is the entity's own name.
        UnknownEntityError
            If there is no such entity.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.alias_add("Countess Lovelace", "Ada Lovelace")
        ...     memory.associations("Countess Lovelace", now="2026-03-01")[0].target
        'Charles Babbage'
        """
        return changes.aliases.add_alias(self._store, alias, entity)

    def alias_remove(self, alias: str) -> Alias:
        """Let a name stand for itself again, and give back what was moved.

        What was told meanwhile under either name stays with the entity; what was forgotten stays forgotten.

        Parameters
        ----------
        alias : str
            The name.

        Returns
        -------
        Alias
            As it stood.

        Raises
        ------
        InputError
            If there is no such alias, or a later one builds on it.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.alias_add("Ada", "Ada Lovelace")
        ...     memory.alias_remove("Ada").entity
        'Ada Lovelace'
        """
        return changes.aliases.remove_alias(self._store, alias)

    def alias_list(self) -> list[Alias]:
        """All aliases, by name.

        Returns
        -------
        list of Alias
            What each stands for.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     memory.alias_list()
        []
        """
        return changes.aliases.list_aliases(self._store)

    def alias_suggest(self, k: int = 10) -> list[Suggestion]:
        """Pairs of names that may mean the same, for people to judge. Changes nothing.

        Parameters
        ----------
        k : int
            How many at most.

        Returns
        -------
        list of Suggestion
            The most similar first.

        Raises
        ------
        InputError
            If `k` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.remember("Ada Lovelase met Mary Somerville.", time="2026-03-02")
        ...     [found] = memory.alias_suggest()
        ...     sorted([found.alias, found.entity])
        ['Ada Lovelace', 'Ada Lovelase']
        """
        check_count(k, "suggestions to return")
        return insight.suggestions.suggest(self._store, k)

    def entities(self, k: int = 20, *, junk: bool = False, like: str | None = None) -> list[KnownEntity]:
        """The entities that the texts mention most, and why one looks wrong. Changes nothing.

        Parameters
        ----------
        k : int
            How many at most.
        junk : bool
            Only those that look wrong, by the rule of `memini_kuzu.insight.junk`.
        like : str, optional
            Only those with these characters in their name or an alias, whatever their accents and capitals;
            what begins so comes first.

        Returns
        -------
        list of KnownEntity
            The most mentioned first.

        Raises
        ------
        InputError
            If `k` is below 1.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     [(found.name, found.mentions) for found in memory.entities()]
        [('Ada Lovelace', 1), ('Charles Babbage', 1)]
        """
        check_count(k, "entities to return")
        with self._store.snapshot():
            return insight.entities.entities(self._store, k, junk=junk, like=like)

    def entity_drop(self, entity: str) -> Edit:
        """Leave an entity out of all answers, whatever later documents say; `entity_undo` takes it back.

        Parameters
        ----------
        entity : str
            Its name or an alias.

        Returns
        -------
        Edit
            What was done. Passages that mention it stay, and recall finds them by their words.

        Raises
        ------
        UnknownEntityError
            If there is none of that name.
        InputError
            If it is dropped already.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage in London.", time="2026-03-01")
        ...     _ = memory.entity_drop("London")
        ...     [found.target for found in memory.associations("Ada Lovelace", now="2026-03-01")]
        ['Charles Babbage']
        """
        return changes.entities.drop_entity(self._store, entity)

    def entity_rename(self, entity: str, name: str) -> Edit:
        """Give an entity another name; later documents that use the former one mean it too.

        Parameters
        ----------
        entity : str
            Its name or an alias.
        name : str
            The new one. The former becomes an alias of it, unless they differ only in how they are written.

        Returns
        -------
        Edit
            What was done; `entity_undo` of the former name takes it back.

        Raises
        ------
        UnknownEntityError
            If there is none of that name.
        InputError
            If the new name is empty, or another entity has it.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelase met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.entity_rename("Ada Lovelase", "Ada Lovelace")
        ...     memory.associations("Charles Babbage", now="2026-03-01")[0].target
        'Ada Lovelace'
        """
        return changes.entities.rename_entity(self._store, entity, name)

    def entity_split(self, entity: str, name: str, sources: Sequence[str]) -> Edit:
        """Tell two entities of one name apart: what these sources tell, now and later, is of the other one.

        Parameters
        ----------
        entity : str
            The name that both have, or an alias.
        name : str
            A name for the other one, such as ``Ada (the ship)``.
        sources : sequence of str
            The sources that mean the other one: a conversation, a file.

        Returns
        -------
        Edit
            What was done; `entity_undo` of the new name takes it back.

        Raises
        ------
        UnknownEntityError
            If there is no such entity.
        InputError
            If the new name is taken, a source does not mention the entity, or no other one does.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Babbage.", time="2026-03-01", source="letters")
        ...     _ = memory.remember("Ada Lovelace left Malmö.", time="2026-03-01", source="ships")
        ...     _ = memory.entity_split("Ada Lovelace", "Ada Lovelace (ship)", ["ships"])
        ...     [found.target for found in memory.associations("Ada Lovelace (ship)", now="2026-03-01")]
        ['Malmö']
        """
        return changes.entities.split_entity(self._store, entity, name, list(dict.fromkeys(sources)))

    def entity_undo(self, entity: str) -> Edit:
        """Take back that an entity was dropped, renamed or split off.

        Parameters
        ----------
        entity : str
            The name that it had before it was dropped or renamed; or the one that was split off, which goes
            back with all that was told of it. What was told since under a new name stays with that.

        Returns
        -------
        Edit
            What was done.

        Raises
        ------
        InputError
            If it was none of these.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> from memini_kuzu import Memory
        >>> with Memory.open(Path(tempfile.mkdtemp()) / "a.memini") as memory:
        ...     _ = memory.remember("Ada Lovelace met Charles Babbage.", time="2026-03-01")
        ...     _ = memory.entity_drop("Ada Lovelace")
        ...     memory.entity_undo("Ada Lovelace").name
        'Ada Lovelace'
        """
        return changes.entities.undo_entity(self._store, entity)
