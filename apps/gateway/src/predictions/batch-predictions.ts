import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'csv-stringify/sync';
import { Problem } from '#libs/http';
import { fileLines, type Line, type LineFormat } from '#libs/lines';
import { reasonOf } from '#libs/platform';
import type { PredictOutput } from './predictions.schemas.ts';
import type { Predictor } from './predictor.ts';

export interface BatchRequest {
  model: string;
  version: number | undefined;
  format: LineFormat;
  input: AsyncIterable<Uint8Array>;
  signal: AbortSignal;
}

/** One line of the answer, under the number of the line it answers. */
type Answer =
  | ({
      line: number;
      id?: unknown;
      model: string;
      version: number;
      epoch: number | null;
    } & PredictOutput['predictions'][0])
  | { line: number; id?: unknown; error: string };

type Readied = { line: number; id?: unknown; text: string } | { line: number; id?: unknown; error: string };

const batchTexts = 64;
const batchCharacters = 262_144;
/** Batches asked of inference at once: one runs while the next one is read. */
const concurrentBatches = 2;
/** How long inference may be overloaded or away before the lines of a batch are answered with the reason. */
const patience = 30_000;

const columns = [
  'line',
  'id',
  'label',
  'confidence',
  'probabilities',
  'truncated',
  'model',
  'version',
  'epoch',
  'error',
] as const;

/** Files scored as they stream through: a few batches are held, whatever the file's size. */
export class BatchPredictions {
  readonly #predictor: Predictor;
  readonly #maximumLineBytes: number;

  constructor(predictor: Predictor, maximumLineBytes: number) {
    this.#predictor = predictor;
    this.#maximumLineBytes = maximumLineBytes;
  }

  /**
   * The answers in the form of the question.
   * @throws Problem when already the first batch cannot be answered (unknown model, no inference)
   */
  async run(request: BatchRequest): Promise<Readable> {
    const lines = fileLines(request.format, request.input, { maximumBytes: this.#maximumLineBytes });
    const answers = this.#answers(batches(lines), request);
    const first = await answers.next();
    return Readable.from(written(request.format, first, answers), { objectMode: false });
  }

  async *#answers(source: AsyncGenerator<Readied[]>, request: BatchRequest): AsyncGenerator<Answer[]> {
    const waiting: Promise<Answer[]>[] = [];
    let first = true;
    for await (const batch of source) {
      waiting.push(this.#answer(batch, request, first));
      if (first || waiting.length >= concurrentBatches) yield (await waiting.shift()) ?? [];
      first = false;
    }
    for (const last of waiting) yield await last;
  }

  /** Rejects for the first batch only, when there is still a status to answer with. */
  async #answer(batch: readonly Readied[], request: BatchRequest, first: boolean): Promise<Answer[]> {
    const texts = batch.flatMap((item) => ('text' in item ? [item.text] : []));
    let output: PredictOutput | undefined;
    let failure = '';
    try {
      if (texts.length > 0) output = await this.#predict({ ...request, texts }, first ? 0 : patience);
    } catch (error) {
      if (first) throw error;
      failure = reasonOf(error);
    }
    let next = 0;
    return batch.map((item) => {
      if ('error' in item) return item;
      const { text: _text, ...known } = item;
      const prediction = output?.predictions[next++];
      if (output === undefined || prediction === undefined) return { ...known, error: failure };
      const { model, version, epoch } = output;
      return { ...known, ...prediction, model, version, epoch };
    });
  }

  /** Overload is waited out: the file is read no faster than inference answers. */
  async #predict({ model, version, texts, signal }: BatchRequest & { texts: string[] }, patient: number) {
    for (let waited = 0; ;) {
      try {
        return await this.#predictor.predict({ model, version, texts, signal });
      } catch (error) {
        const overloaded = error instanceof Problem && [429, 503].includes(error.getStatus());
        if (!overloaded || waited >= patient || signal.aborted) throw error;
        const pause = Math.min(5000, (error.retryAfter ?? 1) * 1000);
        waited += pause;
        await delay(pause, undefined, { signal });
      }
    }
  }
}

async function* batches(lines: AsyncGenerator<Line>): AsyncGenerator<Readied[]> {
  let batch: Readied[] = [];
  let characters = 0;
  for await (const line of lines) {
    const item = readied(line);
    batch.push(item);
    characters += 'text' in item ? item.text.length : 0;
    if (batch.length < batchTexts && characters < batchCharacters) continue;
    yield batch;
    batch = [];
    characters = 0;
  }
  if (batch.length > 0) yield batch;
}

function readied(line: Line): Readied {
  if (!line.ok) return { line: line.line, error: line.reason };
  const { id, text } = line.value;
  const known = id === undefined ? { line: line.line } : { line: line.line, id };
  return typeof text === 'string' ? { ...known, text } : { ...known, error: 'no "text"' };
}

async function* written(
  format: LineFormat,
  first: IteratorResult<Answer[], void>,
  rest: AsyncGenerator<Answer[]>,
): AsyncGenerator<Buffer> {
  const write = format === 'csv' ? csv : jsonLines;
  if (format === 'csv') yield Buffer.from(stringify([columns]));
  if (first.done === true) return;
  yield write(first.value);
  for await (const answers of rest) yield write(answers);
}

function jsonLines(answers: readonly Answer[]): Buffer {
  return Buffer.from(answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''));
}

function csv(answers: readonly Answer[]): Buffer {
  return Buffer.from(
    stringify(
      answers.map((answer) => {
        const row: Record<string, unknown> = { ...answer };
        return columns.map((name) => {
          const value = row[name];
          return value === null || typeof value === 'string' ? value : JSON.stringify(value);
        });
      }),
    ),
  );
}
