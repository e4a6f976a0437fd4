import { z } from 'zod';
import { invalid } from '../edge/input.ts';

const position = z
  .array(z.union([z.string(), z.number()]))
  .min(1)
  .max(8);

/** Where a page ended: the values it is ordered by, opaque to the caller. */
export function encodeCursor(values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/** @throws Problem 422 for what `encodeCursor` did not make */
export function decodeCursor(cursor: string, length: number): (string | number)[] {
  try {
    const values = position.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
    if (values.length === length) return values;
  } catch {
    // told below
  }
  throw invalid([{ pointer: '/cursor', message: 'not a cursor of this list: use nextCursor as it came' }]);
}
