import { encodeNormalised, isTruncated, normalise } from '#libs/normalisation';
import type { Tokenizer } from '#libs/tokenizer';
import type { Manifest } from './bundle.ts';
import type { RunLimits } from './plan-runs.ts';

/** Tensors of one run by the name of the graph's input, each [rows, columns]; '' is the graph's only input. */
export type Feeds = Record<string, Int32Array | BigInt64Array>;

/** Texts in the form in which they are put into runs. */
export interface PreparedTexts {
  /** Columns each text needs. */
  lengths: readonly number[];
  /** 1 where a text is longer than the model takes and was cut. */
  truncated: Uint8Array;
  /** The run of some of the texts, padded to `columns`. */
  feeds(indices: readonly number[], columns: number): Feeds;
}

/** How texts become what a graph takes. */
export interface TextInput extends RunLimits {
  prepare(texts: readonly string[]): PreparedTexts;
}

/** Kind `utf16`: normalised code units. */
export function utf16Input(maximumCharacters: number): TextInput {
  return {
    // Small enough that the intermediate tensors of a run stay in the processor's cache.
    columnsPerRun: 16_384,
    rowsPerRun: Number.POSITIVE_INFINITY,
    columnsMultiple: 1,
    columnsPerStart: 1024,
    prepare(texts) {
      const normalised = texts.map((text) => normalise(text, maximumCharacters));
      return {
        lengths: normalised.map(({ length }) => length),
        truncated: Uint8Array.from(texts, (text) => (isTruncated(text, maximumCharacters) ? 1 : 0)),
        feeds: (indices, columns) => ({
          '': encodeNormalised(
            indices.map((index) => normalised[index] ?? ''),
            columns,
          ).units,
        }),
      };
    },
  };
}

/** More rows at once win a few per cent at most; padding costs in proportion. */
const onProcessor = { columnsPerRun: 2048, columnsMultiple: 1 };
/** Large runs keep the device busy; it prepares itself anew for every shape, so there are few. Not run: no GPU was at hand. */
const onAccelerator = { columnsPerRun: 65_536, columnsMultiple: 16 };

/** Kind `tokens`: token ids, their mask, and types that are all 0. */
export function tokensInput(
  input: Extract<Manifest['input'], { kind: 'tokens' }>,
  { tokenizer, device }: { tokenizer: Tokenizer; device: string },
): TextInput {
  return {
    ...(device === 'cpu' ? onProcessor : onAccelerator),
    rowsPerRun: input.alone ? 1 : Number.POSITIVE_INFINITY,
    columnsPerStart: 16,
    prepare(texts) {
      const encoded = texts.map((text) => tokenizer.encode(text, input.maximumTokens));
      return {
        // A model without special tokens gets one column even for an empty text: a graph need not take none.
        lengths: encoded.map(({ ids }) => Math.max(1, ids.length)),
        truncated: Uint8Array.from(encoded, ({ truncated }) => (truncated ? 1 : 0)),
        feeds(indices, columns) {
          const ids = new BigInt64Array(indices.length * columns).fill(BigInt(input.padTokenId));
          const mask = new BigInt64Array(indices.length * columns);
          for (const [row, index] of indices.entries()) {
            const tokens = encoded[index]?.ids ?? new Int32Array();
            for (const [column, id] of tokens.entries()) ids[row * columns + column] = BigInt(id);
            mask.fill(1n, row * columns, row * columns + Math.max(1, tokens.length));
          }
          const types = new BigInt64Array(indices.length * columns);
          const tensors = { input_ids: ids, attention_mask: mask, token_type_ids: types };
          return Object.fromEntries(input.inputs.map((name) => [name, tensors[name]]));
        },
      };
    },
  };
}
