import { Readable } from 'node:stream';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { usageError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import { parseModelName } from '../names.ts';
import type { CommonOptions } from '../options.ts';
import { printJson, printTable } from '../output.ts';
import { formatOf, openInput } from './record-lines.ts';

export interface PredictOptions extends CommonOptions {
  model: string;
  version?: string;
  file?: string;
  format?: string;
}

interface Predictions {
  model: string;
  version: number;
  epoch: number | null;
  predictions: { label: string; confidence: number; probabilities: Record<string, number>; truncated: boolean }[];
}

/** `tidemill predict`: texts of the command line in one request, files as a stream. */
export async function predict(texts: readonly string[], options: PredictOptions): Promise<void> {
  const name = parseModelName(options.version === undefined ? options.model : `${options.model}@${options.version}`);
  const client = await GatewayClient.open(options);
  if (options.file !== undefined) {
    if (texts.length > 0) throw usageError('give either texts or --file, not both');
    return predictFile(client, { ...name, file: options.file, format: options.format });
  }
  if (texts.length === 0) throw usageError('give a text, or --file FILE');
  const { model, version } = name;
  const answer = await client.post<Predictions>(
    `/v1/models/${model}/predict`,
    version === undefined ? { texts } : { texts, version },
  );
  if (options.json === true) return printJson(answer);
  printTable(
    ['label', 'confidence', 'version', 'truncated', 'text'],
    answer.predictions.map(({ label, confidence, truncated }, i) => [
      label,
      confidence,
      `${answer.model}@${answer.version}`,
      truncated ? 'yes' : '',
      (texts[i] ?? '').slice(0, 80),
    ]),
  );
}

/** Lines go up while answers come down; nothing is held. */
async function predictFile(
  client: GatewayClient,
  { model, version, file, format }: { model: string; version?: number; file: string; format: string | undefined },
): Promise<void> {
  const type = formatOf(file, format) === 'csv' ? 'text/csv' : 'application/x-ndjson';
  const input = Readable.from(await openInput(file), { objectMode: false });
  const response = await client.raw(
    `/v1/models/${model}/batch-predictions${version === undefined ? '' : `?version=${version}`}`,
    { method: 'POST', stream: { type, body: Readable.toWeb(input) as ReadableStream } },
  );
  for await (const chunk of (response.body ?? []) as WebStream<Uint8Array>) {
    if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve));
  }
}
