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
  | Unanswered;

interface Unanswered {
  line: number;
  id?: unknown;
  error: string;
}

interface Question {
  line: number;
  id?: unknown;
  text: string;
}

type Readied = Question | Unanswered;

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
    const questions = batch.filter((item) => 'text' in item);
    let answers: Answer[];
    try {
      answers = await this.#ask(questions, request, first ? 0 : patience);
    } catch (error) {
      if (first) throw error;
      answers = questions.map((question) => unanswered(question, reasonOf(error)));
    }
    const byLine = new Map(answers.map((answer) => [answer.line, answer]));
    return batch.flatMap((item) => ('error' in item ? item : (byLine.get(item.line) ?? [])));
  }

  /** In any order. Inference refuses a request for the texts its model has no answer for: the others are asked again. */
  async #ask(questions: readonly Question[], request: BatchRequest, patient: number): Promise<Answer[]> {
    if (questions.length === 0) return [];
    try {
      const texts = questions.map(({ text }) => text);
      const { predictions, ...by } = await this.#predict({ ...request, texts }, patient);
      return questions.map((question, row) => {
        const prediction = predictions[row];
        if (prediction === undefined) return unanswered(question, 'inference left it out');
        const { text: _text, ...known } = question;
        return { ...known, ...prediction, ...by };
      });
    } catch (error) {
      const refused = refusedTexts(error);
      const others = questions.filter((_, row) => !refused.has(row));
      if (others.length === questions.length) throw error;
      const without = questions.flatMap((question, row) => {
        const reason = refused.get(row);
        return reason === undefined ? [] : [unanswered(question, reason)];
      });
      return [...without, ...(await this.#ask(others, request, patient))];
    }
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

/** Rows that inference names in its 422, and why. */
function refusedTexts(error: unknown): Map<number, string> {
  const errors = error instanceof Problem && error.getStatus() === 422 ? (error.document.errors ?? []) : [];
  return new Map(
    errors.flatMap(({ pointer, message }) => {
      const row = /^\/texts\/(\d+)$/.exec(pointer)?.[1];
      return row === undefined ? [] : [[Number(row), message] as const];
    }),
  );
}

function unanswered({ text: _text, ...known }: Question, error: string): Unanswered {
  return { ...known, error };
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
