import { z } from 'zod';
import { Problem } from '#libs/http';
import { fileLines, type LineFormat } from '#libs/lines';

/** A labelled text of an upload. */
const labelledText = z.object({
  text: z.string(),
  label: z.string().trim().min(1, 'must not be empty').max(200),
  id: z.string().min(1).optional(),
  group: z.string().optional(),
});

export interface UploadedDataset {
  /** One JSON document a line, as the store keeps it. */
  content: string;
  texts: number;
  /** Sorted. */
  labels: string[];
}

/** Bad lines are told up to this many. */
const toldLines = 20;
/** Bytes of all texts together; a larger set is several. */
const maximumBytes = 256 * 1024 ** 2;

/**
 * Reads labelled texts. A set with a bad line is refused as a whole: a version must not be trained on less than was meant.
 * @throws Problem 422 with the lines, 413 when it is too large
 */
export async function readDataset(
  chunks: AsyncIterable<Uint8Array>,
  format: LineFormat,
  maximumTextBytes: number,
): Promise<UploadedDataset> {
  const lines: string[] = [];
  const labels = new Set<string>();
  const errors: { pointer: string; message: string }[] = [];
  let bytes = 0;
  let bad = 0;
  // A line holds a text and its JSON escapes.
  for await (const line of fileLines(format, chunks, { maximumBytes: 2 * maximumTextBytes })) {
    const row = line.ok ? labelledText.safeParse(line.value) : undefined;
    if (row?.success === true) {
      const { id, text, label, group } = row.data;
      const json = JSON.stringify({ id, text, label, group });
      bytes += json.length;
      if (bytes > maximumBytes) throw new Problem(413, `more than ${maximumBytes} bytes: upload it in parts`);
      lines.push(json);
      labels.add(label);
    } else if (bad++ < toldLines) {
      const issue = row?.error?.issues[0];
      const reason = line.ok ? `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'not valid'}`.trim() : line.reason;
      errors.push({ pointer: `/lines/${line.line}`, message: `line ${line.line}: ${reason}` });
    }
  }
  if (bad > 0)
    throw new Problem(422, `${bad} lines cannot be used; the first: ${errors[0]?.message ?? ''}; nothing was kept`, {
      errors,
    });
  if (labels.size < 2)
    throw new Problem(422, `a classifier needs texts of at least two classes, these have ${labels.size}`);
  const content = `${lines.join('\n')}\n`;
  return { content, texts: lines.length, labels: [...labels].toSorted((a, b) => (a < b ? -1 : 1)) };
}
