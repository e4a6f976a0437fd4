import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type DeadLetter, fromRow, type TableRow } from '#libs/clickhouse';
import type { Prediction, Text } from '#libs/events';
import type { OffsetRange } from './offset-ranges.ts';
import type { Place } from './prediction-ledger.ts';
import type { UnstoredText } from './text-ledger.ts';
import type { PromotedVersion } from './version-history.ts';

/** Rows of one SELECT on the analytics tables, column to value. @throws RowsTooLong */
export type SelectRows = (sql: string) => Promise<TableRow[]>;

/** The answer would be longer than is given: ask for fewer rows. */
export class RowsTooLong extends Error {
  override readonly name = 'RowsTooLong';
}

const pageRows = 5000;
/** Ids in one look-up. */
const idsAtOnce = 400;

/**
 * Everything of a range in a table, of one value of its first column, a page after the other along its sorting key: each page is found by the primary
 * index, so that all of them together read the table once. Raw rows, not FINAL: what is not merged yet is seen too.
 */
async function* pages(
  select: SelectRows,
  {
    table,
    columns,
    key,
    where,
    of: [head, value],
  }: {
    table: string;
    columns: string;
    key: readonly string[];
    where: string;
    of: readonly [head: string, value: string];
  },
): AsyncGenerator<TableRow[]> {
  const order = [...key, 'kafka_partition', 'kafka_offset'];
  let rows = pageRows;
  let after: TableRow | undefined;
  for (;;) {
    const [first = ''] = key;
    const further =
      after === undefined
        ? ''
        : `AND ${first} >= ${literal(after[first])} AND (${order.join(', ')}) > (${order.map((name) => literal(after?.[name])).join(', ')})`;
    const sql = `SELECT ${columns} FROM ${table} WHERE ${head} = ${literal(value)} AND ${where} ${further} ORDER BY ${head}, ${order.join(', ')} LIMIT ${rows}`;
    let page: TableRow[];
    try {
      page = await select(sql);
    } catch (error) {
      if (!(error instanceof RowsTooLong) || rows === 1) throw error;
      rows = Math.ceil(rows / 4);
      continue;
    }
    yield page;
    after = page.at(-1);
    if (page.length < rows) return;
  }
}

/** Rows of the predictions of a range of texts, those of one key after each other. */
export async function eachPredictionRow(
  select: SelectRows,
  { texts, model }: { texts: readonly OffsetRange[]; model: string | undefined },
  onRow: (row: Prediction, place: Place) => void,
): Promise<void> {
  for (const name of await models(select, 'predictions', model)) {
    const where = `input_topic = 'texts' AND (${within(texts, 'input_partition', 'input_offset')})`;
    const key = ['text_id', 'role', 'epoch', 'input_partition', 'input_offset', 'shadow_version'];
    const columns = '*, shadow_version';
    for await (const page of pages(select, { table: 'predictions', columns, key, where, of: ['model', name] }))
      for (const row of page) onRow(fromRow('predictions', row), placeOf(row));
  }
}

/** Rows of a range of texts; `text` is the digest of the text. */
export async function eachTextRow(
  select: SelectRows,
  { texts, model }: { texts: readonly OffsetRange[]; model: string | undefined },
  onRow: (row: Text, place: Place) => void,
): Promise<void> {
  const columns = '* REPLACE (lower(hex(SHA256(text))) AS text)';
  const where = within(texts, 'kafka_partition', 'kafka_offset');
  for (const name of await models(select, 'texts', model))
    for await (const page of pages(select, {
      table: 'texts',
      columns,
      key: ['id'],
      where: `(${where})`,
      of: ['model', name],
    }))
      for (const row of page) onRow(fromRow('texts', row), placeOf(row));
}

/** Rows of the dead letters of a range of texts. */
export async function eachLetterRow(
  select: SelectRows,
  texts: readonly OffsetRange[],
  onRow: (row: DeadLetter) => void,
): Promise<void> {
  const [table, column] = ['dead_letters', 'topic'];
  const where = `(${within(texts, 'partition', 'offset')})`;
  for (const topic of await valuesIn(select, table, column)) {
    // The name as Kafka knows it, behind a prefix.
    if (!topic.endsWith('texts')) continue;
    const key = ['partition', 'offset', 'stage'];
    for await (const page of pages(select, { table, columns: '*', key, where, of: [column, topic] }))
      for (const row of page) onRow(fromRow('dead_letters', row));
  }
}

/** Whether this very record of a dead letter has its row, not only an earlier one of the same text. */
export async function letterStored(select: SelectRows, letter: DeadLetter): Promise<boolean> {
  const { topic, partition, offset } = letter;
  const where = `topic = ${literal(topic)} AND partition = ${partition} AND offset = ${offset}`;
  const rows = await select(`SELECT * FROM dead_letters WHERE ${where}`);
  return rows.some((row) => isDeepStrictEqual(fromRow('dead_letters', row), letter));
}

/** A text as its row is compared: the text by its digest. */
export function withDigest(text: Text): Text {
  return { ...text, text: createHash('sha256').update(text.text).digest('hex') };
}

/** Which of these texts were replaced: a later record of the id has a row. */
export async function replacedTexts(select: SelectRows, texts: readonly UnstoredText[]): Promise<Set<UnstoredText>> {
  const replaced = new Set<UnstoredText>();
  for (const [model, own] of Map.groupBy(texts, (text) => text.model)) {
    for (let from = 0; from < own.length; from += idsAtOnce) {
      const some = own.slice(from, from + idsAtOnce);
      const ids = some.map(({ id }) => literal(id)).join(', ');
      const rows = await select(
        `SELECT id, kafka_partition, kafka_offset FROM texts FINAL WHERE model = ${literal(model)} AND id IN (${ids})`,
      );
      const stored = new Map(rows.map((row) => [row['id'], placeOf(row)]));
      for (const text of some) {
        const row = stored.get(text.id);
        if (row === undefined) continue;
        if (row.offset > text.offset || (row.offset === text.offset && row.partition > text.partition))
          replaced.add(text);
      }
    }
  }
  return replaced;
}

/** Every epoch that monitoring has seen, also those the topic has compacted away. */
export async function storedVersions(select: SelectRows): Promise<PromotedVersion[]> {
  const rows = await select('SELECT * FROM model_versions FINAL');
  return rows.map((row) => fromRow('model_versions', row));
}

async function models(select: SelectRows, table: string, model: string | undefined): Promise<string[]> {
  return model === undefined ? await valuesIn(select, table, 'model') : [model];
}

async function valuesIn(select: SelectRows, table: string, column: string): Promise<string[]> {
  return (await select(`SELECT DISTINCT ${column} FROM ${table}`)).map((row) => String(row[column]));
}

function within(ranges: readonly OffsetRange[], partition: string, offset: string): string {
  const each = ranges.map(
    (range) => `(${partition} = ${range.partition} AND ${offset} >= ${range.from} AND ${offset} < ${range.to})`,
  );
  return each.length === 0 ? 'false' : each.join(' OR ');
}

function placeOf(row: TableRow): Place {
  return { partition: Number(row['kafka_partition']), offset: Number(row['kafka_offset']) };
}

/** As hex: ids are the senders' and may hold anything. */
function literal(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return `unhex('${Buffer.from(String(value)).toString('hex')}')`;
}
