import { TidemillError } from '#libs/platform';
import { modelError } from './errors.ts';

/** Rows that are asked again, alone: what their host does then is their doing. */
export interface Again {
  rows: readonly number[];
  /** Times that a host ended over exactly these rows. */
  ended: number;
  /** A host has ended twice over rows that these are a part of. */
  suspect: boolean;
}

/** What becomes of rows whose batch failed: they are asked again, or there is no answer for them. */
export type Verdict = { again: Again[] } | { failure: TidemillError };

/**
 * The search for the text that ends its host: who is innocent is asked again, who is not is found. Rows whose batch held
 * others too are asked alone first; rows over which a host ends twice in halves; one row over which it ends twice is guilty,
 * for a host may be ended once from outside.
 * @param asked as what the rows were asked again, if they were
 * @param alone the batch held nothing but these rows
 */
export function afterFailure(
  rows: readonly number[],
  { error, asked, alone }: { error: TidemillError; asked: Again | undefined; alone: boolean },
): Verdict {
  const suspect = asked?.suspect ?? false;
  // The host ended over another batch.
  if (error.code === 'BATCH_NOT_STARTED') return { again: [{ rows, ended: asked?.ended ?? 0, suspect }] };
  const ended = alone ? (asked?.ended ?? 0) + 1 : 0;
  const invalid = error.code === 'MODEL_OUTPUT_INVALID';
  const certain = invalid ? alone : ended >= (suspect && rows.length > 1 ? 1 : 2);
  if (!certain) return { again: [{ rows, ended, suspect }] };
  if (rows.length === 1) return { failure: invalid ? error : modelError('TEXT_ENDS_HOST', { cause: error }) };
  const middle = Math.ceil(rows.length / 2);
  const halves = [rows.slice(0, middle), rows.slice(middle)];
  return { again: halves.map((half) => ({ rows: half, ended: 0, suspect: true })) };
}
