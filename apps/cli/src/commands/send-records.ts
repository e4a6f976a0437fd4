import type { Label, Text } from '#libs/events';
import { configuration, positive } from '../options.ts';
import { note, printJson, printLine, progress, progressDone } from '../output.ts';
import { Pace } from './pace.ts';
import { formatOf, openLines } from './record-lines.ts';
import { recordReader } from './record-reader.ts';
import { type LineRecord, openSink, type RecordSink, type RecordTopic, type SinkOptions } from './record-sink.ts';

export interface SendOptions extends SinkOptions {
  model?: string;
  rate?: string;
  speed?: string;
  format?: string;
}

const batchRecords = 500;
const batchCharacters = 262_144;
/** Wrong lines that are named one by one; the others are counted. */
const namedLines = 100;
const tellEvery = 250;

/** `tidemill produce` and `tidemill label`: a file to a topic, line by line in bounded memory; exit 1 when lines were skipped. */
export async function sendRecords(topic: RecordTopic, file: string, options: SendOptions): Promise<void> {
  const { config } = await configuration(options);
  const format = formatOf(file, options.format);
  const pace = new Pace({ rate: positive('--rate', options.rate), speed: positive('--speed', options.speed) });
  const { maximumTextBytes } = config.stream;
  const read = await recordReader({ topic, format, model: options.model, maximumTextBytes });
  const sending = new Sending(topic, await openSink(topic, options));
  try {
    for await (const line of openLines(file, format)) {
      const record = line.ok ? read(line.value) : line.reason;
      if (typeof record === 'string') {
        sending.skip(line.line, record);
        continue;
      }
      const wait = pace.wait('occurredAt' in record ? record.occurredAt : 0);
      if (wait > 0) {
        await sending.flush();
        await pace.sleep(wait);
      }
      await sending.add({ line: line.line, value: record });
    }
    await sending.flush();
  } finally {
    await sending.close();
  }
  const { sent, skipped } = sending;
  if (options.json === true) printJson({ sent, skipped });
  else printLine(`${sent} ${topic} sent, ${skipped} lines skipped`);
  if (skipped > 0) process.exitCode = 1;
}

/** Collects records into requests and counts what became of them. */
class Sending {
  readonly #topic: RecordTopic;
  readonly #sink: RecordSink;
  readonly #started = performance.now();
  #batch: LineRecord[] = [];
  #characters = 0;
  #told = 0;
  sent = 0;
  skipped = 0;

  constructor(topic: RecordTopic, sink: RecordSink) {
    this.#topic = topic;
    this.#sink = sink;
  }

  async add(record: LineRecord): Promise<void> {
    this.#batch.push(record);
    this.#characters += weight(record.value);
    if (this.#batch.length >= batchRecords || this.#characters >= batchCharacters) await this.flush();
  }

  skip(line: number, reason: string): void {
    this.skipped++;
    if (this.skipped <= namedLines) note(`line ${line}: ${reason}`);
    else if (this.skipped === namedLines + 1) note('more lines are skipped; they are counted at the end');
  }

  async flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const records = this.#batch;
    this.#batch = [];
    this.#characters = 0;
    const refused = await this.#sink.send(records);
    for (const { line, reason } of refused) this.skip(line, reason);
    this.sent += records.length - new Set(refused.map(({ line }) => line)).size;
    this.#tell();
  }

  async close(): Promise<void> {
    await this.#sink.close();
    progressDone();
  }

  #tell(): void {
    const now = performance.now();
    if (now - this.#told < tellEvery) return;
    this.#told = now;
    const rate = Math.round((this.sent * 1000) / (now - this.#started));
    progress(`${this.sent} ${this.#topic} sent, ${this.skipped} lines skipped, ${rate} a second`);
  }
}

function weight(value: Text | Label): number {
  return 'text' in value ? value.text.length + 100 : 100;
}
