import { z } from 'zod';
import { Problem } from '#libs/http';
import { fileLines, type Line, type LineFormat } from '#libs/lines';

/** A labelled text of an upload. */
const labelledText = z.object({
  text: z.string(),
  label: z.string().trim().min(1, 'must not be empty').max(200),
  id: z.string().min(1).optional(),
  group: z.string().optional(),
});

/** Bad lines are told up to this many. */
const toldLines = 20;
/** Of one upload; a larger set is several. */
const maximumBytes = 256 * 1024 ** 2;
/** Lines are handed on in parts of about this many characters. */
const partLength = 65_536;

/**
 * Labelled texts on their way into the store, one JSON document a line; nothing of them is held. A set with a bad line
 * is refused as a whole: a version must not be trained on less than was meant.
 * Iterating throws Problem 422 with the lines, 413 when it is too large.
 */
export class DatasetUpload {
  readonly #lines: AsyncIterable<Line>;
  readonly #labels = new Set<string>();
  #texts = 0;

  constructor(chunks: AsyncIterable<Uint8Array>, format: LineFormat, maximumTextBytes: number) {
    // A line holds a text and its JSON escapes.
    this.#lines = fileLines(format, upToMaximum(chunks), { maximumBytes: 2 * maximumTextBytes });
  }

  get texts(): number {
    return this.#texts;
  }

  /** Sorted. */
  get labels(): string[] {
    return [...this.#labels].toSorted((a, b) => (a < b ? -1 : 1));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const errors: { pointer: string; message: string }[] = [];
    let bad = 0;
    let part = '';
    for await (const line of this.#lines) {
      const row = line.ok ? labelledText.safeParse(line.value) : undefined;
      if (row?.success === true) {
        const { id, text, label, group } = row.data;
        part += `${JSON.stringify({ id, text, label, group })}\n`;
        this.#texts++;
        this.#labels.add(label);
      } else if (bad++ < toldLines) {
        const issue = row?.error?.issues[0];
        const reason = line.ok ? `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'not valid'}`.trim() : line.reason;
        errors.push({ pointer: `/lines/${line.line}`, message: `line ${line.line}: ${reason}` });
      }
      if (part.length < partLength) continue;
      yield part;
      part = '';
    }
    if (bad > 0)
      throw new Problem(422, `${bad} lines cannot be used; the first: ${errors[0]?.message ?? ''}; nothing was kept`, {
        errors,
      });
    if (this.#labels.size < 2)
      throw new Problem(422, `a classifier needs texts of at least two classes, these have ${this.#labels.size}`);
    yield part;
  }
}

async function* upToMaximum(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > maximumBytes) throw new Problem(413, `more than ${maximumBytes} bytes: upload it in parts`);
    yield chunk;
  }
}
