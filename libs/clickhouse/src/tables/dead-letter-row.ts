import { type TableRow, toRow } from './rows.ts';
import type { DeadLetter } from './tables.ts';

/** A dead letter as it is read from its topic. */
interface StoredLetter extends Omit<DeadLetter, 'offset' | 'key' | 'valueBytes' | 'schemaId'> {
  offset: bigint;
  /** Original bytes. */
  key: Buffer | null;
  value: Buffer | null;
  schemaId: number | undefined;
}

/** Its row in table dead_letters: what failed, where and why, without the original bytes. */
export function deadLetterRow({ key, value, schemaId, offset, ...letter }: StoredLetter): TableRow {
  const record = {
    ...letter,
    offset: Number(offset),
    key: key?.toString('utf8') ?? '',
    valueBytes: value?.length ?? 0,
    schemaId: schemaId ?? null,
  };
  return toRow('dead_letters', record, { partition: letter.partition, offset });
}
