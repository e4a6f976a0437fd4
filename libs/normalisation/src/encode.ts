import { defaultMaximumCharacters, normalise } from './normalise.ts';

/** A padded batch as the graph takes it: `units` is int32 [rows, columns], row-major, 0 after the end of a text. */
export interface EncodedBatch {
  units: Int32Array;
  rows: number;
  columns: number;
}

/** Normalises texts and encodes them as one batch, padded to the longest. */
export function encodeUtf16(
  texts: readonly string[],
  maximumCharacters: number = defaultMaximumCharacters,
): EncodedBatch {
  return encodeNormalised(texts.map((text) => normalise(text, maximumCharacters)));
}

/**
 * Encodes texts that are already normalised.
 * @param columns width of the batch; at least the length of the longest text, which is the default. Answers do not
 * depend on it.
 */
export function encodeNormalised(
  texts: readonly string[],
  columns: number = texts.reduce((longest, text) => Math.max(longest, text.length), 1),
): EncodedBatch {
  const units = new Int32Array(texts.length * columns);
  for (const [row, text] of texts.entries()) {
    if (text.length > columns) throw new RangeError(`text ${row} has ${text.length} units, the batch ${columns}`);
    const start = row * columns;
    for (let i = 0; i < text.length; i++) units[start + i] = text.charCodeAt(i);
  }
  return { units, rows: texts.length, columns };
}
