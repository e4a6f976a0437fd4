import { userInfo } from 'node:os';
import { Readable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import { GatewayClient } from '../gateway-client.ts';
import { parseModelName } from '../names.ts';
import type { CommonOptions } from '../options.ts';
import { note } from '../output.ts';
import { followRequest } from './follow-request.ts';
import { type Model, report, requestTraining } from './models.ts';
import { formatOf, openInput, openLines } from './record-lines.ts';

interface Dataset {
  digest: string;
  texts: number;
  labels: string[];
}

/** `tidemill models create`: uploads labelled texts, trains version 1, waits until it is promoted or refused. */
export async function createModel(
  name: string,
  options: CommonOptions & { train: string; encoder?: string; reason?: string },
): Promise<void> {
  const { model } = parseModelName(name);
  const client = await GatewayClient.open(options);
  await refuseExisting(client, model, options.encoder);
  const input =
    formatOf(options.train, undefined) === 'csv' ? csvAsJsonLines(options.train) : await openInput(options.train);
  const dataset = await client.json<Dataset>(
    `/v1/models/${model}/datasets?by=${encodeURIComponent(userInfo().username)}`,
    {
      method: 'POST',
      stream: {
        type: 'application/x-ndjson',
        body: Readable.toWeb(Readable.from(input, { objectMode: false })) as ReadableStream,
      },
    },
  );
  note(`${dataset.texts} texts of ${dataset.labels.length} classes uploaded (${dataset.digest.slice(0, 12)})`);
  const { encoder, reason = 'a new model' } = options;
  const asked = { dataset: dataset.digest, encoder, reason };
  report(await followRequest(client, () => requestTraining(client, model, asked)), options);
}

/** Texts of something else must not become a version of a model that serves. */
async function refuseExisting(client: GatewayClient, model: string, encoder: string | undefined): Promise<void> {
  const { models } = await client.json<{ models: Model[] }>('/v1/models');
  const versions = models.find((existing) => existing.model === model)?.versions ?? [];
  if (versions.length > 0)
    throw new CliError(
      `${model} exists; \`tidemill label\` gives it labels, ` +
        `\`tidemill train ${model}${encoder === undefined ? '' : ` --encoder ${encoder}`}\` a new version; or choose another name`,
    );
}

async function* csvAsJsonLines(file: string): AsyncGenerator<Buffer> {
  for await (const line of openLines(file, 'csv')) {
    if (line.ok) yield Buffer.from(`${JSON.stringify(line.value)}\n`);
    else note(`line ${line.line}: ${line.reason}`);
  }
}
