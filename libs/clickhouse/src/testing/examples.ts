import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RecordOf, type TopicName, topics } from '#libs/events';
import { migrationsDirectory } from '../migrations/files.ts';
import { isTableName, type TableName } from '../tables/tables.ts';
import { toRow, type TableRow } from '../tables/rows.ts';

export interface Example<T extends TopicName> {
  /** File name without extension. */
  name: string;
  record: RecordOf<T>;
}

export const topicNames = Object.values(topics).map(({ topic }) => topic);

/** The examples of a topic in schemas/examples, by name. */
export function readExamples<T extends TopicName>(topic: T): Example<T>[] {
  const folder = join(migrationsDirectory(), '..', 'examples', topic, '1');
  return readdirSync(folder)
    .toSorted()
    .map((file) => ({
      name: file.replace(/\.json$/, ''),
      record: JSON.parse(readFileSync(join(folder, file), 'utf8')),
    }));
}

/** The table of a topic: the same name in snake_case. */
export function tableOf(topic: TopicName): TableName {
  const name = topic.replaceAll('-', '_');
  if (!isTableName(name)) throw new RangeError(`topic ${topic} has no table`);
  return name;
}

/** All examples of a topic as rows, at offsets 0, 1, 2 … of partition 0. */
export function exampleRows(topic: TopicName): TableRow[] {
  return readExamples(topic).map(({ record }, offset) => toRow(tableOf(topic), record, { partition: 0, offset }));
}
