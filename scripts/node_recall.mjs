// Strengths of an entity's associations from Node.js: the `kuzu` npm package reads the same file, and the macros
// are in the file. No Python runs here.
//
//     npm install kuzu@0.11.3
//     node node_recall.mjs notes.memini "ada lovelace" 2026-03-02T00:00:00
//
// prints one line of JSON an association: target, strength, consolidated.

import { createRequire } from "node:module";
import { join } from "node:path";

// from the folder where npm installed it, so that this file may stand elsewhere
const { Database, Connection } = createRequire(join(process.cwd(), "package.json"))("kuzu");

const [path, key, now] = process.argv.slice(2);
if (now === undefined) {
  console.error("usage: node node_recall.mjs STORE ENTITY-KEY TIME");
  process.exit(2);
}

const readOnly = true;
const database = new Database(path, 2 ** 28, true, readOnly, 2 ** 40);
const connection = new Connection(database);
const statement = await connection.prepare(`
  MATCH (a:Entity {key: $key})-[e:ASSOCIATES]->(b:Entity)
  WITH e, b, CAST($now, 'TIMESTAMP') AS now
  RETURN b.name AS target, memini_fast(e, now) AS strength, memini_slow(e, now) AS consolidated
  ORDER BY strength DESC, target`);
const result = await connection.execute(statement, { key, now });
for (const row of await result.getAll()) {
  console.log(JSON.stringify(row));
}
await connection.close();
await database.close();
